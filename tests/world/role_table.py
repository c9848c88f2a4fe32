"""Every RPC, and each way to name in it what a caller may not see: the rows of the table of roles."""

import itertools
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from enum import Enum, auto
from typing import Any, Final, TypeAlias

import grpc
from google.protobuf.duration_pb2 import Duration
from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from ringback.application.access import RIGHT_FOR, ROLES_WITH, Right, Role
from ringback.v1 import callback_pb2 as cb
from ringback.v1 import callbacks_service_pb2 as pb
from ringback.v1 import dialer_service_pb2 as dialer_pb
from ringback.v1 import directory_service_pb2 as directory_pb
from tests.world.api import by_external_id, by_id, refusal_in, refusal_of
from tests.world.identities import CLIENTS, FOREIGN, GRANTED, OTHERS, OWN, Identities, Subject, role_of

# Who calls, whose callback it is about, and of which service.
Cell: TypeAlias = tuple[str, str, str]

# By name: the stub that has it.
RPCS = {
    method.name: attribute
    for attribute, file in (("callbacks", pb), ("dialers", dialer_pb), ("directory", directory_pb))
    for service in file.DESCRIPTOR.services_by_name.values()
    for method in service.methods
}
STREAMS: Final = {"WatchCallbacks", "WatchQueues"}


class Names(Enum):
    """What a request names; that decides how one about what is another's ends."""

    NOTHING = auto()
    # NOT_ALLOWED for one that is not granted.
    SERVICE = auto()
    # NOT_ALLOWED for another's caller_id, or a service that is not granted.
    NEW_CALLBACK = auto()
    # CALLBACK_NOT_FOUND for another's.
    CALLBACK = auto()
    # What is another's is not among what comes back.
    ALL_CALLBACKS = auto()
    ALL_SERVICES = auto()
    QUEUE = auto()
    # The token of another identity is as unknown as any other.
    LEASE = auto()


@dataclass(frozen=True)
class Row:
    """One way to make a call of an RPC. `result` returns the reason of a refusal within the response, "" for none."""

    rpc: str
    names: Names
    request: Callable[[Subject], Message]
    result: Callable[[Any, Subject], str] = lambda _, __: ""
    also: Right | None = None
    dialing: bool = False
    variant: str = ""

    def __str__(self) -> str:
        return f"{self.rpc} {self.variant}".strip()


HIDDEN: Final = "hidden"


def among(ids: Callable[[Any], Collection[str]], of: str = "callback_id") -> Callable[[Any, Subject], str]:
    return lambda response, subject: "" if getattr(subject, of) in ids(response) else HIDDEN


def new_callback(subject: Subject, **service: Any) -> pb.CreateCallbackRequest:
    return pb.CreateCallbackRequest(
        callback_request=cb.CallbackRequest(
            target=f"tel:{subject.number}",
            caller_id=subject.caller_id,
            priority=cb.PRIORITY_NORMAL,
            seconds_between_retries=60,
            **service,
        )
    )


def by_task(subject: Subject) -> cb.CallbackKey:
    return by_external_id(subject.caller_id, subject.external_task_id)


def in_batch(response: pb.BatchCreateCallbacksResponse, _: Subject) -> str:
    return refusal_in(response.results[0].error).reason


def lost(response: dialer_pb.ExtendLeasesResponse, _: Subject) -> str:
    return HIDDEN if response.results[0].lost_reason else ""


def not_released(response: dialer_pb.ReleaseLeasesResponse, _: Subject) -> str:
    return "" if response.results[0].released else HIDDEN


def reported(response: dialer_pb.ReportAttemptsResponse, _: Subject) -> str:
    reason = refusal_in(response.results[0].error).reason
    return HIDDEN if reason in _UNKNOWN else reason


def ids_of(responses: Any) -> list[str]:
    """Return the ids of the callbacks that a response, or a snapshot, has."""
    if isinstance(responses, list):
        return [event.callback.callback_id for response in responses for event in response.events]
    if isinstance(responses, pb.ResolveCallbacksResponse):
        return [result.callback_id for result in responses.results]
    return [callback.callback_id for callback in responses.callbacks]


def ids_of_queues(responses: list[directory_pb.WatchQueuesResponse]) -> list[str]:
    return [queue.service_id for response in responses for queue in response.queues]


