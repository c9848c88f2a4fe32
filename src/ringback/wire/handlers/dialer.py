"""DialerService: dialers get their work here, and report on it."""

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta

from ringback.application.access import Caller, Right
from ringback.application.directory import Directory
from ringback.application.dispatch.assigner import Assigner
from ringback.application.dispatch.lease_request import (
    DEFAULT_LEASE,
    DEFAULT_WAIT_S,
    MAX_LEASES,
    MAX_WAIT_S,
    MIN_LEASE,
    LeaseRequest,
)
from ringback.application.dispatch.leases import Extended, Leases
from ringback.application.dispatch.reports import MAX_REPORTS, AttemptReport, Reports
from ringback.application.turns import give_way
from ringback.domain.callback import LONGEST_LEASE, Callback, State, weight
from ringback.domain.errors import CallbackInProgress, Fault, InvalidRequest, LeaseRefused
from ringback.domain.faults import Faults
from ringback.domain.masked_callback import without_numbers
from ringback.domain.request import ServiceName, dialer_violation, text_violation
from ringback.domain.service import Service
from ringback.ports.clock import Clock
from ringback.v1 import dialer_service_pb2 as pb
from ringback.wire.attempt_reports import MAX_TEXT_LENGTH, read_outcome, read_progress, read_report, write_reported
from ringback.wire.batch_results import check_room, size_of
from ringback.wire.callbacks import write_callback
from ringback.wire.enums import FIRST_LEGS
from ringback.wire.errors import reason_of
from ringback.wire.values import Range, Room, read_duration, read_guid, read_list, read_sip, write_time

_log = logging.getLogger(__name__)

MAX_TOKENS = 1000
MAX_SERVICES = 1000
MAX_TOKEN_LENGTH = 128
_LEASES = Range(1, MAX_LEASES, 1)
_DURATION = Range(MIN_LEASE, LONGEST_LEASE, DEFAULT_LEASE)
_WAIT = Range(timedelta(0), timedelta(seconds=MAX_WAIT_S), timedelta(seconds=DEFAULT_WAIT_S))


