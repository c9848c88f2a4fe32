"""A whole server whose calls are placed by a gateway: from the create over gRPC to the end, and over a restart."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from ringback.app import App
from ringback.config import Settings
from ringback.dialers.http_settings import HttpDialerSettings
from ringback.v1 import callback_pb2 as cb
from ringback.v1 import callbacks_service_pb2 as pb
from tests.world.api import Api, by_id
from tests.world.gateway import SECRET, Gateway, running_gateway
from tests.world.ports import free_port


@pytest.fixture
async def gateway() -> AsyncIterator[Gateway]:
    with running_gateway() as gateway:
        yield gateway


@pytest.fixture
def settings(settings: Settings, gateway: Gateway) -> Settings:
    # The same after a restart, as it is what its calls are kept under.
    listen = ("127.0.0.1", free_port())
    http_dialer = HttpDialerSettings(url=gateway.url, secret=SECRET, listen=listen)
    return replace(settings, dialer="http", http_dialer=http_dialer)


async def test_a_callback_by_a_gateway(api: Api, gateway: Gateway) -> None:
    callback = await api.create("tel:+41445556677")
    order = await gateway.order()
    assert (await api.get(callback.callback_id)).state == cb.CALLBACK_STATE_OFFERED
    assert await gateway.report(order, "dialing", call_ids=["a@pbx"]) == 200
    assert (await api.get(callback.callback_id)).state == cb.CALLBACK_STATE_DIALING
    assert await gateway.report(order, "connected") == 200
    assert await gateway.report(order, "ended", outcome="ANSWERED", agent="anna", call_ids=["b@pbx"]) == 200
    ended = await api.until_ended(callback.callback_id)
    assert ended.state == cb.CALLBACK_STATE_COMPLETED
    [attempt] = ended.attempts
    assert (attempt.outcome, attempt.agent, [*attempt.call_ids]) == (
        cb.CALL_OUTCOME_ANSWERED,
        "anna",
        ["a@pbx", "b@pbx"],
    )


async def test_agents_who_do_not_answer_keep_the_place_of_the_callback(api: Api, gateway: Gateway) -> None:
    callback = await api.create("tel:+41445556677")
    order = await gateway.order()
    assert await gateway.report(order, "not_dialled", reason="nobody", agents_unavailable=True) == 200
    again = await gateway.order()
    assert (again["callback_id"], again["attempt"]) == (callback.callback_id, 1)
    assert again["order"] != order["order"]


async def test_no_number_is_logged(api: Api, gateway: Gateway, caplog: pytest.LogCaptureFixture) -> None:
    """A gateway writes numbers as its PBX does."""
    caplog.set_level("DEBUG")
    callback = await api.create("tel:+41445556677", seconds_between_retries=3600)
    order = await gateway.order()
    assert await gateway.report(order, "not_dialled", reason="0445556677: no agent", agents_unavailable=True) == 200
    order = await gateway.order()
    assert await gateway.report(order, "ended", outcome="BUSY", detail="0445556677", call_ids=["0445556677@pbx"]) == 200
    await api.until(callback.callback_id, lambda changed: changed.state == cb.CALLBACK_STATE_SCHEDULED)
    told = [record.getMessage() for record in caplog.records if callback.callback_id in record.getMessage()]
    assert f"callback {callback.callback_id} was not dialled: 0*********: no agent" in told
    assert not [line for line in told if "445556677" in line]


async def test_a_cancel_before_the_target_is_dialled(api: Api, gateway: Gateway) -> None:
    callback = await api.create("tel:+41445556677")
    order = await gateway.order()
    await api.callbacks.CancelCallback(pb.CancelCallbackRequest(key=by_id(callback.callback_id)))
    assert await gateway.report(order, "dialing") == 409
    await gateway.order("cancel")


async def test_a_call_goes_on_over_a_restart(settings: Settings, gateway: Gateway, tmp_path: Path) -> None:
    async with await App.start(settings) as app, Api.connect(app.port) as api:
        await api.add_service()
        callback = await api.create("tel:+41445556677")
        order = await gateway.order()
        assert await gateway.report(order, "connected") == 200
    async with await App.start(settings) as app, Api.connect(app.port) as api:
        status = await gateway.order("status")
        assert status["order"] == order["order"]
        assert await gateway.report(status, "ended", outcome="ANSWERED") == 200
        ended = await api.until_ended(callback.callback_id)
    assert ended.state == cb.CALLBACK_STATE_COMPLETED
    assert [attempt.outcome for attempt in ended.attempts] == [cb.CALL_OUTCOME_ANSWERED]