def counted(response: pb.CountCallbacksResponse, _: Subject) -> str:
    return "" if any(state.count for state in response.states) else HIDDEN


def ids_of_leases(response: dialer_pb.LeaseCallbacksResponse) -> list[str]:
    return [lease.callback.callback_id for lease in response.leases]


def poll(**services: Any) -> dialer_pb.LeaseCallbacksRequest:
    return dialer_pb.LeaseCallbacksRequest(dialer_id="d", max_leases=100, wait_duration=Duration(), **services)


def _now() -> Timestamp:
    now = Timestamp()
    now.GetCurrentTime()
    return now


_UPDATE = FieldMask(paths=["description"])
_LONGER = cb.CallbackRequest(description="another")
ROWS = [
    Row("CreateCallback", Names.NEW_CALLBACK, lambda s: new_callback(s, service_id=s.service_id), variant="by id"),
    Row(
        "CreateCallback", Names.NEW_CALLBACK, lambda s: new_callback(s, service_sip=s.service_sip), variant="by address"
    ),
    Row(
        "BatchCreateCallbacks",
        Names.NEW_CALLBACK,
        lambda s: pb.BatchCreateCallbacksRequest(requests=[new_callback(s, service_id=s.service_id)]),
        in_batch,
    ),
    Row(
        "BatchCreateCallbacks",
        Names.NEW_CALLBACK,
        lambda s: pb.BatchCreateCallbacksRequest(
            requests=[new_callback(s, service_id=s.service_id)], include_callbacks=True
        ),
        in_batch,
        variant="with callbacks",
    ),
    Row("GetCallback", Names.CALLBACK, lambda s: pb.GetCallbackRequest(key=by_id(s.callback_id)), variant="by id"),
    Row("GetCallback", Names.CALLBACK, lambda s: pb.GetCallbackRequest(key=by_task(s)), variant="by task"),
    Row("ListCallbacks", Names.ALL_CALLBACKS, lambda _: pb.ListCallbacksRequest(), among(ids_of)),
    Row(
        "ListCallbacks",
        Names.ALL_CALLBACKS,
        lambda s: pb.ListCallbacksRequest(filter=cb.CallbackFilter(keys=[by_id(s.callback_id), by_task(s)])),
        among(ids_of),
        variant="by key",
    ),
    Row(
        "ListCallbacks",
        Names.ALL_CALLBACKS,
        lambda s: pb.ListCallbacksRequest(
            filter=cb.CallbackFilter(caller_ids=[s.caller_id], service_ids=[s.service_id], service_sips=[s.service_sip])
        ),
        among(ids_of),
        variant="by caller and service",
    ),
    Row(
        "CountCallbacks",
        Names.ALL_CALLBACKS,
        lambda s: pb.CountCallbacksRequest(filter=cb.CallbackFilter(keys=[by_id(s.callback_id)])),
        counted,
    ),
    Row(
        "ListCallbackEvents",
        Names.CALLBACK,
        lambda s: pb.ListCallbackEventsRequest(key=by_id(s.callback_id)),
        variant="by id",
    ),
    Row(
        "ListCallbackEvents", Names.CALLBACK, lambda s: pb.ListCallbackEventsRequest(key=by_task(s)), variant="by task"
    ),
    Row(
        "GetCallTrace",
        Names.NOTHING,
        lambda s: pb.GetCallTraceRequest(key=by_id(s.callback_id), attempt=1),
        dialing=True,
        variant="by id",
    ),
    Row(
        "CancelCallback", Names.CALLBACK, lambda s: pb.CancelCallbackRequest(key=by_id(s.callback_id)), variant="by id"
    ),
    Row("CancelCallback", Names.CALLBACK, lambda s: pb.CancelCallbackRequest(key=by_task(s)), variant="by task"),
    Row(
        "UpdateCallback",
        Names.CALLBACK,
        lambda s: pb.UpdateCallbackRequest(key=by_id(s.callback_id), callback_request=_LONGER, update_mask=_UPDATE),
        variant="by id",
    ),
    Row(
        "UpdateCallback",
        Names.CALLBACK,
        lambda s: pb.UpdateCallbackRequest(key=by_task(s), callback_request=_LONGER, update_mask=_UPDATE),
        variant="by task",
    ),
    Row(
        "ResolveCallbacks",
        Names.ALL_CALLBACKS,
        lambda s: pb.ResolveCallbacksRequest(target=f"tel:{s.number}"),
        among(ids_of),
    ),
    Row(
        "WatchCallbacks",
        Names.ALL_CALLBACKS,
        lambda _: pb.WatchCallbacksRequest(snapshot_mode=pb.SNAPSHOT_MODE_WHEN_NEEDED),
        among(ids_of),
    ),
    Row(
        "LeaseCallbacks",
        Names.SERVICE,
        lambda s: poll(service_ids=[s.service_id]),
        among(ids_of_leases),
        variant="by id",
    ),
    Row(
        "LeaseCallbacks",
        Names.SERVICE,
        lambda s: poll(service_sips=[s.service_sip]),
        among(ids_of_leases),
        variant="by address",
    ),
    Row(
        "LeaseCallbacks",
        Names.QUEUE,
        lambda _: poll(),
        among(ids_of_leases),
        variant="of all",
    ),
    Row("ExtendLeases", Names.LEASE, lambda s: dialer_pb.ExtendLeasesRequest(lease_tokens=[s.lease_token]), lost),
    Row(
        "ReportProgress",
        Names.LEASE,
        lambda s: dialer_pb.ReportProgressRequest(
            lease_token=s.lease_token, progress=dialer_pb.ATTEMPT_PROGRESS_DIALING
        ),
    ),
    Row(
        "ReportOutcome",
        Names.LEASE,
        lambda s: dialer_pb.ReportOutcomeRequest(lease_token=s.lease_token, outcome=cb.CALL_OUTCOME_BUSY),
        dialing=True,
    ),
    Row(
        "ReportAttempts",
        Names.LEASE,
        lambda s: dialer_pb.ReportAttemptsRequest(
            reports=[
                dialer_pb.AttemptReport(
                    progress=dialer_pb.ReportProgressRequest(
                        lease_token=s.lease_token, progress=dialer_pb.ATTEMPT_PROGRESS_DIALING
                    )
                )
            ]
        ),
        reported,
    ),
    Row(
        "ReleaseLeases",
        Names.LEASE,
        lambda s: dialer_pb.ReleaseLeasesRequest(lease_tokens=[s.lease_token]),
        not_released,
    ),
    Row(
        "GetService", Names.SERVICE, lambda s: directory_pb.GetServiceRequest(service_id=s.service_id), variant="by id"
    ),
    Row(
        "GetService",
        Names.SERVICE,
        lambda s: directory_pb.GetServiceRequest(sip_address=s.service_sip),
        variant="by address",
    ),
    Row(
        "ListServices",
        Names.ALL_SERVICES,
        lambda _: directory_pb.ListServicesRequest(),
        among(lambda response: [service.service_id for service in response.services], "service_id"),
    ),
    Row("GetQueue", Names.SERVICE, lambda s: directory_pb.GetQueueRequest(service_id=s.service_id), variant="by id"),
    Row(
        "GetQueue",
        Names.SERVICE,
        lambda s: directory_pb.GetQueueRequest(sip_address=s.service_sip),
        variant="by address",
    ),
    Row(
        "GetQueue",
        Names.CALLBACK,
        lambda s: directory_pb.GetQueueRequest(callback_key=by_id(s.callback_id)),
        also=Right.READ_CALLBACKS,
        variant="of a callback",
    ),
    Row(
        "WatchQueues",
        Names.ALL_SERVICES,
        lambda _: directory_pb.WatchQueuesRequest(),
        among(ids_of_queues, "service_id"),
    ),
    Row(
        "WatchQueues",
        Names.ALL_SERVICES,
        lambda s: directory_pb.WatchQueuesRequest(service_ids=[s.service_id]),
        among(ids_of_queues, "service_id"),
        variant="by id",
    ),
    Row(
        "GetOutcomes",
        Names.NOTHING,
        lambda s: directory_pb.GetOutcomesRequest(begin_time=_now(), service_ids=[s.service_id]),
    ),
    Row("GetIdentity", Names.NOTHING, lambda _: directory_pb.GetIdentityRequest()),
    Row(
        "CreateService",
        Names.NOTHING,
        lambda s: directory_pb.CreateServiceRequest(
            service=directory_pb.Service(sip_address=f"sip:{s.external_task_id}@cc.example")
        ),
    ),
    Row(
        "UpdateService",
        Names.NOTHING,
        lambda s: directory_pb.UpdateServiceRequest(
            service=directory_pb.Service(service_id=s.service_id, display_name="x"),
            update_mask=FieldMask(paths=["display_name"]),
        ),
    ),
    Row(
        "DeleteService",
        Names.NOTHING,
        lambda s: directory_pb.DeleteServiceRequest(service_id=s.service_id),
        variant="by id",
    ),
    Row(
        "DeleteService",
        Names.NOTHING,
        lambda s: directory_pb.DeleteServiceRequest(sip_address=s.service_sip),
        variant="by address",
    ),
    Row("EraseTarget", Names.NOTHING, lambda s: directory_pb.EraseTargetRequest(target=f"tel:{s.number}")),
]


