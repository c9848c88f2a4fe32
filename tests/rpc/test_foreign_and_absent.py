"""What a caller may not see looks like what is not there: to the byte, but for the name that it gave itself."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import replace
from typing import Any
from uuid import uuid4

import grpc
import msgspec
import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.message import Message

from ringback.app import App
from ringback.application.access import Grant, Role
from ringback.config import Settings
from ringback.identity.rules import AccessRules
from ringback.ports.location import PostgresUrl
from ringback.v1 import callback_pb2 as cb
from ringback.v1 import callbacks_service_pb2 as pb
from ringback.v1 import dialer_service_pb2 as dialer_pb
from ringback.v1 import directory_service_pb2 as directory_pb
from tests.world.api import by_external_id, by_id, refusal_of
from tests.world.dialer import until_polling
from tests.world.identities import FOREIGN, GRANTED, OTHERS, OWN, RULES, Identities, Subject, role_of
from tests.world.role_table import ROWS, Names, Row, call, ids_of

# As long as that of the foreign service, and of no service.
ABSENT = "sip:nothing@cc.example"
LIMITED = ("caller", "dialer", "viewer", "masked viewer")


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.long)])
def settings(request: pytest.FixtureRequest, settings: Settings) -> Settings:
    if request.param == "postgres":
        settings = replace(settings, database=PostgresUrl(request.getfixturevalue("cluster").new_schema()))
    return replace(settings, access=RULES)


@pytest.fixture
async def identities(app: App) -> AsyncIterator[Identities]:
    async with Identities.at(app.address) as identities:
        yield identities


# --- What else may be wrong with a request ---------------------------------------------------------------------------


def wrong_etag(request: Any) -> None:
    request.etag = "999"


def long_reason(request: Any) -> None:
    request.reason = "x" * 600


def unknown_path(request: Any) -> None:
    request.update_mask.paths.append("nonsense")


def bad_values(request: Any) -> None:
    """Make every value of the callback request that is there as bad as the rules allow it to be told."""
    for item in getattr(request, "requests", [request]):
        item.callback_request.description = "x" * 151
        item.callback_request.priority = 99
        item.callback_request.due_date.FromSeconds(2**36)
        item.request_id = "no UUID"


def bad_target(request: Any) -> None:
    for item in getattr(request, "requests", [request]):
        item.callback_request.target = "tel:0785556677"


FAULTS: dict[str, Callable[[Any], None]] = {
    "no more": lambda _: None,
    "etag": wrong_etag,
    "reason": long_reason,
    "mask": unknown_path,
    "values": bad_values,
    "target": bad_target,
}


def faulty_ones(request: Message) -> Iterator[tuple[str, Message]]:
    """Yield the request with each of the faults that it can have, and with all of them."""
    possible = {}
    for name, spoil in FAULTS.items():
        spoilt = type(request).FromString(request.SerializeToString())
        try:
            spoil(spoilt)
        except (AttributeError, TypeError, ValueError):
            continue
        possible[name] = spoil
        yield name, spoilt
    for spoil in possible.values():
        spoil(request)
    yield "all", request


# --- What comes back -------------------------------------------------------------------------------------------------


async def seen_by(identities: Identities, row: Row, name: str, request: Message, subject: Subject) -> object:
    """Return all that the client gets, with its own names for the subject taken out."""
    try:
        response = await call(identities, replace(row, request=lambda _: request), name, subject)
    except grpc.aio.AioRpcError as error:
        metadata = sorted(
            (key, value if isinstance(value, bytes) else value.encode())
            for key, value in error.trailing_metadata() or ()
        )
        found = [error.code().name.encode(), (error.details() or "").encode()]
        found += [part for key, value in metadata for part in (key.encode(), value)]
    else:
        found = [response.SerializeToString()]
    for own in (
        subject.service_id,
        subject.service_sip,
        subject.caller_id,
        subject.callback_id,
        subject.external_task_id,
        subject.lease_token,
    ):
        found = [part.replace(own.encode(), b"<...>") if own else part for part in found]
    return found


def absent(subject: Subject) -> Subject:
    """Return one that has names of the same form, and is not there."""
    return replace(
        subject,
        service_id=str(uuid4()),
        service_sip=ABSENT,
        callback_id=f"{subject.callback_id[:-6]}{'0' * 6}",
        external_task_id="task-none",
        lease_token=_other_token(subject.lease_token),
    )


def _other_token(token: str) -> str:
    """Return a token of a callback that is not there: what it begins with is the callback's id."""
    return token and f"{'A' if token[0] != 'A' else 'B'}{token[1:]}"