class DialerHandlers:
    """The handlers of DialerService."""

    def __init__(
        self, assigner: Assigner, leases: Leases, reports: Reports, directory: Directory, clock: Clock
    ) -> None:
        self._assigner = assigner
        self._leases = leases
        self._reports = reports
        self._directory = directory
        self._clock = clock

    async def lease_callbacks(self, caller: Caller, request: pb.LeaseCallbacksRequest) -> pb.LeaseCallbacksResponse:
        faults = Faults()
        wanted, names = _read_poll(request, faults)
        faults.refuse()
        if request.service_sips:  # the poll would wait for what an address was before
            await self._directory.refresh()
        # A poll for a service that does not exist would wait for ever.
        if names:
            services = [await self._directory.seen(caller, name, Right.DIAL) for name in names]
            wanted = wanted.of({service.service_id for service in services})
        response = pb.LeaseCallbacksResponse()
        room = Room()
        for callback in await self._assigner.lease(caller, wanted):
            # All of them have room when they are leased. Leased before, and repeated, they may have grown since.
            if room.take(weight(callback)):
                service = await self._directory.get(callback.service_id)
                self._write_lease(callback, service, response.leases.add())
        return response

    async def extend_leases(self, caller: Caller, request: pb.ExtendLeasesRequest) -> pb.ExtendLeasesResponse:
        faults = Faults()
        tokens = _read_tokens(request.lease_tokens, faults)
        duration = _DURATION.apply(read_duration(request, "lease_duration", faults), "lease_duration", faults)
        faults.refuse()
        response = pb.ExtendLeasesResponse()
        room = Room()
        for extended in await self._leases.extend(caller, tokens, duration):
            self._write_extended(extended, room, response.results.add())
        return response

    async def report_progress(self, caller: Caller, request: pb.ReportProgressRequest) -> pb.ReportProgressResponse:
        faults = Faults()
        token, report = read_progress(request, faults)
        faults.refuse()
        callback, _ = await self._leases.report(caller, token, report)
        response = pb.ReportProgressResponse(cancel_requested=callback.state is State.CANCELLING)
        write_callback(callback, response.callback)
        return response

    async def report_outcome(self, caller: Caller, request: pb.ReportOutcomeRequest) -> pb.ReportOutcomeResponse:
        faults = Faults()
        token, report = read_outcome(request, faults)
        faults.refuse()
        callback, replayed = await self._leases.report(caller, token, report)
        response = pb.ReportOutcomeResponse(replayed=replayed)
        write_callback(callback, response.callback)
        return response

    async def report_attempts(self, caller: Caller, request: pb.ReportAttemptsRequest) -> pb.ReportAttemptsResponse:
        count = len(request.reports)
        if not 1 <= count <= MAX_REPORTS:
            raise InvalidRequest([Fault("reports", f"has {count} items; 1 to {MAX_REPORTS} are allowed")])
        read: list[AttemptReport | InvalidRequest] = []
        for index, item in enumerate(request.reports):
            await give_way(index)
            read.append(read_report(item))
        valid = [one for one in read if isinstance(one, AttemptReport)]
        if request.include_callbacks:
            invalid = (one for one in read if isinstance(one, InvalidRequest))
            check_room([*invalid, *await self._reports.preview(caller, valid)])
        taken = iter(await self._reports.report(caller, valid))
        response = pb.ReportAttemptsResponse()
        room = Room()
        for index, one in enumerate(read):
            await give_way(index)
            result = next(taken) if isinstance(one, AttemptReport) else one
            # What was previewed fits; only a callback that has grown since may not.
            whole = request.include_callbacks and room.take(size_of(result))
            write_reported(result, response.results.add(), whole=whole)
        return response

    async def release_leases(self, caller: Caller, request: pb.ReleaseLeasesRequest) -> pb.ReleaseLeasesResponse:
        faults = Faults()
        tokens = _read_tokens(request.lease_tokens, faults)
        faults.extend(text_violation("reason", request.reason, MAX_TEXT_LENGTH))
        faults.refuse()
        response = pb.ReleaseLeasesResponse()
        for token in tokens:
            result = response.results.add(lease_token=token)
            try:
                released = await self._leases.release(caller, token, agents_unavailable=request.agents_unavailable)
            except (LeaseRefused, CallbackInProgress) as refusal:
                result.refused_reason = reason_of(refusal)
                continue
            result.released = True
            if request.reason:
                reason = without_numbers(released)(request.reason)
                _log.info("callback %s was given back by its dialer: %s", released.callback_id, reason)
        return response

    def _write_lease(self, callback: Callback, service: Service, message: pb.Lease) -> None:
        lease = callback.lease
        assert lease is not None
        message.lease_token = lease.token
        write_callback(callback, message.callback)
        write_time(lease.expire_time, message.expire_time)
        message.time_to_live.FromTimedelta(self._time_to_live(lease.expire_time))
        message.fencing_token = lease.fencing_token
        message.service_sip_address = service.sip_address
        message.first_leg = FIRST_LEGS.number(service.first_leg)
        message.ring_timeout.FromTimedelta(lease.ring_timeout or service.ring_timeout)
        message.caller_line_identity = service.caller_line_identity
        message.caller_line_restricted = service.caller_line_restricted
        message.agent_address = service.agent_address
        if service.max_call_duration is not None:
            message.max_call_duration.FromTimedelta(service.max_call_duration)
        if callback.trace_parent is not None:
            message.traceparent = callback.trace_parent

    def _write_extended(self, extended: Extended, room: Room, message: pb.ExtendLeaseResult) -> None:
        message.lease_token = extended.token
        if extended.lost is not None:
            message.lost_reason = reason_of(extended.lost)
        elif extended.expire_time is not None:
            write_time(extended.expire_time, message.expire_time)
            message.time_to_live.FromTimedelta(self._time_to_live(extended.expire_time))
            message.cancel_requested = extended.cancel_requested
        if extended.updated is not None and room.take(weight(extended.updated)):
            write_callback(extended.updated, message.callback)

    def _time_to_live(self, expire_time: datetime) -> timedelta:
        return max(expire_time - self._clock.now(), timedelta(0))


def _read_poll(request: pb.LeaseCallbacksRequest, faults: Faults) -> tuple[LeaseRequest, Sequence[ServiceName]]:
    """Return the poll without its services, and their names."""
    if not request.dialer_id:
        faults.add("dialer_id", "is required")
    faults.extend(dialer_violation("dialer_id", request.dialer_id))
    ids = read_list(MAX_SERVICES, read_guid, request.service_ids, "service_ids", faults)
    sips = read_list(MAX_SERVICES, read_sip, request.service_sips, "service_sips", faults)
    wait = _WAIT.apply(read_duration(request, "wait_duration", faults), "wait_duration", faults)
    wanted = LeaseRequest(
        dialer_id=request.dialer_id,
        max_leases=_LEASES.apply(request.max_leases or None, "max_leases", faults),
        duration=_DURATION.apply(read_duration(request, "lease_duration", faults), "lease_duration", faults),
        wait_s=wait.total_seconds(),
        request_id=read_guid(request.request_id, "request_id", faults) if request.request_id else "",
    )
    names = [ServiceName("service_id", service_id) for service_id in ids]
    return wanted, [*names, *(ServiceName("service_sip", sip_address) for sip_address in sips)]


def _read_tokens(tokens: Sequence[str], faults: Faults) -> Sequence[str]:
    if not 1 <= len(tokens) <= MAX_TOKENS:
        faults.add("lease_tokens", f"has {len(tokens)} values; 1 to {MAX_TOKENS} are allowed")
    for index, token in enumerate(tokens[:MAX_TOKENS]):
        if len(token) > MAX_TOKEN_LENGTH:  # every token comes back in the response
            faults.add(f"lease_tokens[{index}]", f"is longer than {MAX_TOKEN_LENGTH} characters")
    return tokens[:MAX_TOKENS]
