"""How a services file is applied to the directory of services."""

from collections.abc import AsyncIterator, Iterable
from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol

import grpc
from google.protobuf.field_mask_pb2 import FieldMask

from ringback.cli.services_file import WantedService
from ringback.client import reason_of
from ringback.v1 import directory_service_pb2 as pb
from ringback.v1.error_reason_pb2 import ERROR_REASON_SERVICE_NOT_FOUND

if TYPE_CHECKING:
    from ringback.v1.directory_service_pb2_grpc import DirectoryServiceAsyncStub


class Applied(NamedTuple):
    """One service of the file as the directory has it now, and what was changed."""

    service: pb.Service
    change: Literal["created", "updated", "unchanged"]
    fields: tuple[str, ...] = ()


class ServiceDirectory(Protocol):
    """Where services are kept: a server at the other end of a channel, or the server of this process."""

    async def find(self, request: pb.GetServiceRequest) -> pb.Service | None: ...

    async def create(self, request: pb.CreateServiceRequest) -> pb.Service: ...

    async def update(self, request: pb.UpdateServiceRequest) -> pb.Service: ...


class RemoteDirectory:
    """The services of a server. Refusals are raised as `grpc.aio.AioRpcError`."""

    def __init__(self, stub: "DirectoryServiceAsyncStub", timeout_s: float | None) -> None:
        self._stub = stub
        self._timeout_s = timeout_s

    async def find(self, request: pb.GetServiceRequest) -> pb.Service | None:
        try:
            return (await self._stub.GetService(request, timeout=self._timeout_s)).service
        except grpc.aio.AioRpcError as error:
            if reason_of(error) == ERROR_REASON_SERVICE_NOT_FOUND:
                return None
            raise

    async def create(self, request: pb.CreateServiceRequest) -> pb.Service:
        return (await self._stub.CreateService(request, timeout=self._timeout_s)).service

    async def update(self, request: pb.UpdateServiceRequest) -> pb.Service:
        return (await self._stub.UpdateService(request, timeout=self._timeout_s)).service


async def apply(directory: ServiceDirectory, wanted: Iterable[WantedService]) -> AsyncIterator[Applied]:
    """Create the services that are missing, and update what differs in the others.

    Services are found by their `service_id`, or else by their `sip_address`. Settings that the file does not
    name, and services that it does not name, stay as they are. Raise what the directory raises at the first service
    that it refuses.
    """
    for service, named in wanted:
        current = await directory.find(_named(service))
        if current is None:
            yield Applied(await directory.create(pb.CreateServiceRequest(service=service)), "created")
        else:
            yield await _update(directory, current, WantedService(service, named))


def _named(service: pb.Service) -> pb.GetServiceRequest:
    if service.service_id:
        return pb.GetServiceRequest(service_id=service.service_id)
    return pb.GetServiceRequest(sip_address=service.sip_address)


async def _update(directory: ServiceDirectory, current: pb.Service, wanted: WantedService) -> Applied:
    differing = _differing(current, wanted.service, [name for name in wanted.named if name != "service_id"])
    if not differing:
        return Applied(current, "unchanged")
    request = pb.UpdateServiceRequest(service=wanted.service, update_mask=FieldMask(paths=differing))
    request.service.service_id = current.service_id
    updated = await directory.update(request)
    # The server writes some values in its own form: what differs from that may mean the same.
    changed = _differing(current, updated, differing)
    return Applied(updated, "updated" if changed else "unchanged", changed)


def _differing(one: pb.Service, other: pb.Service, names: Iterable[str]) -> tuple[str, ...]:
    one, other = _comparable(one), _comparable(other)
    return tuple(name for name in names if getattr(one, name) != getattr(other, name))


def _comparable(service: pb.Service) -> pb.Service:
    """Bring lists whose order means nothing into one order, and fill in the one default that is equal to unset."""
    same = pb.Service()
    same.CopyFrom(service)
    same.closed_dates.sort()
    same.retry_rules.sort(key=lambda rule: rule.outcome)
    for rule in same.retry_rules:
        rule.min_delay.SetInParent()
    same.opening_hours.sort(key=lambda period: (period.day_of_week, period.open_time, period.close_time))
    return same
