"""Creation of callbacks, each once, whichever server gets the request, and however often.

All calls of a batch are one: they are inserted together, and those that PostgreSQL did not insert are stored already.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final, NamedTuple

import psycopg

from ringback.domain.callback import Callback
from ringback.storage import event_row
from ringback.storage.body import read_callback
from ringback.storage.callback_row import CALLBACK_COLUMNS, Row
from ringback.storage.creation import Found, JointCreation, NewCallback
from ringback.storage.event_row import LogEntry
from ringback.storage.operations import Creation
from ringback.storage.postgres.labels import insert_labels
from ringback.storage.postgres.recordset import recordset, rows_json
from ringback.storage.postgres.transaction import Locks, PostgresOperation, PostgresTransaction, Rest


class _Name(NamedTuple):
    """A name that a callback is found by: its id, its external task or its request."""

    kind: str
    name: str
    # The caller of the external task, or the identity whose request it is.
    within: str = ""


class _Place(NamedTuple):
    service_id: str
    target: str


_COLUMN_LIST: Final = ", ".join(CALLBACK_COLUMNS)
_INSERT_WHERE: Final = f"""
    INSERT INTO callback ({_COLUMN_LIST}) SELECT {_COLUMN_LIST} FROM {recordset(CALLBACK_COLUMNS, "new")}
        {{where}} ON CONFLICT DO NOTHING RETURNING callback_id
