"""A database that has something of everything."""

import random
from typing import Final

from msgspec.structs import replace

from ringback.domain.events import BecameDue
from ringback.domain.lifecycle import after
from ringback.domain.outcome import Outcome
from ringback.domain.priority import Priority
from ringback.domain.queue import Turn
from ringback.ports.calls import KeptCall
from ringback.ports.store import Store
from ringback.ports.values import Change, Retention
from tests.world.samples import (
    NOW,
    OTHER_SERVICE,
    SERVICE,
    cancel,
    connect,
    dial,
    ending,
    every_state,
    new,
    offer,
    seconds,
)
from tests.world.transfer_ends import End

FORGET_ENDED: Final = Retention(ended_callbacks=seconds(1), events=seconds(1_000_000))
FORGET_EVENTS: Final = Retention(ended_callbacks=seconds(1_000_000), events=seconds(1), min_events=0)


async def fill(end: End, seed: int = 0) -> None:
    """Play lives of all kinds, as far as chance lets them come; forget some; move the turns."""
    chance = random.Random(seed)
    store = await end.open()
    try:
        for service in (SERVICE, OTHER_SERVICE):
            await store.put_service(service)
        await store.put_service(replace(SERVICE, display_name="Zürich ☎ '\\N\t\"", revision=2))
        await store.create(every_state())
        for number in range(30):
            await live(store, chance, number)
        await store.apply([], Turn(SERVICE.service_id, (3, -1, 0, 7, 0, 0, -9), 1))
        await store.keep_call(KeptCall("callback-1", 3, "sip", "192.0.2.1:5060;udp", NOW, '{"ä":"\\\\n"}'.encode()))
        await store.shift_leases(seconds(1), 0)
        await store.create([cancel(new(now=NOW - seconds(100), labels={"gone": "yes"}), NOW - seconds(100))])
        await store.purge(NOW, FORGET_ENDED, 3)
        await store.purge(NOW + seconds(5), replace(FORGET_EVENTS, min_events=40), 7)
    finally:
        await store.close()


async def live(store: Store, chance: random.Random, number: int) -> None:
    callback = new(
        service=chance.choice((SERVICE, OTHER_SERVICE)),
        priority=chance.choice(list(Priority)),
        request_id=f"request-{number}" if chance.random() < 0.5 else "",
        external_task_id=f"task\\{number}" if chance.random() < 0.5 else "",
        caller_id=chance.choice(("", "crm")),
        supervisor=chance.choice(("", "Ünal", "\\.", "☎ 'n' \\\\t")),
        description="line\\nbreak \"quoted\" 'single' \u2028",
        labels={chance.choice("abc"): chance.choice(("", "ä", "\\N")) for _ in range(chance.randrange(4))},
        max_retries=2,
    )
    if number % 2:
        callback = replace(callback, trace_parent=f"00-{number:032x}-00f067aa0ba902b7-01")
    await store.create([callback])
    for at in (NOW, NOW + seconds(100)):
        leased = offer(callback, request_id=chance.choice(("", "poll")), at=at)
        talking, busy = connect(leased, at), after(dial(leased, at), ending(Outcome.BUSY, at))
        answered, lost = after(talking, ending(Outcome.ANSWERED, at)), after(talking, ending(Outcome.INTERRUPTED, at))
        reached = chance.choice((leased, dial(leased, at), talking, answered, lost, busy))
        await store.apply([Change(callback, reached)])
        if reached is not busy:
            return
        callback = after(busy, BecameDue(at=at + seconds(100)))
        await store.apply([Change(busy, callback)])
