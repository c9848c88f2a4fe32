"""The fuzz, short: it finds nothing, and it finds what is planted. `make fuzz` looks for longer."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from ringback.app import App
from ringback.application.access import Caller
from ringback.config import Listen, Settings
from ringback.domain.errors import Fault, InvalidRequest
from ringback.v1 import callbacks_service_pb2 as pb
from ringback.wire.handlers.callbacks import CallbacksHandlers
from tests.fuzz.dice import dice_of
from tests.fuzz.messages import SERVICES
from tests.fuzz.parts import PARTS, Length, go_on
from tests.fuzz.rpcs import RpcFuzz
from tests.fuzz.server import Fuzzed, access_rules

_SEED = 1
# What is rare is found in this many steps, whatever the seed.
_ENOUGH = 6000


@pytest.mark.parametrize(("part", "steps"), [("rpcs", 300), ("frames", 80), ("web", 300), ("files", 100)])
async def test_nothing_is_found(part: str, steps: int, tmp_path: Path) -> None:
    report = await PARTS[part](tmp_path, _SEED, Length(0, steps))
    assert report.findings == []


def test_a_seed_makes_the_same_steps_again() -> None:
    first, again, other = (dice_of(seed, "rpcs", 3) for seed in (1, 1, 2))
    assert [first.hostile_text() for _ in range(9)] == [again.hostile_text() for _ in range(9)]
    assert first.random() != other.random()


@pytest.fixture
async def fuzzed(settings: Settings) -> AsyncIterator[Fuzzed]:
    """Return a server in this process, so that a bug can be planted in it."""
    settings = replace(settings, dialer="none", http=Listen("127.0.0.1", 0), access=access_rules(), limits=None)
    assert isinstance(settings.database, Path)
    async with await App.start(settings) as app:
        server = Fuzzed(app.address, app.edges.web_address, settings.database, list)
        await server.add_services(*SERVICES)
        yield server


async def is_found(fuzzed: Fuzzed, wanted: str) -> bool:
    """Go on until there is such a finding, or it takes too long."""
    async with RpcFuzz(fuzzed, _SEED) as fuzz:
        while fuzz.tally.steps < _ENOUGH:
            await go_on(fuzz, Length(0, fuzz.tally.steps + 1))
            if fuzz.tally.findings and wanted in fuzz.tally.findings[-1]:
                return True
    return False


@pytest.mark.long
async def test_a_handler_that_fails_for_a_rare_value_is_found(fuzzed: Fuzzed, monkeypatch: pytest.MonkeyPatch) -> None:
    as_it_is = CallbacksHandlers.create_callback

    async def create_callback(
        self: CallbacksHandlers, caller: Caller, request: pb.CreateCallbackRequest
    ) -> pb.CreateCallbackResponse:
        if request.callback_request.max_retries == 2**31 - 1:
            raise ZeroDivisionError
        return await as_it_is(self, caller, request)

    monkeypatch.setattr(CallbacksHandlers, "create_callback", create_callback)
    assert await is_found(fuzzed, "CreateCallback ended as INTERNAL")


async def test_a_handler_that_stores_what_it_refuses_is_found(fuzzed: Fuzzed, monkeypatch: pytest.MonkeyPatch) -> None:
    as_it_is = CallbacksHandlers.create_callback

    async def create_callback(
        self: CallbacksHandlers, caller: Caller, request: pb.CreateCallbackRequest
    ) -> pb.CreateCallbackResponse:
        await as_it_is(self, caller, request)
        raise InvalidRequest([Fault("request", "is planted")])

    monkeypatch.setattr(CallbacksHandlers, "create_callback", create_callback)
    assert await is_found(fuzzed, "became Mark(")