"""  # noqa: S608 - SQL of ours
_INSERT: Final = _INSERT_WHERE.format(where="")
# All of them or none: what is missing, or has another revision, is told by the locked rows.
_WANTED: Final = ("service_id", "revision")
_INSERT_AHEAD: Final = _INSERT_WHERE.format(
    where=f"""WHERE NOT EXISTS (
        SELECT FROM {recordset(_WANTED, "wanted", parameter=2)} LEFT JOIN service USING (service_id)
         WHERE service.revision IS NULL OR service.revision <> wanted.revision
    )"""
)
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
    creation = JointCreation(calls, transaction.services)
    return await _log(transaction, creation, await _insert_new(transaction, creation.new))


async def _create_ahead(
    transaction: PostgresTransaction, calls: Sequence[Creation]
) -> Rest[list[Callback | None]] | None:
    """Insert as if all services were as the calls expect, without a look at them; the statement looks itself."""
    if any(call.alone for call in calls):
        return None
    revisions: dict[str, int | None] = {callback.service_id: None for call in calls for callback in call.new}
    for service in (service for call in calls for service in call.settings):
        if revisions[service.service_id] not in {None, service.revision}:
            return None  # not all of them can be right
        revisions[service.service_id] = service.revision
    creation = JointCreation(calls, {service_id: revision or 0 for service_id, revision in revisions.items()})
    first = _first_of_equals(enumerate(creation.new))
    services = rows_json(_WANTED, revisions.items())
    inserted = await transaction.send(_INSERT_AHEAD, rows_json(CALLBACK_COLUMNS, _ordered(first)), services)

    async def go_on() -> list[list[Callback | None] | Exception]:
        ids = {callback_id for (callback_id,) in await inserted.fetchall()}
        stored = [place for place, new in first.items() if new.callback.callback_id in ids]
        if not stored:
            return await _create(transaction, calls)
        return await _log(transaction, creation, await _insert_new(transaction, creation.new, stored))

    return go_on


async def _log(
    transaction: PostgresTransaction, creation: JointCreation, found: Found
) -> list[list[Callback | None] | Exception]:
    stored = creation.stored(found)
    await insert_labels(transaction, [new.callback for new in stored])
    for new in stored:
        callback = new.callback
        row = event_row.created(callback, new.row[-1])
        transaction.entries.append(LogEntry(row, None, callback, callback.identity))
        transaction.ends.add(None, callback)
    return creation.results(found)


async def _insert_new(
    transaction: PostgresTransaction, new: Sequence[NewCallback], inserted: Collection[int] = ()
) -> list[Callback | None]:
    """Return for each the one that is stored already, None when the new one was stored; some were just now."""
    there_already: dict[int, Callback | None] = dict.fromkeys(inserted)
    known = _Known()
    # Mostly, all are new: they are looked up only when one was not inserted, or before, when one must be alone.
    look_up = bool(inserted) or any(one.alone for one in new)
    while pending := {place: one for place, one in enumerate(new) if place not in there_already}:
        if look_up:
            await known.look_up(transaction, pending.values())
        others = {place: other for place, one in pending.items() if (other := known.other(one)) is not None}
        fresh = _first_of_equals((place, one) for place, one in pending.items() if place not in others)
        stored = await _insert(transaction, fresh)
        if look_up and not others and not stored:
            raise psycopg.errors.UniqueViolation("a new callback is refused for something else than its names")
        there_already |= others
        there_already |= dict.fromkeys(stored)
        look_up = True
    return [there_already[place] for place in range(len(new))]


async def _insert(transaction: PostgresTransaction, new: Mapping[int, NewCallback]) -> list[int]:
    """Insert them, and return the places of those that were stored."""
    if not new:
        return []
    rows = rows_json(CALLBACK_COLUMNS, _ordered(new))
    stored = {callback_id for (callback_id,) in await transaction.ask(_INSERT, rows)}
    return [place for place, one in new.items() if one.callback.callback_id in stored]


def _ordered(new: Mapping[int, NewCallback]) -> list[Row]:
    """Return the rows in the order of the names that other requests may have, too: so two servers do not deadlock.

    Their own ids, which no other has, come last.
    """
    return [one.row for one in sorted(new.values(), key=lambda one: sorted(_names(one.callback), reverse=True))]


def _first_of_equals(new: Iterable[tuple[int, NewCallback]]) -> dict[int, NewCallback]:
    """Return those that no earlier one keeps from being stored; the others are tried when it is known which were."""
    first: dict[int, NewCallback] = {}
    names: set[_Name] = set()
    taken: set[_Place] = set()
    for place, one in new:
        its_names, its_place = _names(one.callback), _place(one.callback)
        if names.isdisjoint(its_names) and not (one.alone and its_place in taken):
            first[place] = one
            names.update(its_names)
            if not one.callback.ended:
                taken.add(its_place)
    return first


class _Known:
    """The callbacks that are stored under the names, and at the targets, that were looked up."""

    def __init__(self) -> None:
        self._by_name: dict[_Name, Callback] = {}
        self._by_place: dict[_Place, Callback] = {}

    async def look_up(self, transaction: PostgresTransaction, new: Collection[NewCallback]) -> None:
        names = [name for one in new for name in _names(one.callback)]
        ids, tasks, requests = ([n for n in names if n.kind == kind] for kind in (_ID, _TASK, _REQUEST))
        places = {_place(one.callback) for one in new if one.alone}
        named = await transaction.send(
            SAME_NAME,
            [name.name for name in ids],
            [name.name for name in requests],
            [name.within for name in tasks],
            [name.name for name in tasks],
        )
        placed = await transaction.send(SAME_TARGET, [p.service_id for p in places], [p.target for p in places])
        for row in await named.fetchall():
            callback = read_callback(*row)
            self._by_name |= dict.fromkeys(_names(callback), callback)
        for row in await placed.fetchall():
            callback = read_callback(*row)
            self._by_place[_place(callback)] = callback

    def other(self, new: NewCallback) -> Callback | None:
        """Return the stored one, or None. By name before by target: a repeated request gets its own callback."""
        named = (self._by_name[name] for name in _names(new.callback) if name in self._by_name)
        return next(named, self._by_place.get(_place(new.callback)) if new.alone else None)


_ID, _TASK, _REQUEST = "id", "task", "request"


def _names(callback: Callback) -> list[_Name]:
    """Return the names in the order in which they are looked up."""
    names = [_Name(_ID, callback.callback_id)]
    if callback.request.external_task_id:
        names.append(_Name(_TASK, callback.request.external_task_id, callback.request.caller_id))
    if callback.request_id:
        names.append(_Name(_REQUEST, callback.request_id, callback.identity))
    return names


def _place(callback: Callback) -> _Place:
    return _Place(callback.service_id, callback.dial_target)


def _locks(call: Creation) -> Locks:
    return Locks(services={callback.service_id for callback in call.new}, alone=bool(call.alone))


create = PostgresOperation(_create, _locks, _create_ahead)
