"""The files that the documents name are there: a page that sends its reader elsewhere is right about where."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]
FOLDERS_OF_PARTS = [ROOT / "src/ringback", ROOT / "protos"]
PAGES = [
    *ROOT.glob("*.md"),
    *ROOT.glob("docs/*.md"),
    *ROOT.glob("docs/security/*.md"),
    *ROOT.glob("deploy/*.md"),
    *ROOT.glob("bench/**/*.md"),
    *(path for path in ROOT.glob("tests/**/*.md") if "node_modules" not in path.parts),
    *ROOT.glob("clients/*/README.md"),
    ROOT / "clients/python/dialer/README.md",
]

# Blocks of code and of output name files of their own.
BLOCK = re.compile(r"^( *)```.*?^\1```", re.DOTALL | re.MULTILINE)
CODE = re.compile(r"`([^`\n]+)`")
LINK = re.compile(r"\]\(([^)\s#]+)[^)]*\)")
# A path may have a star in it. Placeholders (NAME, <dialect>) are not looked for.
PATH = re.compile(r"(?:[\w*.-]+/)*[\w*.-]*\w[\w*.-]*/?")
SUFFIXES = {
    *(".c", ".go", ".java", ".js", ".json", ".md", ".mjs", ".mod", ".proto", ".py", ".rs"),
    *(".sh", ".sql", ".sum", ".svg", ".toml", ".ts", ".txt", ".yaml", ".yml"),
}
FOLDERS = {path.name for path in ROOT.iterdir() if path.is_dir()}
# What is made by a command, and what a reader makes.
MADE = ("build/", "services.yaml", "ringback.yaml", "access.yaml", "gen/")


def names(text: str) -> Iterator[str]:
    """What a page calls a file or a folder of this repository."""
    text = BLOCK.sub("", text)
    for code in CODE.findall(text):
        if PATH.fullmatch(code) and looks_like_a_path(code) and not code.startswith(MADE):
            yield code
    for link in LINK.findall(text):
        if "://" not in link:
            yield link


def looks_like_a_path(code: str) -> bool:
    first, slash, _ = code.partition("/")
    return Path(code).suffix in SUFFIXES or (slash != "" and first in FOLDERS and not re.search("[A-Z]{3}", code))


def is_there(name: str, page: Path) -> bool:
    """Whether the name leads somewhere from the page, or from the root.

    The names of what is in the source may be shortened, and on a page about a folder those of what is in it.
    """
    if (page.parent / name).exists() or any(ROOT.glob(name)):
        return True
    shortened = [*FOLDERS_OF_PARTS, *([] if page.parent in (ROOT, ROOT / "docs") else [page.parent])]
    return any(any(folder.glob(f"**/{name}")) for folder in shortened)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_the_files_that_a_page_names_are_there(page: Path) -> None:
    missing = [name for name in names(page.read_text(encoding="utf-8")) if not is_there(name, page)]
    assert missing == []


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("see `domain/lifecycle.py`", ["domain/lifecycle.py"]),
        ("all of `src/ringback/storage/`", ["src/ringback/storage/"]),
        ("`protos/ringback/v1/*.proto`, `buf.gen.yaml`", ["protos/ringback/v1/*.proto", "buf.gen.yaml"]),
        ("see [the manual](../docs/api.md#limits)", ["../docs/api.md"]),
        ("[elsewhere](https://example.com/a.py)", []),
        ("`google/protobuf`, `grpc.health.v1`, `make -C docs/stubs`, `clients/LANGUAGE`, `build/x/y.py`", []),
        ("```console\n$ cat `gone.py`\n```", []),
    ],
)
def test_what_counts_as_the_name_of_a_file(text: str, found: list[str]) -> None:
    assert list(names(text)) == found


@pytest.mark.parametrize("name", ["domain/cycle.py", "lifecycle.md", "src/ringback/gone/", "ringback/lifecycle.py"])
def test_a_name_that_leads_nowhere_is_seen(name: str) -> None:
    assert not is_there(name, ROOT / "README.md")


# --- Anchors ---------------------------------------------------------------------------------------------------------

HEADING = re.compile(r"^#{1,6} +(.+?) *$", re.MULTILINE)
NAMED = re.compile(r'<a (?:name|id)="([^"]+)">')
TO_ANCHOR = re.compile(r"\]\(([^)\s#]*)#([^)\s]+)\)")


def anchors(page: Path) -> set[str]:
    """Return what can be linked to on a page, by the rules of GitHub."""
    text = page.read_text(encoding="utf-8")
    titles = [re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", title) for title in HEADING.findall(BLOCK.sub("", text))]
    slugs = [re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles]
    repeated = {f"{slug}-{number}" for slug in slugs for number in range(1, slugs.count(slug))}
    return {*slugs, *repeated, *NAMED.findall(text)}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_the_sections_that_a_page_links_to_are_there(page: Path) -> None:
    links = TO_ANCHOR.findall(BLOCK.sub("", page.read_text(encoding="utf-8")))
    ours = [(link, anchor) for link, anchor in links if "://" not in link]
    missing = [
        f"{link}#{anchor}" for link, anchor in ours if anchor not in anchors(page.parent / link if link else page)
    ]
    assert missing == []


def test_what_counts_as_an_anchor(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text('# At `three`, in [the](x.md) morning\n```\n# no title\n```\n## A\n## A\n<a name="x-Y"></a>\n')
    assert anchors(page) == {"at-three-in-the-morning", "a", "a-1", "x-Y"}


# --- Runbooks --------------------------------------------------------------------------------------------------------


def test_each_alert_has_its_section() -> None:
    """An alert that leads to no section is of no help at night, and a section without an alert is never read."""
    groups = yaml.safe_load((ROOT / "deploy/prometheus/alerts.yaml").read_text())["groups"]
    rules = [rule for group in groups for rule in group["rules"] if "alert" in rule]
    page = ROOT / "docs/operating.md"
    there = {heading for heading in HEADING.findall(page.read_text(encoding="utf-8")) if heading.startswith("Ringback")}
    assert {rule["alert"] for rule in rules} == there
    for rule in rules:
        link, _, anchor = rule["annotations"]["runbook_url"].partition("#")
        assert link.endswith("docs/operating.md")
        assert anchor == rule["alert"].lower()


# --- Faults ----------------------------------------------------------------------------------------------------------

RELIABILITY = ROOT / "docs/reliability.md"
TARGETS = re.compile(r"^([a-z][a-z-]*):", re.MULTILINE)


def faults(page: str) -> Iterator[tuple[str, str]]:
    """Each fault of the page, and what shows what happens in it: the last column of tables that are headed so."""
    for table in re.findall(r"(?:^\|.*\n)+", page, re.MULTILINE):
        head, _, *rows = table.splitlines()
        if head.rstrip(" |").endswith("shown by"):
            for row in rows:
                cells = row.strip("|").split("|")
                yield cells[0].strip(), cells[-1].strip()


def test_each_fault_is_shown_by_a_test_or_a_target_that_is_there() -> None:
    targets = set(TARGETS.findall((ROOT / "Makefile").read_text()))
    rows = list(faults(RELIABILITY.read_text(encoding="utf-8")))
    assert rows
    for fault, shown_by in rows:
        named = CODE.findall(shown_by)
        assert named, f"nothing shows: {fault}"
        for name in named:
            there = name.removeprefix("make ") in targets if name.startswith("make ") else (ROOT / name).is_file()
            assert there, f"{name} does not exist: {fault}"