NAMING = [row for row in ROWS if row.names in (Names.SERVICE, Names.CALLBACK, Names.NEW_CALLBACK, Names.LEASE)]


@pytest.mark.long
@pytest.mark.parametrize("row", NAMING, ids=str)
async def test_foreign_and_absent_look_alike(identities: Identities, row: Row) -> None:
    differing = {}
    for name, caller_id, service_sip in itertools.product(LIMITED, (OWN, OTHERS), (GRANTED, FOREIGN)):
        subject = await identities.subject(caller_id, service_sip)
        if row.names is Names.LEASE:
            lease_token = await identities.lease("other dialer", subject, dialing=row.dialing)
            subject = replace(subject, lease_token=lease_token)
        elif is_own(row, name, subject):
            continue
        other = absent(subject)
        if row.names is Names.NEW_CALLBACK and subject.caller_id == OTHERS:
            other = replace(other, service_id=subject.service_id, service_sip=subject.service_sip, caller_id="absent")
        pairs = zip(faulty_ones(row.request(subject)), faulty_ones(row.request(other)), strict=True)
        for (fault, request), (_, none) in pairs:
            one = await seen_by(identities, row, name, request, subject)
            if one != (two := await seen_by(identities, row, name, none, other)):
                differing[name, subject.caller_id, subject.service_sip, fault] = (one, two)
    assert differing == {}


def is_own(row: Row, name: str, subject: Subject) -> bool:
    """Return whether the client may have what the request names, if it may make the call at all."""
    role = role_of(name)
    granted = subject.service_sip == GRANTED
    if row.names is Names.SERVICE:
        return granted
    return granted and (role is not Role.CALLER or subject.caller_id == OWN)


# --- What a creation finds -------------------------------------------------------------------------------------------


async def create(identities: Identities, name: str, **fields: Any) -> Any:
    request_id = fields.pop("request_id", "")
    validate_only = fields.pop("validate_only", False)
    request = identities[name].request(**{"service_sip": GRANTED} | fields)
    return await identities[name].callbacks.CreateCallback(
        pb.CreateCallbackRequest(callback_request=request, request_id=request_id, validate_only=validate_only)
    )


async def refused(identities: Identities, name: str, **fields: Any) -> Any:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await create(identities, name, **fields)
    return caught.value


@pytest.mark.parametrize("validate_only", [False, True])
@pytest.mark.parametrize("policy", [directory_pb.TARGET_POLICY_REFUSE, directory_pb.TARGET_POLICY_RETURN_EXISTING])
async def test_a_target_that_another_caller_has_taken(
    identities: Identities, policy: directory_pb.TargetPolicy.ValueType, *, validate_only: bool
) -> None:
    """The refusal says that the target is taken, and names neither the callback nor its state."""
    await identities.service(GRANTED, same_target_policy=policy)
    target = identities.next_number()
    taken = await create(identities, "other caller", target=target, caller_id=OTHERS)
    refusal = await refused(identities, "caller", target=target, caller_id=OWN, validate_only=validate_only)
    assert refusal_of(refusal).reason == "TARGET_ALREADY_PENDING"
    assert refusal_of(refusal).metadata == {}
    everything = repr((refusal.details(), refusal.trailing_metadata()))
    assert taken.callback.callback_id not in everything
    assert "QUEUED" not in everything


async def test_both_policies_refuse_a_foreign_target_alike(identities: Identities) -> None:
    refusals = []
    for policy in (directory_pb.TARGET_POLICY_REFUSE, directory_pb.TARGET_POLICY_RETURN_EXISTING):
        sip_address = f"sip:{policy}@cc.example"
        await identities.service(sip_address, same_target_policy=policy)
        target = identities.next_number()
        await create(identities, "other caller", target=target, service_sip=sip_address)
        refusal = await refused(identities, "caller of all", target=target, service_sip=sip_address)
        refusals.append((refusal.code(), refusal.details(), refusal.trailing_metadata()))
    assert refusals[0] == refusals[1]


