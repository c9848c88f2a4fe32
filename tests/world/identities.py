"""A server with identities: one of each role and others beside them, and the calls of each."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

import grpc
from google.protobuf.duration_pb2 import Duration

from ringback.application.access import Grant, Role
from ringback.identity.rules import AccessRules, Identity
from ringback.v1 import callbacks_service_pb2 as pb
from ringback.v1 import dialer_service_pb2 as dialer_pb
from ringback.v1 import directory_service_pb2 as directory_pb
from tests.world.api import ENDED, Api, by_id

GRANTED, FOREIGN = "sip:granted@cc.example", "sip:foreign@cc.example"
OWN, OTHERS = "own", "others"

_GRANTS = {
    "caller": Grant(role=Role.CALLER, caller_ids=(OWN, "own-too"), services=frozenset({GRANTED})),
    "dialer": Grant(role=Role.DIALER, services=frozenset({GRANTED})),
    "viewer": Grant(role=Role.VIEWER, services=frozenset({GRANTED})),
    "masked viewer": Grant(role=Role.VIEWER, services=frozenset({GRANTED}), masked=True),
    "operator": Grant(role=Role.OPERATOR),
    "viewer of all": Grant(role=Role.VIEWER),
    "other caller": Grant(role=Role.CALLER, caller_ids=(OTHERS,)),
    "caller of all": Grant(role=Role.CALLER, caller_ids=("third",)),
    "other dialer": Grant(role=Role.DIALER),
}
# These have no identity: one sends nothing, the other a token that no identity has.
NOBODY, STRANGER = "nobody", "stranger"
# Whose calls are compared with the table.
CLIENTS = ("caller", "dialer", "viewer", "masked viewer", "operator", NOBODY, STRANGER)


def token_of(name: str) -> str:
    return f"token-of-{name.replace(' ', '-')}"


RULES = AccessRules(
    identities=tuple(
        Identity(name=name, tokens_sha256=frozenset({sha256(token_of(name).encode()).hexdigest()}), grants=(grant,))
        for name, grant in _GRANTS.items()
    )
)


def role_of(name: str) -> Role | None:
    return _GRANTS[name].role if name in _GRANTS else None


class _Authorized:
    """A channel whose calls all carry the token of one identity."""

    def __init__(self, channel: grpc.aio.Channel, name: str) -> None:
        self._channel = channel
        self._metadata = () if name == NOBODY else (("authorization", f"Bearer {token_of(name)}"),)

    def unary_unary(self, *args: Any, **options: Any) -> Any:
        call: Any = self._channel.unary_unary(*args, **options)
        return lambda request, **more: call(request, metadata=self._metadata, **more)

    def unary_stream(self, *args: Any, **options: Any) -> Any:
        call: Any = self._channel.unary_stream(*args, **options)
        return lambda request, **more: call(request, metadata=self._metadata, **more)


@dataclass(frozen=True)
class Subject:
    """What a request is about: a callback, its service, and its lease."""

    service_sip: str
    service_id: str
    caller_id: str
    callback_id: str
    external_task_id: str
    number: str
    lease_token: str = ""


@dataclass
class Identities:
    """All identities on one channel, and what the operator makes for them."""

    channel: grpc.aio.Channel
    _apis: dict[str, Api] = field(default_factory=dict)
    _count: int = 0

    def __getitem__(self, name: str) -> Api:
        if name not in self._apis:
            channel: Any = _Authorized(self.channel, name)
            self._apis[name] = Api.on(channel)
        return self._apis[name]

    @classmethod
    @asynccontextmanager
    async def at(cls, target: str) -> AsyncIterator["Identities"]:
        async with grpc.aio.insecure_channel(target) as channel:
            yield cls(channel)

    async def service(self, sip_address: str, **settings: Any) -> str:
        """Return the id of the service, which is created when there is none."""
        operator = self["operator"]
        response = await operator.directory.ListServices(directory_pb.ListServicesRequest())
        for service in response.services:
            if service.sip_address == sip_address:
                return service.service_id
        return await operator.add_service(sip_address, max_concurrent_calls=10_000, **settings)

    def next_number(self) -> str:
        self._count += 1
        return f"tel:+4178555{self._count:04}"

    async def subject(self, caller_id: str, service_sip: str, **fields: Any) -> Subject:
        """Create a callback of this caller for this service."""
        service_id = await self.service(service_sip)
        number = self.next_number()
        callback = await self["operator"].create(
            number, service_id=service_id, caller_id=caller_id, external_task_id=f"task-{self._count:04}", **fields
        )
        return Subject(
            service_sip=service_sip,
            service_id=service_id,
            caller_id=caller_id,
            callback_id=callback.callback_id,
            external_task_id=callback.callback_request.external_task_id,
            number=number.removeprefix("tel:"),
        )

    async def lease(self, name: str, subject: Subject, *, dialing: bool = False) -> str:
        """Have a dialer lease the callback of the subject; return the token."""
        dialers = self[name].dialers
        response = await dialers.LeaseCallbacks(
            dialer_pb.LeaseCallbacksRequest(
                dialer_id=name.replace(" ", "-"),
                service_ids=[subject.service_id],
                max_leases=100,
                wait_duration=Duration(),
            )
        )
        [lease] = [lease for lease in response.leases if lease.callback.callback_id == subject.callback_id]
        if dialing:
            await dialers.ReportProgress(
                dialer_pb.ReportProgressRequest(
                    lease_token=lease.lease_token, progress=dialer_pb.ATTEMPT_PROGRESS_DIALING
                )
            )
        return lease.lease_token

    async def end_all(self) -> None:
        """Cancel all callbacks: a service that has open ones cannot be deleted."""
        operator = self["operator"]
        for callback in await operator.list_all():
            if callback.state not in ENDED:
                await operator.callbacks.CancelCallback(pb.CancelCallbackRequest(key=by_id(callback.callback_id)))
