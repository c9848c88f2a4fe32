"""Reads what is left of a database, as a server would that starts on it, and compares it with what was promised."""

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from ringback.storage.errors import StoreCannotOpen
from ringback.storage.sqlite.schema import prepare, refusals
from ringback.storage.sqlite.sole_use import sole_use

# Each change of a callback is an event, and none is forgotten so soon.
_LOGGED: Final = """
    SELECT callback_id, revision, (SELECT count(*) FROM event WHERE event.callback_id = callback.callback_id)
    FROM callback
"""
# What the server keeps in the files of a database: all that an erasure has to reach.
_OWN: Final = ("", "-wal", "-journal")


@dataclass(frozen=True)
class Remains:
    """What a store finds in a database."""

    # By id.
    revisions: Mapping[str, int]
    services: frozenset[str]
    faults: tuple[str, ...] = ()


@dataclass
class Promised:
    """What was told until some moment, and has to be found from then on."""

    # By the id of a callback: the newest revision that somebody has seen.
    revisions: dict[str, int] = field(default_factory=dict)
    services: set[str] = field(default_factory=set)
    # Callbacks that were erased, and the targets.
    erased: set[str] = field(default_factory=set)
    targets: set[str] = field(default_factory=set)
    # By the name of a backup: what one that is there must hold, and those that must be there.
    copies: dict[str, dict[str, int]] = field(default_factory=dict)
    complete: set[str] = field(default_factory=set)

    def take(self, mark: Mapping[str, Any]) -> None:
        match mark:
            case {"holds": revisions}:
                for callback_id, revision in revisions.items():
                    self.revisions[callback_id] = max(revision, self.revisions.get(callback_id, 0))
            case {"service": service_id}:
                self.services.add(service_id)
            case {"erasing": ids}:
                for callback_id in ids:  # from now on it may be there, or not
                    del self.revisions[callback_id]
            case {"erased": ids, "target": target}:
                self.erased.update(ids)
                self.targets.add(target)
            case {"copying": name}:
                self.copies.setdefault(name, dict(self.revisions))
            case {"copied": name, "since": revisions}:
                self.copies[name] = revisions
                self.complete.add(name)
            case _:
                raise ValueError(f"an unknown mark: {mark}")

    def broken_by(self, remains: Remains) -> Iterator[str]:
        """Yield each promise that the database does not keep."""
        yield from remains.faults
        yield from _missing(self.revisions, remains)
        for service_id in self.services - remains.services:
            yield f"the service {service_id} was acknowledged, and is gone"
        for callback_id in self.erased & remains.revisions.keys():
            yield f"{callback_id} was erased, and is back"

    def broken_by_files(self, files: Mapping[str, bytes], database: str) -> Iterator[str]:
        """Yield what the files of the database still have of what was erased."""
        for end in _OWN:
            for target in self.targets:
                if target.encode() in files.get(database + end, b""):
                    yield f"{target} was erased, and is in the file *{end}"

    def broken_by_copy(self, name: str, copy: Remains | None) -> Iterator[str]:
        if copy is not None:
            yield from copy.faults
            yield from _missing(self.copies[name], copy)
        elif name in self.complete:
            yield f"the backup {name} was complete, and is gone"


def _missing(promised: Mapping[str, int], remains: Remains) -> Iterator[str]:
    for callback_id, revision in promised.items():
        found = remains.revisions.get(callback_id, 0)
        if found < revision:
            yield f"{callback_id} was acknowledged in revision {revision}, and is there in {found or 'none'}"


def read(database: Path) -> Remains:
    """Open the database as a server does that starts on it, read what is there, close it, and have SQLite check it."""
    try:
        with sole_use(database), refusals(database), closing(_connected(database)) as connection:
            prepare(database, connection)
            logged = list(connection.execute(_LOGGED))
            services = frozenset(service_id for (service_id,) in connection.execute("SELECT service_id FROM service"))
    except StoreCannotOpen as refusal:
        return Remains({}, frozenset(), (str(refusal),))
    faults = [
        f"{callback_id} is there in revision {revision}, and has {events} events"
        for callback_id, revision, events in logged
        if revision != events
    ]
    revisions = {callback_id: revision for callback_id, revision, _ in logged}
    return Remains(revisions, services, (*faults, *_faults_by_sqlite(database)))


def _connected(database: Path) -> sqlite3.Connection:
    return sqlite3.connect(database, isolation_level=None)


def _faults_by_sqlite(database: Path) -> Iterator[str]:
    try:
        with closing(_connected(database)) as connection:
            for check in ("integrity_check", "foreign_key_check"):
                yield from (f"{check}: {found}" for found in connection.execute(f"PRAGMA {check}") if found != ("ok",))
    except sqlite3.DatabaseError as fault:
        yield f"it cannot be checked: {fault}"