async def test_an_external_task_id_is_the_callers_own(identities: Identities) -> None:
    await identities.service(GRANTED)
    fields = {"target": identities.next_number(), "external_task_id": "task"}
    others = await create(identities, "other caller", **fields)
    own = await create(identities, "caller", **fields)
    assert (others.created, own.created) == (True, True)
    assert own.callback.callback_id != others.callback.callback_id
    # An empty caller id is the own one, for each of them.
    assert (own.callback.callback_request.caller_id, others.callback.callback_request.caller_id) == (OWN, OTHERS)
    again = await create(identities, "caller", **fields, caller_id=OWN)
    assert (again.created, again.callback.callback_id) == (False, own.callback.callback_id)


@pytest.mark.parametrize("validate_only", [False, True])
async def test_an_external_task_of_another_caller_is_not_found_by_asking_for_it(
    identities: Identities, *, validate_only: bool
) -> None:
    """The same refusal for one that is there, for an equal one, and for one that is not there."""
    await identities.service(GRANTED)
    target = identities.next_number()
    await create(identities, "other caller", target=target, external_task_id="there")
    refusals = [
        await refused(
            identities, "caller", target=to, caller_id=OTHERS, external_task_id=task, validate_only=validate_only
        )
        for to, task in ((target, "there"), (identities.next_number(), "there"), (target, "nowhere"))
    ]
    assert {refusal_of(refusal).reason for refusal in refusals} == {"NOT_ALLOWED"}
    assert len({repr((r.code(), r.details(), r.trailing_metadata())) for r in refusals}) == 1


@pytest.mark.parametrize("validate_only", [False, True])
async def test_an_own_external_task_id_that_stands_for_a_foreign_service(
    identities: Identities, *, validate_only: bool
) -> None:
    """It clashes, since it is unique per caller id; what it clashes with is not told."""
    subject = await identities.subject(OWN, FOREIGN)
    await identities.service(GRANTED)
    refusal = await refused(
        identities,
        "caller",
        target=f"tel:{subject.number}",
        external_task_id=subject.external_task_id,
        validate_only=validate_only,
    )
    assert refusal_of(refusal).reason == "CALLBACK_ALREADY_EXISTS"
    assert refusal_of(refusal).metadata == {}
    assert subject.callback_id not in repr((refusal.details(), refusal.trailing_metadata()))


async def test_a_request_id_is_the_identitys_own(identities: Identities) -> None:
    await identities.service(GRANTED)
    fields = {"target": identities.next_number(), "request_id": str(uuid4())}
    others = await create(identities, "other caller", **fields)
    own = await create(identities, "caller", **fields)
    assert own.created
    assert own.callback.callback_id != others.callback.callback_id
    again = await create(identities, "caller", **fields)
    assert (again.created, again.callback.callback_id) == (False, own.callback.callback_id)
    operators = await create(identities, "operator", **fields)
    assert operators.created


# --- Filters and regions ---------------------------------------------------------------------------------------------


async def outcome(call: Any) -> object:
    try:
        return await call
    except grpc.aio.AioRpcError as error:
        return (error.code(), error.details())


@pytest.mark.parametrize("region", ["", "DE", "CH"])
async def test_the_region_of_a_foreign_service_reads_no_number(identities: Identities, region: str) -> None:
    """A national number in a filter is one of the caller's services; others do not change what it means."""
    await identities.service(GRANTED, default_region="CH")
    callbacks = identities["caller"].callbacks
    number = "tel:0785556677"

    async def outcomes() -> list[object]:
        filters = (cb.CallbackFilter(dial_target=number), cb.CallbackFilter(dial_target=number, service_sips=[FOREIGN]))
        return [
            await outcome(callbacks.ResolveCallbacks(pb.ResolveCallbacksRequest(target=number))),
            *[await outcome(callbacks.ListCallbacks(pb.ListCallbacksRequest(filter=each))) for each in filters],
        ]

    before = await outcomes()
    await identities.service(FOREIGN, default_region=region)
    assert await outcomes() == before


