"""Contract: the database refuses what the domain never makes."""

import sqlite3

import psycopg
import pytest
from msgspec.structs import replace

from ringback.domain.callback import Callback
from ringback.ports.store import Store
from tests.world.samples import NOW, cancel, connect, new, offer, seconds

REFUSALS = (sqlite3.IntegrityError, psycopg.IntegrityError)
CONNECTED = connect(offer(new()))
BROKEN = {
    "no id": replace(new(), callback_id=""),
    "no target": replace(new(), dial_target=""),
    "revision 0": replace(new(), revision=0),
    "unknown priority": replace(new(), request=replace(new().request, priority=10)),
    "no priority": replace(new(), request=replace(new().request, priority=0)),
    "a lease while waiting": replace(new(), lease=CONNECTED.lease),
    "no lease in a call": replace(CONNECTED, lease=None),
    "a lease after the end": replace(cancel(new()), lease=CONNECTED.lease),
    "no end": replace(cancel(new()), end_time=None),
    "an end before the end": replace(new(), end_time=NOW),
    "nothing to wait for": replace(new(due_date=NOW + seconds(60)), next_attempt_time=None),
    "queued without a next attempt": replace(new(), next_attempt_time=None),
    "offered without a next attempt": replace(offer(new()), next_attempt_time=None),
    "a next attempt in a call": replace(CONNECTED, next_attempt_time=NOW),
    "a next attempt after the end": replace(cancel(new()), next_attempt_time=NOW),
}


@pytest.mark.long
@pytest.mark.parametrize("broken", BROKEN.values(), ids=BROKEN)
async def test_the_database_refuses_what_the_domain_never_makes(store: Store, broken: Callback) -> None:
    with pytest.raises(REFUSALS):
        await store.create([new(), broken])
    assert (await store.history()).newest == 0


@pytest.mark.long
async def test_the_database_refuses_a_second_call_to_a_target(store: Store) -> None:
    """Also when nothing was compared before."""
    one, two = (offer(new(target="sip:anna@example.com")) for _ in range(2))
    await store.create([one])
    with pytest.raises(REFUSALS):
        await store.create([two])
    assert await store.get(two.callback_id) is None
