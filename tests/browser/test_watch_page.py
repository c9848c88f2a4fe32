"""docs/stubs.md shows the watch that the browser has run."""

from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_page_of_stubs_shows_the_watch_that_is_tested() -> None:
    source = (ROOT / "tests/browser/watch.ts").read_text(encoding="utf-8")
    shown = source.replace("../../clients/typescript/src/gen/", "./gen/").strip()
    assert f"```ts\n{shown}\n```" in (ROOT / "docs/stubs.md").read_text(encoding="utf-8")