@pytest.mark.parametrize("name", LIMITED)
async def test_a_filter_for_a_foreign_service_is_one_for_no_service(identities: Identities, name: str) -> None:
    wanted = [cb.CallbackFilter(service_sips=[FOREIGN]), cb.CallbackFilter(service_sips=[FOREIGN], caller_ids=[OWN])]
    callbacks = identities[name].callbacks
    await identities.service(GRANTED)
    before = [await outcome(callbacks.ListCallbacks(pb.ListCallbacksRequest(filter=each))) for each in wanted]
    await identities.service(FOREIGN)
    assert [await outcome(callbacks.ListCallbacks(pb.ListCallbacksRequest(filter=each))) for each in wanted] == before


async def test_a_masked_viewer_cannot_search_for_a_number_whether_it_is_there_or_not(identities: Identities) -> None:
    subject = await identities.subject(OWN, GRANTED)
    callbacks = identities["masked viewer"].callbacks
    refusals = []
    for number in (subject.number, identities.next_number().removeprefix("tel:")):
        wanted = cb.CallbackFilter(dial_target=f"tel:{number}")
        refusals.append(await outcome(callbacks.ListCallbacks(pb.ListCallbacksRequest(filter=wanted))))
    assert len({repr(refusal) for refusal in refusals}) == 1
    assert refusals[0] != pb.ListCallbacksResponse()


async def test_the_queue_position_of_a_foreign_callback(identities: Identities) -> None:
    """It is not told by naming one's own service beside it."""
    subject = await identities.subject(OTHERS, GRANTED)
    directory = identities["caller"].directory
    found, none = [
        await outcome(directory.GetQueue(directory_pb.GetQueueRequest(sip_address=GRANTED, callback_key=key)))
        for key in (by_external_id(OTHERS, subject.external_task_id), by_external_id(OTHERS, "task-none"))
    ]
    assert repr(found).replace(subject.external_task_id, "task-none") == repr(none)
    by_its_id = await outcome(
        directory.GetQueue(directory_pb.GetQueueRequest(sip_address=GRANTED, callback_key=by_id(subject.callback_id)))
    )
    assert repr(by_its_id).count(subject.callback_id) == 1


async def test_where_an_own_callback_waits_behind_others_names_none_of_them(identities: Identities) -> None:
    others = [await identities.subject(OTHERS, GRANTED) for _ in range(3)]
    own = await identities.subject(OWN, GRANTED)
    response = await identities["caller"].directory.GetQueue(
        directory_pb.GetQueueRequest(callback_key=by_id(own.callback_id))
    )
    assert response.position.position == 4
    for other in others:
        for name in (other.callback_id, other.number, other.external_task_id, OTHERS):
            assert name.encode() not in response.SerializeToString()


# --- Tokens of lists and watches -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["caller", "viewer", "masked viewer", "viewer of all"])
async def test_a_token_of_a_wider_view_is_no_token(identities: Identities, name: str) -> None:
    for _ in range(3):
        await identities.subject(OTHERS, GRANTED)
        await identities.subject(OWN, GRANTED)
    wide = await identities["operator"].callbacks.ListCallbacks(pb.ListCallbacksRequest(page_size=2))
    callbacks = identities[name].callbacks
    with pytest.raises(grpc.aio.AioRpcError) as page:
        await callbacks.ListCallbacks(pb.ListCallbacksRequest(page_size=2, page_token=wide.next_page_token))
    assert refusal_of(page.value).reason == "PAGE_TOKEN_INVALID"
    with pytest.raises(grpc.aio.AioRpcError) as resumed:
        await callbacks.WatchCallbacks(pb.WatchCallbacksRequest(resume_token=wide.resume_token)).read()
    assert refusal_of(resumed.value).reason == "RESUME_TOKEN_INVALID"


async def test_who_requested_a_change_is_told_to_operators(identities: Identities) -> None:
    subject = await identities.subject(OWN, GRANTED)
    events = {}
    for name in ("caller", "viewer", "masked viewer", "operator"):
        page = await identities[name].callbacks.ListCallbacks(pb.ListCallbacksRequest())
        events[name] = page.resume_token
    await identities["caller"].callbacks.CancelCallback(pb.CancelCallbackRequest(key=by_id(subject.callback_id)))
    for name, resume_token in events.items():
        stream = identities[name].callbacks.WatchCallbacks(pb.WatchCallbacksRequest(resume_token=resume_token))
        response: Any = pb.WatchCallbacksResponse()
        while not response.events:
            response = await stream.read()
        assert {event.identity for event in response.events} == ({"caller"} if name == "operator" else {""}), name
        stream.cancel()


