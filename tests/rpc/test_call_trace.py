"""GetCallTrace: the SIP messages of one attempt, from a server that has placed its call itself."""

import asyncio
import re
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise

import grpc
import pytest

from ringback.app import App
from ringback.config import Settings
from ringback.dialers.sip.settings import SipSettings
from ringback.domain.dial_rules import DialRules
from ringback.ports.dialer import CallMessage
from ringback.v1 import callback_pb2 as cb
from ringback.v1 import callbacks_service_pb2 as pb
from ringback.v1 import directory_service_pb2 as directory_pb
from tests.world.api import Api, by_id, refusal_of
from tests.world.dialer import DIALING, PATIENCE_S, Dialer
from tests.world.sip_phone import phone
from tests.world.sip_script import sdp

NUMBER = "0785556677"


@asynccontextmanager
async def called(settings: Settings, **sip: object) -> AsyncIterator[tuple[App, Api, cb.Callback]]:
    """Place a call to a number by a gateway, with agents, and let it end."""
    async with phone("agent", sdp(4000)) as agent, phone(NUMBER, sdp(5000)) as target:
        settings = replace(
            settings,
            dialer="sip",
            sip=replace(SipSettings(listen=("127.0.0.1", 0)), **sip),  # type: ignore[arg-type]
            dial_rules=DialRules(),
        )
        async with await App.start(settings) as app, Api.connect(app.port) as api:
            await api.add_service(agent_address=agent.uri, default_max_retries=0)
            created = await api.create(target.uri)
            await agent.answered()
            call = await target.answered()
            await call.acknowledged.wait()
            await api.until(created.callback_id, lambda found: found.state == cb.CALLBACK_STATE_CONNECTED)
            await call.hang_up()
            yield app, api, await api.until_ended(created.callback_id)


async def trace(api: Api, callback_id: str, attempt: int = 1) -> list[pb.SipMessage]:
    response = await api.callbacks.GetCallTrace(pb.GetCallTraceRequest(key=by_id(callback_id), attempt=attempt))
    return list(response.messages)


async def refusal(api: Api, callback_id: str, attempt: int) -> tuple[str, tuple[str, ...]]:
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await trace(api, callback_id, attempt)
    told = refusal_of(error.value)
    return told.reason, told.fields


async def test_both_legs_of_a_call_in_order(settings: Settings) -> None:
    async with called(settings) as (_, api, callback):
        [attempt] = callback.attempts
        assert len(attempt.call_ids) == 2
        messages = await trace(api, callback.callback_id)
    assert {message.call_id for message in messages} == set(attempt.call_ids)
    assert all(one.time.ToNanoseconds() <= other.time.ToNanoseconds() for one, other in pairwise(messages))
    for call_id in attempt.call_ids:
        methods = [(one.sent, re.split(r" sips?:", one.text)[0][:11]) for one in messages if one.call_id == call_id]
        assert methods[0] == (True, "INVITE")
        assert (False, "SIP/2.0 200") in methods
        assert (True, "ACK") in methods
        assert {"BYE"} & {start for _, start in methods}
    assert all(re.fullmatch(r"UDP 127\.0\.0\.1:[0-9]+", message.peer) for message in messages)
    assert all(f"Call-ID: {message.call_id}" in message.text for message in messages)


async def test_numbers_are_masked_whatever_the_settings_say(settings: Settings) -> None:
    headers = {"X-Number": NUMBER}
    async with called(settings, trace_redact=False, headers=headers) as (_, api, callback):
        messages = await trace(api, callback.callback_id)
    assert messages
    texts = "\n".join(message.text for message in messages)
    assert "X-Number: ****" in texts
    assert NUMBER not in texts
    assert NUMBER[1:] not in texts


async def test_what_is_erased_is_dropped_from_memory(settings: Settings) -> None:
    async with called(settings) as (app, api, callback):
        signalling = app.use_cases.attempt_traces._signalling
        assert signalling is not None
        call_ids = callback.attempts[0].call_ids
        assert list(signalling.messages(call_ids))
        erasing = directory_pb.EraseTargetRequest(target=callback.dial_target)
        async with asyncio.timeout(PATIENCE_S):
            # Until the dialer has confirmed the end of the other leg.
            while (await api.directory.EraseTarget(erasing)).in_progress:
                assert list(signalling.messages(call_ids))
        assert not list(signalling.messages(call_ids))
        assert (await refusal(api, callback.callback_id, 1))[0] == "CALLBACK_NOT_FOUND"


async def test_after_a_restart_there_is_none(settings: Settings) -> None:
    async with called(settings) as (_, _, callback):
        pass
    async with await App.start(replace(settings, dialer="none")) as app, Api.connect(app.port) as api:
        assert await trace(api, callback.callback_id) == []


async def test_of_a_call_of_another_dialer_there_is_none(api: Api, dialer: Dialer) -> None:
    created = await api.create()
    await dialer.report(await dialer.lease_one(), DIALING, call_ids=["one@pbx"])
    assert await trace(api, created.callback_id) == []


async def test_an_attempt_that_there_was_not(api: Api, dialer: Dialer) -> None:
    created = await api.create()
    for number in (1, 2**31 - 1, 0, -1):
        assert await refusal(api, created.callback_id, number) == ("INVALID_FIELD", ("attempt",))
    await dialer.report(await dialer.lease_one(), DIALING)
    assert await trace(api, created.callback_id) == []
    assert await refusal(api, created.callback_id, 2) == ("INVALID_FIELD", ("attempt",))
    absent = "00000000-0000-7000-8000-000000000000"
    assert (await refusal(api, absent, 1))[0] == "CALLBACK_NOT_FOUND"
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await api.callbacks.GetCallTrace(pb.GetCallTraceRequest())
    assert refusal_of(error.value).fields == ("key", "attempt")


class _Large:
    """The signalling of calls with messages of 64 KiB."""

    def messages(self, call_ids: Sequence[str]) -> Iterator[CallMessage]:
        now = datetime.now(UTC)
        for call_id in call_ids:
            for _ in range(128):
                yield CallMessage(time=now, sent=True, peer="TCP 192.0.2.1:5060", call_id=call_id, text="x" * 65536)

    def forget(self, call_ids: Sequence[str]) -> None:
        """Keep them: they take no room."""


async def test_a_trace_of_large_messages_fits_into_a_response(app: App, api: Api, dialer: Dialer) -> None:
    app.use_cases.attempt_traces.attach(_Large())
    created = await api.create()
    await dialer.report(await dialer.lease_one(), DIALING, call_ids=["one@pbx"])
    assert len(await trace(api, created.callback_id)) == 7