async def call(identities: Identities, row: Row, name: str, subject: Subject) -> Any:
    method = getattr(getattr(identities[name], RPCS[row.rpc]), row.rpc)
    responses: Any = method(row.request(subject), timeout=20)
    if row.rpc not in STREAMS:
        return await responses
    snapshot = []
    async for response in responses:
        snapshot.append(response)
        if getattr(response, "snapshot_complete", False) or getattr(response, "complete", False):
            responses.cancel()
            break
    return snapshot


# The reasons that stand for "there is no such thing".
_UNKNOWN = {"CALLBACK_NOT_FOUND", "LEASE_EXPIRED"}


def expected(row: Row, name: str, subject: Subject) -> str:
    role = role_of(name)
    if role is None:
        return "CREDENTIALS_INVALID"
    if any(role not in ROLES_WITH[right] for right in (RIGHT_FOR[row.rpc], row.also) if right is not None):
        return "NOT_ALLOWED"
    own = role is not Role.CALLER or subject.caller_id == OWN
    granted = role is Role.OPERATOR or subject.service_sip == GRANTED
    match row.names:
        case Names.NOTHING:
            return ""
        case Names.SERVICE:
            return "" if granted else "NOT_ALLOWED"
        case Names.NEW_CALLBACK:
            return "" if own and granted else "NOT_ALLOWED"
        case Names.CALLBACK | Names.ALL_CALLBACKS:
            return "" if own and granted else HIDDEN
        case Names.ALL_SERVICES | Names.QUEUE:
            return "" if granted else HIDDEN
        case Names.LEASE:
            return "" if is_own_lease(name, subject) else HIDDEN


