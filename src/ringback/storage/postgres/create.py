"""Creating callbacks, each once, whoever asks for it on whichever server.

All calls of a batch are one: they are inserted together, and those that PostgreSQL did not insert are there already.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final, NamedTuple

import psycopg

from ringback.domain.callback import Callback
from ringback.ports.errors import UnknownService
from ringback.storage import event_row
from ringback.storage.body import read_callback
from ringback.storage.callback_row import CALLBACK_COLUMNS, Row, row_of
from ringback.storage.postgres.labels import insert_labels, recordset, rows_json
from ringback.storage.postgres.transaction import Locks, PostgresOperation, PostgresTransaction


class Creation(NamedTuple):
    """What one call creates, and the ids of those that must be alone."""

    new: Sequence[Callback]
    alone: Collection[str]


class _Name(NamedTuple):
    """What a callback is found by: its id, its external task or its request."""

    kind: str
    name: str
    caller_id: str = ""


class _Place(NamedTuple):
    service_id: str
    target: str


class _New(NamedTuple):
    callback: Callback
    row: Row
    alone: bool

    @property
    def names(self) -> list[_Name]:
        return _names(self.callback)

    @property
    def place(self) -> _Place:
        return _Place(self.callback.service_id, self.callback.dial_target)


_COLUMN_LIST: Final = ", ".join(CALLBACK_COLUMNS)
_INSERT: Final = f"""
    INSERT INTO callback ({_COLUMN_LIST}) SELECT {_COLUMN_LIST} FROM {recordset(CALLBACK_COLUMNS, "new")}
        ON CONFLICT DO NOTHING RETURNING callback_id
"""  # noqa: S608 - SQL of ours
SAME_NAME: Final = """
    SELECT body, lease_expire_us FROM callback WHERE callback_id = ANY($1)
    UNION ALL
    SELECT body, lease_expire_us FROM callback WHERE request_id = ANY($2)
    UNION ALL
    SELECT body, lease_expire_us
      FROM unnest($3::text[], $4::text[]) AS task (caller_id, external_task_id)
      JOIN callback USING (caller_id, external_task_id)
     WHERE callback.external_task_id IS NOT NULL
"""
SAME_TARGET: Final = """
    SELECT first.* FROM unnest($1::text[], $2::text[]) AS place (service_id, dial_target)
     CROSS JOIN LATERAL (
        SELECT body, lease_expire_us FROM callback
         WHERE dial_target = place.dial_target AND end_us IS NULL AND callback.service_id = place.service_id
         ORDER BY callback_id COLLATE "POSIX" LIMIT 1
     ) AS first
"""


async def _create(
    transaction: PostgresTransaction, calls: Sequence[Creation]
) -> list[list[Callback | None] | Exception]:
    there = transaction.services
    refused = [next((c.service_id for c in call.new if c.service_id not in there), None) for call in calls]
    new = [
        _New(callback, row_of(callback), callback.callback_id in call.alone)
        for call, service_id in zip(calls, refused, strict=True)
        for callback in call.new
        if service_id is None
    ]
    there_already = await _insert_new(transaction, new)
    stored = [one for one, other in zip(new, there_already, strict=True) if other is None]
    await insert_labels(transaction, [one.callback for one in stored])
    transaction.entries += [event_row.created(one.callback, one.row[-1]) for one in stored]
    answers = iter(there_already)
    return [
        [next(answers) for _ in call.new] if service_id is None else UnknownService(service_id)
        for call, service_id in zip(calls, refused, strict=True)
    ]


async def _insert_new(transaction: PostgresTransaction, new: Sequence[_New]) -> list[Callback | None]:
    """The one there already for each, None for each that was stored."""
    there_already: dict[int, Callback | None] = {}
    known = _Known()
    # Mostly, all are new. Looked at before is only what must be alone; else the second time tells what was there.
    look_up = any(one.alone for one in new)
    while pending := {place: one for place, one in enumerate(new) if place not in there_already}:
        if look_up:
            await known.look_up(transaction, pending.values())
        answers = {place: other for place, one in pending.items() if (other := known.other(one)) is not None}
        fresh = _first_of_equals((place, one) for place, one in pending.items() if place not in answers)
        stored = await _insert(transaction, fresh)
        if look_up and not answers and not stored:
            raise psycopg.errors.UniqueViolation("a new callback is refused for something else than its names")
        there_already |= answers
        there_already |= dict.fromkeys(stored)
        look_up = True
    return [there_already[place] for place in range(len(new))]


async def _insert(transaction: PostgresTransaction, new: Mapping[int, _New]) -> list[int]:
    """Tell which of them were stored."""
    if not new:
        return []
    # In the order of the names that others may give, too: their own ids, which nobody else has, come last. So two
    # servers that are given the same ones do not wait for each other in a circle.
    rows = [one.row for one in sorted(new.values(), key=lambda one: sorted(one.names, reverse=True))]
    stored = {callback_id for (callback_id,) in await transaction.ask(_INSERT, rows_json(CALLBACK_COLUMNS, rows))}
    return [place for place, one in new.items() if one.callback.callback_id in stored]


def _first_of_equals(new: Iterable[tuple[int, _New]]) -> dict[int, _New]:
    """Those that no earlier one keeps from being stored; the others are looked at again when it is known what was."""
    first: dict[int, _New] = {}
    names: set[_Name] = set()
    taken: set[_Place] = set()
    for place, one in new:
        if names.isdisjoint(one.names) and not (one.alone and one.place in taken):
            first[place] = one
            names.update(one.names)
            if not one.callback.ended:
                taken.add(one.place)
    return first


class _Known:
    """What is stored under the names, and at the targets, that were looked up."""

    def __init__(self) -> None:
        self._by_name: dict[_Name, Callback] = {}
        self._by_place: dict[_Place, Callback] = {}

    async def look_up(self, transaction: PostgresTransaction, new: Collection[_New]) -> None:
        names = [name for one in new for name in one.names]
        ids, tasks, requests = ([n for n in names if n.kind == kind] for kind in (_ID, _TASK, _REQUEST))
        places = {one.place for one in new if one.alone}
        named = await transaction.send(
            SAME_NAME,
            [name.name for name in ids],
            [name.name for name in requests],
            [name.caller_id for name in tasks],
            [name.name for name in tasks],
        )
        placed = await transaction.send(SAME_TARGET, [p.service_id for p in places], [p.target for p in places])
        for row in await named.fetchall():
            callback = read_callback(*row)
            self._by_name |= dict.fromkeys(_names(callback), callback)
        for row in await placed.fetchall():
            callback = read_callback(*row)
            self._by_place[_Place(callback.service_id, callback.dial_target)] = callback

    def other(self, new: _New) -> Callback | None:
        """A repeated request is answered as such before anything is said about its target."""
        named = (self._by_name[name] for name in new.names if name in self._by_name)
        return next(named, self._by_place.get(new.place) if new.alone else None)


_ID, _TASK, _REQUEST = "id", "task", "request"


def _names(callback: Callback) -> list[_Name]:
    """In the order in which they are looked for."""
    names = [_Name(_ID, callback.callback_id)]
    if callback.request.external_task_id:
        names.append(_Name(_TASK, callback.request.external_task_id, callback.request.caller_id))
    if callback.request_id:
        names.append(_Name(_REQUEST, callback.request_id))
    return names


def _locks(call: Creation) -> Locks:
    return Locks(services={callback.service_id for callback in call.new}, alone=bool(call.alone))


create = PostgresOperation(_create, _locks)
