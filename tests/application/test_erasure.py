"""Erasure that is interrupted: whatever was done, the next one does the rest."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from ringback.application.access import ANYBODY
from ringback.application.erasure import Erased, Erasure
from ringback.domain.callback import State
from ringback.domain.errors import StorageUnavailable
from ringback.domain.target import Target
from ringback.ports.calls import KeptCall
from ringback.ports.store import Store
from ringback.ports.values import Retention
from tests.world.database_files import files_with
from tests.world.stopping_store import StoppingStore
from tests.world.use_cases import World

PHONE = Target.parse("tel:+41785556677")
STEPS = ("apply", "redact", "erase", "forget_phone")


class _FailingStore:
    """The store below, which is away after some calls of one method."""

    def __init__(self, store: Store, method: str, calls: int) -> None:
        self._store, self._method, self._left = store, method, calls

    def __getattr__(self, name: str) -> Any:
        call = getattr(self._store, name)
        return self._counted(call) if name == self._method else call

    def _counted(self, call: Any) -> Any:
        async def counted(*arguments: Any) -> Any:
            if self._left == 0:
                raise StorageUnavailable("away")
            self._left -= 1
            return await call(*arguments)

        return counted


@pytest.mark.parametrize("done", [0, 1])
@pytest.mark.parametrize("method", STEPS)
async def test_what_was_interrupted_is_completed(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, method: str, done: int
) -> None:
    monkeypatch.setattr("ringback.application.erasure._WRITE", 2)
    service = await world.service()
    for _ in range(5):
        await world.create(service, PHONE.uri, description="078 555 66 77")
    other = await world.create(service, "tel:+41785556678")
    failing: Any = _FailingStore(world.store, method, done)
    if method != "forget_phone" or not done:
        with pytest.raises(StorageUnavailable):
            await Erasure(failing, world.directory, world.clock).erase(ANYBODY, PHONE)

    assert (await world.erasure.erase(ANYBODY, PHONE)).in_progress == 0

    events = await world.store.events(0, 1000)
    assert [event.number for event in events] == list(range(1, len(events) + 1))
    assert {event.callback.erased for event in events} == {True, False}
    assert {e.callback.callback_id for e in events if not e.callback.erased} == {other.callback_id}
    assert files_with(tmp_path, b"5556677") == []
    assert await world.erasure.erase(ANYBODY, PHONE) == Erased(0, 0)


async def test_one_that_ends_and_is_purged_meanwhile_leaves_nothing_in_the_log(world: World, tmp_path: Path) -> None:
    service = await world.service()
    callback = await world.create(service, PHONE.uri)
    stopping: Any = StoppingStore(world.store)
    erasure = Erasure(stopping, world.directory, world.clock)
    async with stopping.stopped("get_many", erasure.erase(ANYBODY, PHONE), after=True) as erasing:
        await world.callback_changes.cancel(ANYBODY, callback.callback_id, "", "")
        long_after = world.clock.pass_time(timedelta(days=40))
        await world.store.purge(long_after, Retention(), 100)
    assert erasing.result() == Erased(0, 0)
    assert all(event.callback.erased for event in await world.store.events(0, 100))
    assert files_with(tmp_path, b"5556677") == []


async def test_a_step_that_comes_between_does_not_keep_one_open(world: World) -> None:
    service = await world.service()
    callback = await world.create(service, PHONE.uri)
    stopping: Any = StoppingStore(world.store)
    erasure = Erasure(stopping, world.directory, world.clock)
    async with stopping.stopped("apply", erasure.erase(ANYBODY, PHONE), after=False) as erasing:
        await world.lease()
    assert erasing.result() == Erased(1, 0)
    assert await world.store.get(callback.callback_id) is None


async def test_others_write_between_the_portions(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """What an erasure writes at once does not depend on how much there is to erase."""
    monkeypatch.setattr("ringback.application.erasure._WRITE", 2)
    service = await world.service()
    for _ in range(7):
        await world.create(service, PHONE.uri)
    sizes: list[tuple[str, int]] = []

    class Measuring:
        def __getattr__(self, name: str) -> Any:
            call = getattr(world.store, name)

            async def measured(items: Any, *arguments: Any) -> Any:
                sizes.append((name, len(items)))
                return await call(items, *arguments)

            return measured if name in ("apply", "redact", "erase") else call

    store: Any = Measuring()
    assert await Erasure(store, world.directory, world.clock).erase(ANYBODY, PHONE) == Erased(7, 0)
    assert {name for name, _ in sizes} == {"apply", "redact", "erase"}
    assert max(size for _, size in sizes) == 2


async def test_what_is_kept_of_a_call_is_erased_when_it_is_over(world: World, tmp_path: Path) -> None:
    """Its dialer needs it until then, even if the callback has ended: the lease may be over, and two still talk."""
    callback = await world.create(await world.service(), PHONE.uri)
    kept = KeptCall(
        callback.callback_id, 1, "sip", "192.0.2.1:5060;udp", world.clock.now(), b'{"to":"sip:+41785556677@gw.example"}'
    )
    await world.store.keep_call(kept)
    assert await world.erasure.erase(ANYBODY, PHONE) == Erased(0, 1)
    assert await world.state(callback) is State.CANCELLED
    await world.store.forget_call(kept.key, kept.owner)
    assert await world.erasure.erase(ANYBODY, PHONE) == Erased(1, 0)
    assert files_with(tmp_path, b"5556677") == []


async def test_what_nobody_has_any_more_is_erased_with_the_callback(world: World, tmp_path: Path) -> None:
    callback = await world.create(await world.service(), PHONE.uri)
    kept = KeptCall(callback.callback_id, 1, "sip", "192.0.2.1:5060;udp", world.clock.now(), b'"+41785556677"')
    await world.store.keep_call(kept)
    world.clock.pass_time(timedelta(minutes=1))
    assert await world.erasure.erase(ANYBODY, PHONE) == Erased(1, 0)
    assert files_with(tmp_path, b"5556677") == []
