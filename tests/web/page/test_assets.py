"""The files that are in the package, and files that are not as `make page` writes them."""

import re
from gzip import compress
from pathlib import Path

import pytest

from ringback.web.page.assets import FOLDER, Assets, UnusableAssets

# What page.md allows.
_MOST_BYTES = 150_000


def write(folder: Path, **files: bytes) -> None:
    for name, content in files.items():
        path = folder / name.replace("__", ".")
        path.write_bytes(content)
        path.with_name(f"{path.name}.gz").write_bytes(compress(content))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write(tmp_path, index__html=b"<!doctype html>", manifest__json=b'{"main.js": "main-1.js"}')
    (tmp_path / "main-1.js").write_bytes(b"one()")
    (tmp_path / "main-1.js.gz").write_bytes(compress(b"one()"))
    return tmp_path


def test_the_files_of_the_package_are_whole_and_few_bytes() -> None:
    assets = Assets.read()
    assert assets.gzipped_bytes < _MOST_BYTES
    document = assets.document.plain.body.decode()
    named = set(re.findall(r'(?:src|href)="/ui/assets/([^"]+)"', document))
    assert named <= assets.by_name.keys()


def test_nothing_lies_beside_them() -> None:
    names = {path.name.removesuffix(".gz") for path in FOLDER.iterdir()}
    assert names == {"index.html", "manifest.json", *Assets.read().by_name}


def test_each_package_in_the_page_has_its_licence() -> None:
    """Also where the package has it in the heads of its sources, or names it only."""
    [licences] = [asset for name, asset in Assets.read().by_name.items() if name.startswith("licences-")]
    texts = re.split(r"^-{78}$", licences.plain.body.decode(), flags=re.MULTILINE)
    assert [text for text in texts if not text.strip().partition("\n")[2].strip()] == []
    assert all(
        text in licences.plain.body.decode()
        for text in ("TERMS AND CONDITIONS FOR USE", "Copyright 2008 Google Inc.", "Permission is hereby granted")
    )


def test_the_document_has_no_script_or_style_of_its_own() -> None:
    document = Assets.read().document.plain.body.decode()
    assert re.findall(r"<script(?![^>]*\bsrc=)|<style|\bstyle=|\bon\w+=|javascript:|https?://", document) == []


def test_what_is_in_the_manifest_is_served_and_nothing_else(folder: Path) -> None:
    write(folder, left__js=b"over()")
    assets = Assets.read(folder)
    assert list(assets.by_name) == ["main-1.js"]
    main = assets.by_name["main-1.js"]
    assert (main.content_type, main.plain.body) == ("text/javascript; charset=utf-8", b"one()")
    assert main.plain.etag != main.gzipped.etag


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("index.html", None),
        ("main-1.js", None),
        ("main-1.js.gz", None),
        ("main-1.js.gz", compress(b"two()", mtime=0)),
        ("main-1.js.gz", b"no gzip"),
        ("main-1.js.gz", compress(b"one()", mtime=0)[:-4]),
        ("manifest.json", None),
        ("manifest.json", b"[]"),
        ("manifest.json", b'{"main.js": "main-1.exe"}'),
        ("manifest.json", b'{"main.js": "../main-1.js"}'),
    ],
)
def test_files_that_are_not_whole(folder: Path, name: str, content: bytes | None) -> None:
    if content is None:
        (folder / name).unlink()
    else:
        (folder / name).write_bytes(content)
    with pytest.raises(UnusableAssets, match="are not whole"):
        Assets.read(folder)
