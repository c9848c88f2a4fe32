"""Limits, on the wire: each refused beyond, with what a client needs to go on, and nobody else affected."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import replace
from typing import Any, Final

import grpc
import pytest
from google.rpc.error_details_pb2 import QuotaFailure, RetryInfo
from google.rpc.status_pb2 import Status
from grpc import StatusCode

from ringback.app import App
from ringback.application.access import Role
from ringback.application.limits import LimitRules, Limits
from ringback.config import Settings
from ringback.v1 import callback_pb2 as cb
from ringback.v1 import callbacks_service_pb2 as pb
from ringback.v1 import dialer_service_pb2 as dialer_pb
from ringback.v1 import directory_service_pb2 as directory_pb
from tests.world.api import Api, by_id, refusal_in, refusal_of
from tests.world.proxy import Proxy
from tests.world.secured import CRM, OPS, PBX, bearer, identity, rules
from tests.world.statuses import detail_of

ERP, DESK = "erp-token", "desk-token"
NO_CONNECTION: Final = (("grpc.use_local_subchannel_pool", 1),)


class Client:
    """A client with a connection of its own, and a token or none."""

    def __init__(self, channel: grpc.aio.Channel, service_id: str, token: str) -> None:
        self.api = Api.on(channel, service_id)
        self._metadata = (bearer(token),) if token else ()

    def request(self, task: str = "", **fields: Any) -> pb.CreateCallbackRequest:
        asked = self.api.request(external_task_id=task, **({"seconds_between_retries": 60} | fields))
        return pb.CreateCallbackRequest(callback_request=asked)

    async def create(self, task: str = "", **fields: Any) -> pb.CreateCallbackResponse:
        return await self.send(self.request(task, **fields))

    async def send(self, request: pb.CreateCallbackRequest) -> pb.CreateCallbackResponse:
        return await self.api.callbacks.CreateCallback(request, metadata=self._metadata)

    async def batch(self, *tasks: str) -> Sequence[pb.CreateCallbackResult]:
        requests = [self.request(task) for task in tasks]
        response = await self.api.callbacks.BatchCreateCallbacks(
            pb.BatchCreateCallbacksRequest(requests=requests), metadata=self._metadata
        )
        return response.results

    async def cancel(self, callback_id: str) -> None:
        await self.api.callbacks.CancelCallback(
            pb.CancelCallbackRequest(key=by_id(callback_id)), metadata=self._metadata
        )

    def watch(self) -> Any:
        return self.api.callbacks.WatchCallbacks(pb.WatchCallbacksRequest(), metadata=self._metadata)

    def poll(self) -> Any:
        return self.api.dialers.LeaseCallbacks(
            dialer_pb.LeaseCallbacksRequest(dialer_id="pbx"), metadata=self._metadata
        )

    async def poll_none(self) -> None:
        """Poll without waiting for a callback."""
        request = dialer_pb.LeaseCallbacksRequest(dialer_id="other")
        request.wait_duration.SetInParent()
        await self.api.dialers.LeaseCallbacks(request, metadata=self._metadata)

    async def ping(self) -> None:
        await self.api.callbacks.ListCallbacks(pb.ListCallbacksRequest(), metadata=self._metadata)


class Server:
    """A server with the limits of the test, and clients of any identity or address."""

    def __init__(self, app: App, service_id: str, stack: AsyncExitStack) -> None:
        self.app = app
        self.service_id = service_id
        self._stack = stack

    async def client(self, who: str) -> Client:
        """Connect with a token, or from an address of this machine."""
        address = self.app.address
        if who.startswith("127."):
            proxy = await self._stack.enter_async_context(Proxy(self.app.port, who))
            address, who = f"127.0.0.1:{proxy.port}", ""
        channel = await self._stack.enter_async_context(grpc.aio.insecure_channel(address, options=NO_CONNECTION))
        return Client(channel, self.service_id, who)


@asynccontextmanager
async def serving(settings: Settings, limits: LimitRules | None, *, identities: bool) -> AsyncIterator[Server]:
    access = None
    if identities:
        # The operator may do everything, so that one client can be tested for each limit.
        crm, erp = (identity(name, Role.OPERATOR, token) for name, token in (("crm", CRM), ("erp", ERP)))
        access = rules(crm, erp, identity("desk", Role.DIALER, DESK))
    async with AsyncExitStack() as stack:
        app = await stack.enter_async_context(await App.start(replace(settings, access=access, limits=limits)))
        operator = await stack.enter_async_context(grpc.aio.insecure_channel(app.address, options=NO_CONNECTION))
        metadata = (bearer(OPS),) if identities else ()
        api = Api.on(operator)
        created = await api.directory.CreateService(
            directory_pb.CreateServiceRequest(service=directory_pb.Service(sip_address="sip:q@cc.example")),
            metadata=metadata,
        )
        yield Server(app, created.service.service_id, stack)


def limited(who: str, **limits: Any) -> LimitRules:
    """Return rules with limits for the identity of a token, or for each address."""
    if who.startswith("127."):
        return LimitRules(default=Limits(**limits))
    return LimitRules(identities={"crm": Limits(**limits), "desk": Limits(**limits), "pbx": Limits(**limits)})


async def refused(call: Any) -> tuple[Any, Status]:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    status = Status()
    for key, value in caught.value.trailing_metadata() or ():
        if key == "grpc-status-details-bin":
            assert isinstance(value, bytes)
            status.ParseFromString(value)
    return refusal_of(caught.value), status


# One that is limited, and another one.
PAIRS: Final = {"identities": (CRM, ERP), "addresses": ("127.0.0.2", "127.0.0.3")}
DIALERS: Final = {"identities": (DESK, PBX), "addresses": ("127.0.0.2", "127.0.0.3")}


@pytest.mark.parametrize("kind", PAIRS)
async def test_creates_per_second(settings: Settings, kind: str) -> None:
    mine, other = PAIRS[kind]
    async with serving(settings, limited(mine, creates_per_s=0.5), identities=kind == "identities") as server:
        client = await server.client(mine)
        await client.create("1")
        refusal, status = await refused(client.create("2"))
        assert refusal.code is StatusCode.RESOURCE_EXHAUSTED
        assert (refusal.reason, refusal.metadata) == ("RATE_LIMITED", {"subject": "creates_per_s", "limit": "0.5"})
        delay = detail_of(status, RetryInfo).retry_delay
        assert 1.0 < delay.ToMilliseconds() / 1000 <= 2.0
        assert (await (await server.client(other)).create()).created


@pytest.mark.parametrize("kind", PAIRS)
async def test_a_batch_counts_its_items_and_validation_counts_too(settings: Settings, kind: str) -> None:
    mine, other = PAIRS[kind]
    async with serving(settings, limited(mine, creates_per_s=1), identities=kind == "identities") as server:
        client = await server.client(mine)
        request = client.request()
        request.validate_only = True
        assert len(await client.batch("1", "2", "3", "4")) == 4
        refusal, status = await refused(client.create())
        assert refusal.reason == "RATE_LIMITED"
        assert detail_of(status, RetryInfo).retry_delay.ToMilliseconds() > 3000
        assert (await refused(client.batch("5")))[0].reason == "RATE_LIMITED"
        assert (await refused(client.send(request)))[0].reason == "RATE_LIMITED"
        assert len(await (await server.client(other)).batch("6")) == 1


@pytest.mark.parametrize("kind", PAIRS)
async def test_open_callbacks(settings: Settings, kind: str) -> None:
    """Exactly as many as allowed, however many are sent at once; and room again for each that has ended."""
    mine, other = PAIRS[kind]
    async with serving(settings, limited(mine, open_callbacks=3), identities=kind == "identities") as server:
        client = await server.client(mine)
        sent = await asyncio.gather(*(client.create(f"{n}") for n in range(10)), return_exceptions=True)
        created = [one for one in sent if isinstance(one, pb.CreateCallbackResponse)]
        assert len(created) == 3
        refusal, status = await refused(client.create("11"))
        assert refusal.code is StatusCode.RESOURCE_EXHAUSTED
        assert (refusal.reason, refusal.metadata) == ("QUOTA_EXCEEDED", {"quota": "open_callbacks", "limit": "3"})
        assert [violation.subject for violation in detail_of(status, QuotaFailure).violations] == ["open_callbacks"]
        assert detail_of(status, RetryInfo).retry_delay.seconds > 0

        # What is repeated is there already.
        first = created[0].callback
        task = first.callback_request.external_task_id
        repeated = await client.create(task)
        assert (repeated.created, repeated.callback.callback_id) == (False, first.callback_id)
        with pytest.raises(grpc.aio.AioRpcError) as clash:
            await client.create(task, description="another")
        assert refusal_of(clash.value).reason == "CALLBACK_ALREADY_EXISTS"

        await client.cancel(first.callback_id)
        await server.app.use_cases.feed.catch_up()
        await client.create("12")
        assert (await refused(client.create("13")))[0].reason == "QUOTA_EXCEEDED"
        assert (await (await server.client(other)).create("14")).created


async def test_items_of_a_batch_beyond_the_open_callbacks_are_refused_each(settings: Settings) -> None:
    async with serving(settings, limited(CRM, open_callbacks=2), identities=True) as server:
        client = await server.client(CRM)
        results = await client.batch("1", "2", "3", "1", "4")
        assert [result.created for result in results] == [True, True, False, False, False]
        assert results[3].callback_id == results[0].callback_id
        assert [refusal_in(results[n].error).reason for n in (2, 4)] == ["QUOTA_EXCEEDED"] * 2


async def test_a_request_that_is_refused_takes_no_room(settings: Settings) -> None:
    async with serving(settings, limited(CRM, open_callbacks=1), identities=True) as server:
        client = await server.client(CRM)
        for _ in range(3):
            with pytest.raises(grpc.aio.AioRpcError) as refusal:
                await client.create("1", target="nonsense")
            assert refusal_of(refusal.value).reason == "INVALID_FIELD"
        assert (await client.create("1")).created


async def test_open_callbacks_of_identities_are_counted_again_after_a_restart(settings: Settings) -> None:
    limits = limited(CRM, open_callbacks=2)
    async with serving(settings, limits, identities=True) as server:
        await (await server.client(CRM)).create("1")
        ended = await (await server.client(CRM)).create("2")
        await (await server.client(CRM)).cancel(ended.callback.callback_id)
        service_id = server.service_id
    async with AsyncExitStack() as stack:
        access = rules(identity("crm", Role.OPERATOR, CRM))
        app = await stack.enter_async_context(await App.start(replace(settings, access=access, limits=limits)))
        client = await Server(app, service_id, stack).client(CRM)
        assert (await client.create("3")).created
        assert (await refused(client.create("4")))[0].reason == "QUOTA_EXCEEDED"


@pytest.mark.parametrize("kind", PAIRS)
async def test_watches(settings: Settings, kind: str) -> None:
    mine, other = PAIRS[kind]
    async with serving(settings, limited(mine, watches=2), identities=kind == "identities") as server:
        # Two connections, one account.
        clients = [await server.client(mine), await server.client(mine)]
        open_ones = [client.watch() for client in clients]
        for stream in open_ones:
            await stream.read()
        refusal, status = await refused(clients[0].watch().read())
        assert (refusal.reason, refusal.metadata) == ("QUOTA_EXCEEDED", {"quota": "watches", "limit": "2"})
        assert [violation.subject for violation in detail_of(status, QuotaFailure).violations] == ["watches"]
        assert await (await server.client(other)).watch().read()
        await clients[0].ping()

        open_ones[0].cancel()
        assert await opened(clients[1])


async def opened(client: Client) -> Any:
    """Return the first response of a watch, once the server has seen that another one is over."""
    while True:
        with suppress(grpc.aio.AioRpcError):
            return await client.watch().read()


@pytest.mark.parametrize("kind", DIALERS)
async def test_polls(settings: Settings, kind: str) -> None:
    mine, other = DIALERS[kind]
    settings = replace(settings, dialer="none")
    async with serving(settings, limited(mine, polls=1), identities=kind == "identities") as server:
        client = await server.client(mine)
        waiting = [asyncio.ensure_future(client.poll()), asyncio.ensure_future(client.poll())]
        done, pending = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        (first,) = done
        error = first.exception()
        assert isinstance(error, grpc.aio.AioRpcError)
        assert (refusal_of(error).reason, refusal_of(error).metadata["quota"]) == ("QUOTA_EXCEEDED", "polls")
        await (await server.client(other)).poll_none()
        for call in pending:
            call.cancel()


@pytest.mark.parametrize("kind", PAIRS)
async def test_connections(settings: Settings, kind: str) -> None:
    """As many as are open at the same time, however many there have been."""
    mine, other = PAIRS[kind]
    async with serving(settings, limited(mine, connections=2), identities=kind == "identities") as server:
        first, second = await server.client(mine), await server.client(mine)
        await first.ping()
        await second.ping()
        third = await server.client(mine)
        refusal, _ = await refused(third.ping())
        assert (refusal.reason, refusal.metadata) == ("QUOTA_EXCEEDED", {"quota": "connections", "limit": "2"})
        await first.ping()
        await (await server.client(other)).ping()

        await first.api.channel.close()
        while True:
            with suppress(grpc.aio.AioRpcError):
                await third.ping()
                break


async def test_limits_are_replaced_while_what_is_open_stays(settings: Settings) -> None:
    async with serving(settings, None, identities=True) as server:
        client = await server.client(CRM)
        streams = [client.watch(), client.watch()]
        for stream in streams:
            await stream.read()
        server.app.replace_limits(limited(CRM, watches=1, creates_per_s=1))
        assert (await refused(client.watch().read()))[0].reason == "QUOTA_EXCEEDED"
        created = await client.create("1")
        assert (await refused(client.create("2")))[0].reason == "RATE_LIMITED"
        for stream in streams:
            event = await stream.read()
            assert event.events[0].callback.callback_id == created.callback.callback_id
        server.app.replace_limits(None)
        assert await client.watch().read()
        assert (await client.create("2")).created


@pytest.mark.long
async def test_by_default_a_thousand_watches_fit_one_connection_and_the_next_is_refused(settings: Settings) -> None:
    async with serving(settings, LimitRules(), identities=False) as server:
        client = await server.client("")
        streams = [client.watch() for _ in range(1000)]
        await asyncio.gather(*(stream.read() for stream in streams))
        assert (await refused(client.watch().read()))[0].metadata == {"quota": "watches", "limit": "1000"}
        # Watches leave room for other calls on the same connection.
        await client.ping()
        for stream in streams:
            stream.cancel()


@pytest.mark.long
async def test_many_creates_at_once_are_all_done(settings: Settings) -> None:
    """gRPC has a queue of its own for calls that arrive, and cancelled most of those that it had no room for."""
    async with serving(settings, LimitRules(), identities=False) as server:
        flooding, calm = await server.client(""), await server.client("")
        create: Any = flooding.api.channel.unary_unary("/ringback.v1.CallbacksService/CreateCallback")
        request = flooding.request("the same").SerializeToString()
        flood = asyncio.gather(*(create(request) for _ in range(6000)), return_exceptions=True)
        while not flood.done():
            assert (await calm.create()).created
        codes = [one.code() if isinstance(one, grpc.RpcError) else StatusCode.OK for one in flood.result()]
        assert set(codes) == {StatusCode.OK}


async def test_what_is_dialled_here_is_not_limited(settings: Settings) -> None:
    """The built-in dialer polls without an account."""
    limits = LimitRules(default=Limits(polls=1))
    async with serving(replace(settings, dialer="simulated"), limits, identities=False) as server:
        client = await server.client("")
        created = await client.create(target="sip:answer@sim.example")
        ended = await client.api.until_ended(created.callback.callback_id)
        assert ended.state == cb.CALLBACK_STATE_COMPLETED
