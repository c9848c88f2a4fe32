"""A disk that a log of writes is played on, and what a power cut may leave of it.

What was written since a file's last flush may be there, or not, or in part; likewise the names in a folder since the
folder's last flush. That is all that POSIX promises, and less than most file systems keep.
"""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tests.hunts.write_log import Record, Step

# A disk writes a sector as a whole, or not at all: of old ones and emulating ones, and of others.
_SECTORS: Final = (512, 4096)
# The share of the writes that have reached the disk: none, hardly any, half, or nearly all of them.
_SHARES: Final = (0.0, 0.1, 0.5, 0.9)

Files = Mapping[str, bytes]


@dataclass(eq=False)
class _File:
    """The content as the process sees it, as it was at the last flush, and what was written since."""

    now: bytearray = field(default_factory=bytearray)
    flushed: bytes = b""
    since: list[Record] = field(default_factory=list)

    def change(self, record: Record) -> None:
        _apply(self.now, record.offset, record.data, cut=record.step is Step.CUT)
        self.since.append(record)

    def flush(self) -> None:
        self.flushed = bytes(self.now)
        self.since.clear()

    def remains(self, dice: random.Random) -> bytes:
        """Return what a power cut may leave of it."""
        content = bytearray(self.flushed)
        kept = dice.choice(_SHARES)
        for record in self.since:
            if dice.random() < kept:
                _apply(content, record.offset, record.data, cut=record.step is Step.CUT)
            elif record.step is Step.WRITTEN:
                _tear(content, record, dice)
        return bytes(content)


@dataclass(frozen=True)
class _NameChange:
    """Names that were taken away, and one that was given."""

    gone: Sequence[str]
    given: Mapping[str, _File]

    def apply(self, names: dict[str, _File]) -> None:
        for name in self.gone:
            names.pop(name, None)
        names.update(self.given)


class Disk:
    """The files of one folder."""

    def __init__(self, folder: Path) -> None:
        """Begin with the files that are there, flushed long ago."""
        self._by_inode: dict[int, _File] = {}
        self._names: dict[str, _File] = {}
        for path in folder.iterdir():
            content = path.read_bytes()
            self._names[path.name] = self._by_inode[path.stat().st_ino] = _File(bytearray(content), content)
        self._flushed_names = dict(self._names)
        self._renamed: list[_NameChange] = []

    def take(self, record: Record) -> bool:
        """Apply the record. Return whether it has changed what a power cut would leave."""
        match record.step:
            case Step.OPENED:
                return self._open(record.file, *record.names)
            case Step.RENAMED:
                old, new = record.names
                self._rename(_NameChange([old], {new: self._names[old]}))
            case Step.UNLINKED:
                self._rename(_NameChange(record.names, {}))
            case Step.WRITTEN | Step.CUT:
                self._by_inode[record.file].change(record)
            case Step.FLUSHED:
                self._by_inode[record.file].flush()
            case Step.FOLDER_FLUSHED:
                self._flushed_names = dict(self._names)
                self._renamed.clear()
            case _:
                return False
        return True

    def now(self) -> Files:
        """Return what a power cut leaves when everything that was written has reached the disk."""
        return {name: bytes(file.now) for name, file in self._names.items()}

    def remains(self, dice: random.Random) -> Files:
        """Return what a power cut may leave at the worst."""
        names = dict(self._flushed_names)
        kept = dice.choice((*_SHARES, 1.0))
        for change in self._renamed:
            if dice.random() < kept:
                change.apply(names)
        return {name: file.remains(dice) for name, file in names.items()}

    def _open(self, inode: int, name: str) -> bool:
        known = self._by_inode.get(inode)
        if known is not None and self._names.get(name) is known:
            return False
        self._by_inode[inode] = _File()
        self._rename(_NameChange([], {name: self._by_inode[inode]}))
        return True

    def _rename(self, change: _NameChange) -> None:
        change.apply(self._names)
        self._renamed.append(change)


def _apply(content: bytearray, offset: int, data: bytes, *, cut: bool) -> None:
    if cut:
        del content[offset:]
    content.extend(bytes(max(0, offset - len(content))))
    content[offset : offset + len(data)] = data


def _tear(content: bytearray, record: Record, dice: random.Random) -> None:
    """Lose a write, or a part of it, or its data but not the file's new length."""
    match dice.randrange(3):
        case 0:
            size = dice.choice(_SECTORS)
            end = record.offset + len(record.data)
            first = record.offset - record.offset % size
            for sector in range(first, end, size):
                if dice.random() < 0.5:
                    begin, behind = max(sector, record.offset), min(sector + size, end)
                    part = record.data[begin - record.offset : behind - record.offset]
                    _apply(content, begin, part, cut=False)
        case 1:
            content.extend(bytes(max(0, record.offset + len(record.data) - len(content))))
        case _:
            pass
