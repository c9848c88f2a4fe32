"""How a services file is applied to the directory of services."""

from collections.abc import AsyncIterator, Iterable
from typing import TYPE_CHECKING, Literal, NamedTuple

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


async def apply(
    stub: "DirectoryServiceAsyncStub", wanted: Iterable[WantedService], timeout_s: float | None = None
) -> AsyncIterator[Applied]:
    """Create the services that are missing, and update what differs in the others.

    Services are found by their `service_id`, or else by their `sip_address`. Settings that the file does not
    name, and services that it does not name, stay as they are. Raise `grpc.aio.AioRpcError` at the first service
    that the server refuses.
    """
    for service, named in wanted:
        current = await _find(stub, service, timeout_s)
        if current is None:
            created = await stub.CreateService(pb.CreateServiceRequest(service=service), timeout=timeout_s)
            yield Applied(created.service, "created")
        else:
            yield await _update(stub, current, WantedService(service, named), timeout_s)


async def _find(stub: "DirectoryServiceAsyncStub", wanted: pb.Service, timeout_s: float | None) -> pb.Service | None:
    request = (
        pb.GetServiceRequest(service_id=wanted.service_id)
        if wanted.service_id
        else pb.GetServiceRequest(sip_address=wanted.sip_address)
    )
    try:
        return (await stub.GetService(request, timeout=timeout_s)).service
    except grpc.aio.AioRpcError as error:
        if reason_of(error) == ERROR_REASON_SERVICE_NOT_FOUND:
            return None
        raise


async def _update(
    stub: "DirectoryServiceAsyncStub", current: pb.Service, wanted: WantedService, timeout_s: float | None
) -> Applied:
    differing = _differing(current, wanted.service, [name for name in wanted.named if name != "service_id"])
    if not differing:
        return Applied(current, "unchanged")
    request = pb.UpdateServiceRequest(service=wanted.service, update_mask=FieldMask(paths=differing))
    request.service.service_id = current.service_id
    response = await stub.UpdateService(request, timeout=timeout_s)
    # The server writes some values in its own form: what differs from that may mean the same.
    changed = _differing(current, response.service, differing)
    return Applied(response.service, "updated" if changed else "unchanged", changed)


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
