"""Millions of waiting callbacks, made by the database itself: rows of the adapter, with the values of each put in.

Half of them wait for one service, the others for 999; half are due within the next thirty days, the others wait in
their queues, at all levels. The SQL is that of every dialect; what each of them adds is how numbers become text.
"""

import asyncio
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from msgspec.structs import replace

from ringback.domain.callback import Callback, State
from ringback.domain.planning import plan
from ringback.domain.priority import Priority
from ringback.domain.request import CallbackRequest, CheckedRequest, ServiceName
from ringback.domain.service import Service
from ringback.domain.target import Target
from ringback.ports.store import Store
from ringback.storage.body import duration_us, time_us
from ringback.storage.callback_row import CALLBACK_COLUMNS, Row, row_of
from ringback.storage.event_row import EVENT_COLUMNS, created

SERVICES: Final = 1000
# The log is forgotten after a day, however many wait.
MOST_EVENTS: Final = 1_000_000
# Services that are written as one transaction.
_AT_ONCE: Final = 20
_CREATED_WITHIN: Final = timedelta(days=3)
_DUE_WITHIN: Final = timedelta(days=30)
_HOUR: Final = timedelta(hours=1)
# As good as random, and the same each time.
_SCATTERED: Final = "n * 2654435761"

# Values of the sample that stand for those of each callback.
_LONG_AGO: Final = datetime(2000, 1, 1, 0, 0, 0, 111111, UTC)
_DUE: Final = datetime(2001, 2, 2, 0, 0, 0, 222222, UTC)
_EXPIRE: Final = datetime(2002, 3, 3, 0, 0, 0, 333333, UTC)
_NUMBER: Final = "999999999999"
_ID: Final = "eeeeeeee-eeee-7eee-8eee-eeeeeeeeeeee"
_SERVICE: Final = Service(
    service_id="ffffffff-ffff-4fff-8fff-ffffffffffff", sip_address="", create_time=_LONG_AGO, update_time=_LONG_AGO
)
REQUEST: Final = CallbackRequest(
    target=f"sip:answer@{_NUMBER}.example",
    service_id=_SERVICE.service_id,
    seconds_between_retries=60,
    priority=Priority.NORMAL,
    context_url=f"https://crm.example/cases/{_NUMBER}",
    description="Wants to know where the order is",
    external_task_id=f"task-{_NUMBER}",
    caller_id="crm",
    expire_time=_EXPIRE,
)
_PRIORITY: Final = "(1 + n / 4 % 9)"
_MARKS: Final = {
    _ID: "id",
    _SERVICE.service_id: "service",
    _NUMBER: "number",
    str(time_us(_LONG_AGO)): "created_us",
    str(time_us(_DUE)): "due_us",
    str(time_us(_EXPIRE)): "expire_us",
}
_IN_TEXT: Final = {**_MARKS, '"priority":5': f"""'"priority":' || {_PRIORITY}"""}
_ANY_MARK: Final = re.compile(f"({'|'.join(map(re.escape, _IN_TEXT))})")


def service_id(number: int) -> str:
    """Return the id of a service. Number 0 is the one for which half of all wait."""
    return f"00000000-0000-4000-8000-{number:012}"


async def add_services(store: Store, count: int = SERVICES) -> None:
    now = datetime.now(UTC)
    service = replace(_SERVICE, max_concurrent_calls=10_000, create_time=now, update_time=now)
    services = [
        replace(service, service_id=service_id(number), sip_address=f"sip:{number}@cc.example")
        for number in range(count)
    ]
    for first in range(0, count, _AT_ONCE):
        await asyncio.gather(*(store.put_service(service) for service in services[first : first + _AT_ONCE]))


@dataclass(frozen=True, slots=True)
class Backlog:
    """So many callbacks, numbered from 1, the newest created just now."""

    count: int
    now_us: int = field(default_factory=lambda: time_us(datetime.now(UTC)))

    def numbers(self, series: str) -> str:
        """Return a query for what is different in each. `series` selects the numbers `n` that are wanted, as 64 bits.

        A dialect adds texts to it: `number` (`n` in twelve digits), `id` (a UUIDv7 made of `created_us`, and
        `scattered` for the rest), `service` (as `service_id` makes it of `service_number`).
        """
        step_us = duration_us(_CREATED_WITHIN) // self.count
        created_us = f"{self.now_us} - ({self.count} - n) * {step_us}"
        due_us = f"{self.now_us + duration_us(_HOUR)} + {_SCATTERED} % {duration_us(_DUE_WITHIN)}"
        return f"""
            SELECT n, created_us, CASE WHEN n % 4 < 2 THEN created_us ELSE {due_us} END AS due_us,
                   {self.now_us + 2 * duration_us(_DUE_WITHIN)} AS expire_us, {_SCATTERED} AS scattered,
                   CASE WHEN n % 2 = 0 THEN 0 ELSE 1 + n / 4 % {SERVICES - 1} END AS service_number
              FROM (SELECT n, {created_us} AS created_us FROM ({series}) AS series) AS created
        """  # noqa: S608 - SQL of ours


def insert_callbacks(numbered: str, state: State) -> str:
    """Return SQL that inserts those of the numbered callbacks that are in this state, QUEUED or SCHEDULED."""
    row = row_of(_sample(state))
    values = {c: _expression(v) for c, v in zip(CALLBACK_COLUMNS, row, strict=True)}
    return _insert("callback", {**values, "priority": _PRIORITY}, numbered, state)


def insert_events(numbered: str, state: State, after: int) -> str:
    """Return SQL that inserts the log entry of each of them; the log begins after callback `after`."""
    callback = _sample(state)
    row = created(callback, row_of(callback)[-1])
    values = {c: _expression(v) for c, v in zip(EVENT_COLUMNS, row, strict=True)}
    return _insert("event", {"number": f"n - {after}", **values}, numbered, state)


def _insert(table: str, values: dict[str, str], numbered: str, state: State) -> str:
    wanted = "< 2" if state is State.QUEUED else ">= 2"
    return f"""
        INSERT INTO {table} ({", ".join(values)})
        SELECT {", ".join(values.values())} FROM ({numbered}) AS numbered WHERE n % 4 {wanted}
    """  # noqa: S608 - SQL of ours


def _sample(state: State) -> Callback:
    request = REQUEST if state is State.QUEUED else replace(REQUEST, due_date=_DUE)
    checked = CheckedRequest(
        request=request, service=ServiceName("service_id", _SERVICE.service_id), target=Target.parse(request.target)
    )
    callback = plan(checked, service=_SERVICE, callback_id=_ID, now=_LONG_AGO)
    assert callback.state is state
    return callback


def _expression(value: Any) -> str:
    """Return SQL that makes this value, with those of each callback in the place of ours."""
    if value is None:
        return "NULL"
    if not isinstance(value, str):
        return _MARKS.get(str(value), str(value))
    parts = [_IN_TEXT.get(part, f"'{part}'") for part in _ANY_MARK.split(value) if part]
    return " || ".join(parts) or "''"


def check(stored: Row | None, callback: Callback | None) -> None:
    """Raise `RuntimeError` unless this row of the table is the one that the adapter makes of what it reads back."""
    if callback is None or row_of(callback) != stored:
        raise RuntimeError(f"not as the adapter writes it: {stored}")
