"""What credentials have opened ends with them: watches and polls, at their end, and when the right is lost."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import grpc
import pytest
from grpc import StatusCode
from msgspec.structs import replace as replaced

from ringback.app import App
from ringback.application.access import Grant, Role
from ringback.application.limits import LimitRules, Limits
from ringback.application.turns import ALONE
from ringback.config import Settings
from ringback.identity.jwt import SKEW
from ringback.identity.rules import AccessRules, Identity
from ringback.rpc.registrar import RpcCall
from ringback.v1 import callback_pb2 as cb
from ringback.v1 import callbacks_service_pb2 as pb
from ringback.v1 import directory_service_pb2 as directory_pb
from tests.world.api import Api, refusal_of
from tests.world.certificates import Authority
from tests.world.dialer import PATIENCE_S, Dialer, until, until_polling
from tests.world.jwts import Signer, claims, write_jwks
from tests.world.requests import update_service
from tests.world.secured import BOARD, CRM, OPS, PBX, Files, bearer, identity, rules

SIGNER: Final = Signer("EdDSA")
SUPPORT: Final = "sip:support@cc.example"
LOST: Final = (StatusCode.PERMISSION_DENIED, "NOT_ALLOWED")
INVALID: Final = (StatusCode.UNAUTHENTICATED, "CREDENTIALS_INVALID")


@pytest.fixture
def settings(settings: Settings, tmp_path: Path) -> Settings:
    write_jwks(tmp_path / "keys.json", SIGNER.jwk)
    return replace(settings, dialer="none", access=_rules(settings))


def _rules(settings: Settings, *identities: Identity) -> AccessRules:
    assert isinstance(settings.database, Path)
    jwt = write_jwks(settings.database.with_name("keys.json"), SIGNER.jwk)
    board = identity("board", Role.VIEWER, BOARD, subjects=frozenset({"board@clients"}))
    pbx = identity("pbx", Role.DIALER, PBX, subjects=frozenset({"pbx@clients"}))
    return rules(board, pbx, *identities, jwt=jwt)


def _api(channel: grpc.aio.Channel, token: str) -> Api:
    return Api.on(_WithToken(channel, token))  # type: ignore[arg-type] # what stubs use of a channel


class _WithToken:
    """A channel, each of whose calls brings a token."""

    def __init__(self, channel: grpc.aio.Channel, token: str) -> None:
        self._channel = channel
        self._metadata = [bearer(token)]

    def __getattr__(self, kind: str) -> Any:
        def method(*args: Any, **options: Any) -> Any:
            call = getattr(self._channel, kind)(*args, **options)
            return lambda request, **more: call(request, **{"metadata": self._metadata} | more)

        return method


@pytest.fixture
async def channel(app: App) -> AsyncIterator[grpc.aio.Channel]:
    async with grpc.aio.insecure_channel(app.address) as channel:
        yield channel


@pytest.fixture
async def ops(channel: grpc.aio.Channel) -> Api:
    api = _api(channel, OPS)
    await api.add_service(SUPPORT)
    return api


async def _watch(channel: grpc.aio.Channel, token: str = BOARD) -> Any:
    watch = _api(channel, token).callbacks.WatchCallbacks(pb.WatchCallbacksRequest())
    await watch.read()
    return watch


async def _poll(app: App, channel: grpc.aio.Channel, token: str = PBX) -> Any:
    poll = Dialer(_api(channel, token)).poll(10, wait_s=60)
    await until_polling(app)
    return poll


async def _end_of(call: Any) -> tuple[StatusCode, str]:
    """Return how a call ends that has nothing more to say."""
    with pytest.raises(grpc.aio.AioRpcError) as refusal:
        async with asyncio.timeout(PATIENCE_S):
            await (call.read() if hasattr(call, "read") else call)
    return refusal.value.code(), refusal_of(refusal.value).reason


def _viewer(**fields: Any) -> Identity:
    return identity("board", Role.VIEWER, BOARD, **fields)


def _granted(*grants: Grant) -> Identity:
    return _viewer(grants=grants)


ALL_SEEN: Final = Grant(role=Role.VIEWER)
NARROWED: Final[Mapping[str, tuple[Identity, tuple[StatusCode, str]]]] = {
    "no role": (_granted(), LOST),
    "another role": (_granted(Grant(role=Role.DIALER)), LOST),
    "one service": (_granted(Grant(role=Role.VIEWER, services=frozenset({SUPPORT}))), LOST),
    "no service": (_granted(Grant(role=Role.VIEWER, services=frozenset())), LOST),
    "its own callbacks": (_granted(Grant(role=Role.CALLER, caller_ids=("board",))), LOST),
    "masked": (_granted(Grant(role=Role.VIEWER, masked=True)), LOST),
    "another token": (identity("board", Role.VIEWER, "board-token-2"), INVALID),
    "no token": (identity("board", Role.VIEWER), INVALID),
    "the token is another identity's": (identity("board", Role.VIEWER), LOST),
}
WIDENED: Final[Mapping[str, Identity]] = {
    "the same": _granted(ALL_SEEN),
    "one more role": _granted(ALL_SEEN, Grant(role=Role.DIALER)),
    "all": _granted(Grant(role=Role.OPERATOR)),
    "one more token": identity("board", Role.VIEWER, BOARD, "board-token-2"),
    "masked in addition": _granted(ALL_SEEN, Grant(role=Role.VIEWER, masked=True)),
}


@pytest.mark.parametrize(("narrowed", "end"), NARROWED.values(), ids=NARROWED)
async def test_a_watch_ends_when_its_right_is_lost_and_nothing_follows(
    app: App, ops: Api, channel: grpc.aio.Channel, narrowed: Identity, end: tuple[StatusCode, str], settings: Settings
) -> None:
    watch = await _watch(channel)
    others = [identity("heir", Role.VIEWER, BOARD)] if not narrowed.tokens_sha256 and end == LOST else []
    app.edges.authenticator.replace(_rules(settings, narrowed, *others))
    await ops.create()
    assert await _end_of(watch) == end


# A dialer may read services as well.
@pytest.mark.long
@pytest.mark.parametrize("how", [how for how in NARROWED if how != "another role"])
async def test_a_watch_of_queues_ends_when_its_right_is_lost(
    app: App, ops: Api, channel: grpc.aio.Channel, how: str, settings: Settings
) -> None:
    narrowed, end = NARROWED[how]
    watch: Any = _api(channel, BOARD).directory.WatchQueues(directory_pb.WatchQueuesRequest())
    assert (await watch.read()).complete
    others = [identity("heir", Role.VIEWER, BOARD)] if not narrowed.tokens_sha256 and end == LOST else []
    app.edges.authenticator.replace(_rules(settings, narrowed, *others))
    await update_service(ops, display_name="nothing that the watcher sees")
    assert await _end_of(watch) == end


async def test_watches_of_queues_count_among_the_watches(
    settings: Settings,
) -> None:
    limited = LimitRules(default=Limits(watches=2))
    async with (
        await App.start(replace(settings, limits=limited)) as app,
        grpc.aio.insecure_channel(app.address) as channel,
    ):
        first = await _watch(channel)
        second: Any = _api(channel, BOARD).directory.WatchQueues(directory_pb.WatchQueuesRequest())
        await second.read()
        third = _api(channel, BOARD).directory.WatchQueues(directory_pb.WatchQueuesRequest())
        assert await _end_of(third) == (StatusCode.RESOURCE_EXHAUSTED, "QUOTA_EXCEEDED")
        first.cancel()
        second.cancel()


@pytest.mark.parametrize("widened", WIDENED.values(), ids=WIDENED)
async def test_what_is_widened_ends_nothing(
    app: App, ops: Api, channel: grpc.aio.Channel, widened: Identity, settings: Settings
) -> None:
    watch, poll = await _watch(channel), await _poll(app, channel)
    app.edges.authenticator.replace(_rules(settings, widened))
    created = await ops.create()
    async with asyncio.timeout(PATIENCE_S):
        assert [event.callback.callback_id for event in (await watch.read()).events] == [created.callback_id]
        assert [lease.callback.callback_id for lease in (await poll).leases] == [created.callback_id]


async def test_an_operator_who_becomes_a_viewer_sees_no_longer_who_did_what(
    app: App, channel: grpc.aio.Channel, settings: Settings
) -> None:
    watch = await _watch(channel, OPS)
    app.edges.authenticator.replace(_rules(settings, identity("ops", Role.VIEWER, OPS)))
    assert await _end_of(watch) == LOST


@pytest.mark.parametrize(
    ("narrowed", "end"),
    [
        (identity("pbx", Role.VIEWER, PBX), LOST),
        (identity("pbx", Role.DIALER, PBX, grants=(Grant(role=Role.DIALER, services=frozenset({SUPPORT})),)), LOST),
        (identity("pbx", Role.DIALER, "pbx-token-2"), INVALID),
    ],
    ids=["another role", "one service", "another token"],
)
async def test_a_poll_ends_and_takes_nothing(
    app: App, ops: Api, channel: grpc.aio.Channel, narrowed: Identity, end: tuple[StatusCode, str], settings: Settings
) -> None:
    poll = await _poll(app, channel)
    app.edges.authenticator.replace(_rules(settings, narrowed))
    created = await ops.create()
    assert await _end_of(poll) == end
    assert (await ops.get(created.callback_id)).state == cb.CALLBACK_STATE_QUEUED


async def test_leases_that_are_just_being_granted_are_given_back(
    app: App, ops: Api, channel: grpc.aio.Channel, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    apply = app.store.apply
    reloaded = False

    async def apply_and_reload(*args: Any) -> None:
        nonlocal reloaded
        if not reloaded:
            reloaded = True
            app.edges.authenticator.replace(_rules(settings, identity("pbx", Role.VIEWER, PBX)))
        await apply(*args)

    poll = await _poll(app, channel)
    monkeypatch.setattr(app.store, "apply", apply_and_reload)
    created = await ops.create()
    assert await _end_of(poll) == LOST
    assert reloaded
    given_back = await _state_of(ops, created.callback_id, cb.CALLBACK_STATE_QUEUED)
    assert given_back.attempt_count == 0
    app.edges.authenticator.replace(_rules(settings))
    [lease] = await Dialer(_api(channel, PBX)).lease(10, wait_s=PATIENCE_S)
    assert (lease.callback.callback_id, lease.fencing_token) == (created.callback_id, 2)


async def _state_of(api: Api, callback_id: str, state: Any) -> cb.Callback:
    async with asyncio.timeout(PATIENCE_S):
        while (callback := await api.get(callback_id)).state != state:
            pass
    return callback


async def test_a_watcher_that_does_not_read_gets_nothing_that_is_newer(
    app: App, ops: Api, channel: grpc.aio.Channel, settings: Settings
) -> None:
    """What waits to be written to it when its right is lost is the last that it gets."""
    watch = await _watch(channel)
    fill = "x" * 120
    batch = [pb.CreateCallbackRequest(callback_request=ops.request(description=fill)) for _ in range(1000)]
    for _ in range(3):
        await ops.callbacks.BatchCreateCallbacks(pb.BatchCreateCallbacksRequest(requests=batch))
    app.edges.authenticator.replace(_rules(settings, _granted()))
    late = await ops.create()
    seen = set()
    async with asyncio.timeout(PATIENCE_S):
        with suppress(grpc.aio.AioRpcError):
            while (response := await watch.read()) is not grpc.aio.EOF:
                seen |= {event.callback.callback_id for event in response.events}
    assert await watch.code() in {StatusCode.PERMISSION_DENIED, StatusCode.CANCELLED}
    assert seen
    assert late.callback_id not in seen


@pytest.mark.parametrize("rounds", [0, 1, 2, 5])
async def test_a_watch_ends_with_a_status_while_a_message_is_being_written_to_it(
    app: App, channel: grpc.aio.Channel, settings: Settings, monkeypatch: pytest.MonkeyPatch, rounds: int
) -> None:
    """A client that was left without one would wait for ever."""
    write = RpcCall.write

    def reload_after(rounds: int) -> None:
        if rounds == 0:
            app.edges.authenticator.replace(_rules(settings, _granted()))
        else:
            asyncio.get_running_loop().call_soon(reload_after, rounds - 1)

    def write_and_reload(call: RpcCall, message: bytes) -> Any:
        asyncio.get_running_loop().call_soon(reload_after, rounds)
        return write(call, message)

    monkeypatch.setattr(RpcCall, "write", write_and_reload)
    for _ in range(5):
        assert await _end_of(await _watch(channel)) == LOST
        app.edges.authenticator.replace(_rules(settings))


# --- Credentials that end --------------------------------------------------------------------------------------------


def _ends_soon(subject: str) -> tuple[str, datetime]:
    """Return a JWT that ends in two seconds, and when."""
    ends = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=2)
    return SIGNER.token(claims(sub=subject, exp=int((ends - SKEW).timestamp()))), ends


async def test_a_watch_lives_no_longer_than_its_token(channel: grpc.aio.Channel, ops: Api) -> None:
    token, ends = _ends_soon("board@clients")
    assert await _end_of(await _watch(channel, token)) == INVALID
    assert datetime.now(UTC) >= ends


async def test_a_poll_lives_no_longer_than_its_token(app: App, channel: grpc.aio.Channel, ops: Api) -> None:
    token, ends = _ends_soon("pbx@clients")
    assert await _end_of(await _poll(app, channel, token)) == INVALID
    assert datetime.now(UTC) >= ends
    await until(lambda: not app.use_cases.assigner._polls)


async def test_a_watch_ends_with_the_key_of_its_token(
    app: App, channel: grpc.aio.Channel, settings: Settings, tmp_path: Path
) -> None:
    """Within the time that the server takes to look at its files; a watch of an opaque token goes on."""
    watch = await _watch(channel, SIGNER.token(claims(sub="board@clients")))
    other = await _watch(channel, BOARD)
    write_jwks(tmp_path / "keys.json", Signer("EdDSA", kid="two").jwk)
    assert await _end_of(watch) == INVALID
    assert not other.done()


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path)


@asynccontextmanager
async def _certified(
    settings: Settings, files: Files, ends: datetime | None = None
) -> AsyncIterator[tuple[App, grpc.aio.Channel]]:
    """Open a server, and a channel to it with a certificate of the viewer."""
    viewer = replaced(_granted(ALL_SEEN), tokens_sha256=frozenset(), certificates=frozenset({"board.example"}))
    own = files.settings(settings, mutual=True, access=_rules(settings, viewer))
    certificate = files.clients.issue("board.example", ends=ends)
    async with await App.start(own) as app, files.channel(app, certificate) as channel:
        yield app, channel


async def _watch_certified(channel: grpc.aio.Channel) -> Any:
    watch = Api.on(channel).callbacks.WatchCallbacks(pb.WatchCallbacksRequest())
    await watch.read()
    return watch


async def test_a_watch_lives_no_longer_than_its_certificate(settings: Settings, files: Files) -> None:
    ends = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=3)
    async with _certified(settings, files, ends) as (_, channel):
        assert await _end_of(await _watch_certified(channel)) == INVALID
        assert datetime.now(UTC) >= ends


async def test_a_watch_ends_with_the_authority_of_its_certificate(settings: Settings, files: Files) -> None:
    async with _certified(settings, files) as (_, channel):
        watch = await _watch_certified(channel)
        files.trust(Authority("another"))
        assert await _end_of(watch) == INVALID


async def test_a_watch_goes_on_while_authorities_change(settings: Settings, files: Files) -> None:
    async with _certified(settings, files) as (app, channel):
        watch = await _watch_certified(channel)
        files.trust(Authority("another"), files.clients)
        files.write()
        await app.edges.credential_files.look()
        request = directory_pb.ListServicesRequest()
        await Api.on(channel).directory.ListServices(request)
        assert not watch.done()


# --- Calls that wait -------------------------------------------------------------------------------------------------


async def test_a_call_that_waits_for_its_turn_is_judged_when_it_is_its_turn(
    app: App, ops: Api, channel: grpc.aio.Channel, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a revoked caller has piled up on the server is not done for the time that it takes to do it."""
    create, go_on = app.store.create_one, asyncio.Event()

    async def create_later(*args: Any, **options: Any) -> Any:
        await go_on.wait()
        return await create(*args, **options)

    monkeypatch.setattr(app.store, "create_one", create_later)
    crm = _api(channel, CRM)
    request = pb.CreateCallbackRequest(callback_request=ops.request())
    calls = [crm.callbacks.CreateCallback(request, timeout=PATIENCE_S) for _ in range(ALONE + 20)]
    await until(lambda: len(app.edges.gate._inside) == len(calls))
    app.edges.authenticator.replace(_rules(settings, identity("crm", Role.CALLER, "crm-token-2")))
    go_on.set()
    codes = Counter([await call.code() for call in calls])
    assert codes[StatusCode.UNAUTHENTICATED] >= 20
    assert codes.keys() == {StatusCode.OK, StatusCode.UNAUTHENTICATED}