@pytest.mark.parametrize("policy", [directory_pb.TARGET_POLICY_REFUSE, directory_pb.TARGET_POLICY_RETURN_EXISTING])
async def test_an_update_to_a_target_that_another_caller_has_taken(
    identities: Identities, policy: directory_pb.TargetPolicy.ValueType
) -> None:
    await identities.service(GRANTED, same_target_policy=policy)
    others, own = await identities.subject(OTHERS, GRANTED), await identities.subject(OWN, GRANTED)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await identities["caller"].callbacks.UpdateCallback(
            pb.UpdateCallbackRequest(
                key=by_id(own.callback_id),
                callback_request=cb.CallbackRequest(target=f"tel:{others.number}"),
                update_mask=FieldMask(paths=["target"]),
            )
        )
    assert refusal_of(caught.value).reason == "TARGET_ALREADY_PENDING"
    assert refusal_of(caught.value).metadata == {}
    assert others.callback_id not in repr((caught.value.details(), caught.value.trailing_metadata()))


# --- What changes while a stream is open -----------------------------------------------------------------------------


async def test_an_operator_who_becomes_a_viewer_of_all_loses_the_stream_that_names_identities(
    app: App, identities: Identities
) -> None:
    stream = identities["operator"].callbacks.WatchCallbacks(pb.WatchCallbacksRequest())
    await stream.read()
    viewer = next(each for each in RULES.identities if each.name == "operator")
    app.replace_access(AccessRules(identities=(msgspec.structs.replace(viewer, grants=(Grant(role=Role.VIEWER),)),)))
    with pytest.raises(grpc.aio.AioRpcError) as ended:
        await stream.read()
    assert ended.value.code() is grpc.StatusCode.PERMISSION_DENIED


@pytest.mark.parametrize("name", ["caller", "viewer"])
async def test_a_watch_ends_when_a_granted_address_becomes_that_of_another_service(
    identities: Identities, name: str
) -> None:
    """It would show the callbacks of a service that is not granted any more; with its token, one goes on."""
    await identities.subject(OWN, GRANTED)
    stream = identities[name].callbacks.WatchCallbacks(pb.WatchCallbacksRequest())
    responses: list[Any] = [await stream.read()]
    await move(identities, GRANTED, "sip:elsewhere@cc.example")
    hidden = await identities.subject(OWN, "sip:elsewhere@cc.example")
    shown = await identities.subject(OWN, GRANTED)
    while (response := await stream.read()) is not grpc.aio.EOF:
        responses.append(response)
    assert ids_of(responses) == []
    resume_token = responses[-1].resume_token
    resumed = identities[name].callbacks.WatchCallbacks(pb.WatchCallbacksRequest(resume_token=resume_token))
    while shown.callback_id not in ids_of(responses):
        responses.append(await resumed.read())
    assert hidden.callback_id not in ids_of(responses)


async def test_a_poll_leases_for_the_services_that_are_granted_when_it_leases(app: App, identities: Identities) -> None:
    """One whose address was granted when the poll began is not any more; one that has the address now is."""
    await identities.service(GRANTED)
    poll = identities["dialer"].dialers.LeaseCallbacks(
        dialer_pb.LeaseCallbacksRequest(dialer_id="d", wait_duration=Duration(seconds=60))
    )
    waiting = asyncio.create_task(outcome(poll))
    await until_polling(app)
    await move(identities, GRANTED, "sip:elsewhere@cc.example")
    await identities.subject(OWN, "sip:elsewhere@cc.example")
    shown = await identities.subject(OWN, GRANTED)
    response: Any = await waiting
    assert [lease.callback.callback_id for lease in response.leases] == [shown.callback_id]


async def move(identities: Identities, old: str, new: str) -> None:
    """Give a service another address."""
    await identities["operator"].directory.UpdateService(
        directory_pb.UpdateServiceRequest(
            service=directory_pb.Service(service_id=await identities.service(old), sip_address=new),
            update_mask=FieldMask(paths=["sip_address"]),
        )
    )
