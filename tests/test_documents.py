"""The files that the documents name are there: a page that sends its reader elsewhere is right about where."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FOLDERS_OF_PARTS = [ROOT / "src/ringback", ROOT / "protos"]
PAGES = [
    *ROOT.glob("*.md"),
    *ROOT.glob("docs/*.md"),
    *ROOT.glob("docs/security/*.md"),
    *ROOT.glob("deploy/*.md"),
    *ROOT.glob("bench/**/*.md"),
    *ROOT.glob("tests/**/*.md"),
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
