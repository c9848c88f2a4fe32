"""What is kept of a call is written in order, whoever has stopped waiting for it."""

import asyncio
from typing import Any

import pytest

from ringback.application.dispatch.lease_request import DEFAULT_LEASE
from ringback.dialers.leased_call import CallTools, LeasedCall
from ringback.domain.errors import LeaseExpired
from ringback.ports.calls import CallKey
from tests.world.use_cases import World

KEY = CallKey("callback-1", 1)


class SlowCalls:
    """Notes what is written, once the test lets it."""

    def __init__(self) -> None:
        self.written: list[str] = []
        self.begun = asyncio.Event()
        self.goes_on = asyncio.Event()

    async def keep(self, key: CallKey, body: bytes, on_taken: object) -> None:
        assert (key, callable(on_taken)) == (KEY, True)
        self.begun.set()
        await self.goes_on.wait()
        self.written.append(body.decode())

    async def forget(self, key: CallKey) -> None:
        self.written.append(f"forgotten {key.callback_id}")


def call_of(world: World, kept_calls: Any) -> LeasedCall:
    tools = CallTools(
        leases=world.leases,
        watch=None,  # type: ignore[arg-type] # the runner's
        service_of=world.directory.get,
        policy=world.dial_policy,
        kept_calls=kept_calls,
        lease=DEFAULT_LEASE,
    )
    return LeasedCall(tools, KEY, None, lambda _: "")


@pytest.mark.parametrize("writer", ["the dialer", "the keeper of its lease"])
async def test_nothing_is_kept_of_a_call_that_is_forgotten(world: World, writer: str) -> None:
    """A record under way, for which nobody waits any longer, comes before; a later one is refused."""
    kept_calls = SlowCalls()
    call = call_of(world, kept_calls)
    async with asyncio.timeout(5):
        keeping = asyncio.create_task(call.keep(b"first"))
        if writer != "the dialer":
            # It begins before the dialer's own write does, since it is woken by the same body.
            keeping.cancel()
            call._body = b"first"
            keeping = asyncio.create_task(call.tend())
        await kept_calls.begun.wait()
        keeping.cancel()
        forgetting = asyncio.create_task(call.forget())
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert kept_calls.written == []
        kept_calls.goes_on.set()
        await forgetting
        with pytest.raises(LeaseExpired):
            await call.keep(b"second")
    assert kept_calls.written == ["first", "forgotten callback-1"]