def is_own_lease(name: str, subject: Subject) -> bool:
    """Return whether the subject is leased by the client itself; it is by another dialer otherwise."""
    return role_of(name) is Role.DIALER and (subject.caller_id, subject.service_sip) == (OWN, GRANTED)


async def result_of(identities: Identities, row: Row, name: str, subject: Subject) -> str:
    """Make the call, and return the reason of its refusal, "" for none."""
    try:
        response = await call(identities, row, name, subject)
    except grpc.aio.AioRpcError as error:
        reason = refusal_of(error).reason
        return HIDDEN if reason in _UNKNOWN else reason
    if name == "masked viewer":
        responses = response if isinstance(response, list) else [response]
        assert not [each for each in responses if subject.number.encode() in each.SerializeToString()]
    return row.result(response, subject)


async def walk(identities: Identities, row: Row) -> tuple[dict[Cell, str], dict[Cell, str]]:
    """Make the calls of all cells of a row; return how each of them ended, and how it has to end."""
    found, wanted = {}, {}
    for cell in itertools.product(CLIENTS, (OWN, OTHERS), (GRANTED, FOREIGN)):
        name, caller_id, service_sip = cell
        subject = await identities.subject(caller_id, service_sip)
        if row.rpc == "DeleteService":
            await identities.end_all()
        if row.names is Names.LEASE or row.dialing:
            leasing = name if is_own_lease(name, subject) else "other dialer"
            subject = replace(subject, lease_token=await identities.lease(leasing, subject, dialing=row.dialing))
        wanted[cell] = expected(row, name, subject)
        found[cell] = await result_of(identities, row, name, subject)
    return found, wanted
