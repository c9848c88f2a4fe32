"""The disk on which a log of writes is played: what a power cut may leave, and what it may not."""

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.hunts.disk import Disk, Files
from tests.hunts.write_log import Record, Step

SEEDS = range(300)


def opened(inode: int, name: str) -> Record:
    return Record(Step.OPENED, inode, data=name.encode())


def written(inode: int, data: bytes, offset: int = 0) -> Record:
    return Record(Step.WRITTEN, inode, offset, data)


def cut(inode: int, length: int) -> Record:
    return Record(Step.CUT, inode, length)


def flushed(inode: int) -> Record:
    return Record(Step.FLUSHED, inode)


FOLDER_FLUSHED = Record(Step.FOLDER_FLUSHED)


def renamed(old: str, new: str) -> Record:
    return Record(Step.RENAMED, data=f"{old}\0{new}".encode())


def unlinked(name: str) -> Record:
    return Record(Step.UNLINKED, data=name.encode())


@pytest.fixture
def disk(tmp_path: Path) -> Disk:
    return Disk(tmp_path)


def play(disk: Disk, *records: Record) -> None:
    for record in records:
        disk.take(record)


def possible(disk: Disk) -> Iterator[Files]:
    for seed in SEEDS:
        yield disk.remains(random.Random(seed))


def contents(disk: Disk, name: str) -> set[bytes]:
    return {files[name] for files in possible(disk)}


def test_what_was_flushed_is_there_whatever_happens(disk: Disk) -> None:
    play(disk, opened(1, "a"), written(1, b"abc"), flushed(1), FOLDER_FLUSHED)
    assert contents(disk, "a") == {b"abc"}


def test_what_was_there_before_is_on_the_disk(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"abc")
    disk = Disk(tmp_path)
    play(disk, written((tmp_path / "a").stat().st_ino, b"d", 3))
    assert disk.now() == {"a": b"abcd"}
    assert contents(disk, "a") == {b"abc", b"abcd", b"abc\0"}


def test_a_write_that_was_not_flushed_may_be_there_or_not(disk: Disk) -> None:
    play(disk, opened(1, "a"), written(1, b"abc"), flushed(1), FOLDER_FLUSHED, written(1, b"xyz"), written(1, b"3", 2))
    assert contents(disk, "a") == {b"abc", b"xyz", b"xy3", b"ab3"}
    assert disk.now() == {"a": b"xy3"}


def test_a_large_write_may_be_there_by_sectors(disk: Disk) -> None:
    play(disk, opened(1, "a"), written(1, b"a" * 1024), flushed(1), FOLDER_FLUSHED, written(1, b"b" * 1024))
    sectors = {b"aa": 0, b"ab": 0, b"ba": 0, b"bb": 0}
    assert {content[::512] for content in contents(disk, "a")} == set(sectors)
    assert all(len(set(content[:512])) == 1 for content in contents(disk, "a"))


def test_a_file_that_was_cut_may_be_whole_again(disk: Disk) -> None:
    play(disk, opened(1, "a"), written(1, b"abc"), flushed(1), FOLDER_FLUSHED, cut(1, 1))
    assert disk.now() == {"a": b"a"}
    assert contents(disk, "a") == {b"a", b"abc"}


def test_a_new_name_may_be_gone_until_its_folder_is_flushed(disk: Disk) -> None:
    play(disk, opened(1, "a"), written(1, b"abc"), flushed(1))
    assert {tuple(files.items()) for files in possible(disk)} == {(), (("a", b"abc"),)}
    play(disk, FOLDER_FLUSHED)
    assert contents(disk, "a") == {b"abc"}


def test_a_removed_file_may_be_back_until_its_folder_is_flushed(disk: Disk) -> None:
    play(disk, opened(1, "a"), flushed(1), FOLDER_FLUSHED, unlinked("a"))
    assert disk.now() == {}
    assert {tuple(files) for files in possible(disk)} == {(), ("a",)}
    play(disk, FOLDER_FLUSHED)
    assert {tuple(files) for files in possible(disk)} == {()}


def test_a_file_takes_the_name_of_another_one_at_once(disk: Disk) -> None:
    play(disk, opened(1, "old"), written(1, b"old"), opened(2, "new"), written(2, b"new"))
    play(disk, flushed(1), flushed(2), FOLDER_FLUSHED, renamed("new", "old"))
    assert disk.now() == {"old": b"new"}
    assert {tuple(sorted(files.items())) for files in possible(disk)} == {
        (("new", b"new"), ("old", b"old")),
        (("old", b"new"),),
    }


def test_an_inode_that_is_used_again_is_another_file(disk: Disk) -> None:
    play(disk, opened(1, "a"), written(1, b"abc"), flushed(1), FOLDER_FLUSHED, unlinked("a"), opened(1, "b"))
    assert disk.now() == {"b": b""}
    assert {tuple(sorted(files.items())) for files in possible(disk)} == {
        (("a", b"abc"),),
        (("a", b"abc"), ("b", b"")),
        (("b", b""),),
        (),
    }


def test_it_tells_whether_something_has_changed(disk: Disk) -> None:
    assert disk.take(opened(1, "a"))
    assert not disk.take(opened(1, "a"))
    assert disk.take(written(1, b"abc"))
    assert not disk.take(Record(Step.MARK, data=b"{}"))
