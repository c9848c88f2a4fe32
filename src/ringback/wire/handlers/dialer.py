"""DialerService: dialers get their work here, and report on it."""

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta

from ringback.application.access import Caller, Right
from ringback.application.directory import Directory
from ringback.application.dispatch.assigner import (
    DEFAULT_LEASE,
    DEFAULT_WAIT_S,
    MAX_LEASES,
    MAX_WAIT_S,
    MIN_LEASE,
    Assigner,
    LeaseRequest,
)
from ringback.application.dispatch.leases import Extended, Leases
from ringback.domain.call_ids import MAX_CALL_IDS, call_id_violation
from ringback.domain.callback import LONGEST_LEASE, Callback, State, weight
from ringback.domain.errors import CallbackInProgress, LeaseRefused
from ringback.domain.faults import Faults
from ringback.domain.masked_callback import without_numbers
from ringback.domain.request import ServiceName, dialer_violation, text_violation
from ringback.domain.service import Service
from ringback.ports.clock import Clock
from ringback.ports.dialer import OutcomeReport
from ringback.v1 import dialer_service_pb2 as pb
from ringback.wire.callbacks import write_callback
from ringback.wire.enums import FIRST_LEGS, OUTCOMES
from ringback.wire.errors import reason_of
from ringback.wire.values import Range, Room, read_duration, read_guid, read_list, read_sip, write_time

_log = logging.getLogger(__name__)

MAX_TOKENS = 1000
MAX_SERVICES = 1000
MAX_TOKEN_LENGTH = 128
MAX_TEXT_LENGTH = 512
MAX_AGENT_LENGTH = 128
MAX_DISPOSITION_LENGTH = 64
_LEASES = Range(1, MAX_LEASES, 1)
_DURATION = Range(MIN_LEASE, LONGEST_LEASE, DEFAULT_LEASE)
_WAIT = Range(timedelta(0), timedelta(seconds=MAX_WAIT_S), timedelta(seconds=DEFAULT_WAIT_S))
# 0 means that there was none.
_SIP_STATUS = Range(100, 699, 0)
_Q850_CAUSE = Range(1, 127, 0)


class DialerHandlers:
    """The handlers of DialerService."""

    def __init__(self, assigner: Assigner, leases: Leases, directory: Directory, clock: Clock) -> None:
        self._assigner = assigner
        self._leases = leases
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
        reports = {
            pb.ATTEMPT_PROGRESS_DIALING: self._leases.dialing,
            pb.ATTEMPT_PROGRESS_RINGING: self._leases.ringing,
            pb.ATTEMPT_PROGRESS_CONNECTED: self._leases.connected,
        }
        faults = Faults()
        _require_token(request.lease_token, faults)
        if (report := reports.get(request.progress)) is None:
            faults.add("progress", "is required" if request.progress == 0 else f"{request.progress} is not known")
        call_ids = _read_call_ids(request.call_ids, faults)
        faults.refuse()
        assert report is not None
        callback = await report(caller, request.lease_token, call_ids)
        response = pb.ReportProgressResponse(cancel_requested=callback.state is State.CANCELLING)
        write_callback(callback, response.callback)
        return response

    async def report_outcome(self, caller: Caller, request: pb.ReportOutcomeRequest) -> pb.ReportOutcomeResponse:
        faults = Faults()
        _require_token(request.lease_token, faults)
        report = OutcomeReport(
            outcome=OUTCOMES.read(request.outcome, "outcome", faults),
            sip_status=_SIP_STATUS.apply(request.sip_status or None, "sip_status", faults),
            q850_cause=_Q850_CAUSE.apply(request.q850_cause or None, "q850_cause", faults),
            detail=request.detail,
            agent=request.agent,
            disposition=request.disposition,
            call_ids=_read_call_ids(request.call_ids, faults),
        )
        faults.extend(text_violation("detail", request.detail, MAX_TEXT_LENGTH))
        faults.extend(text_violation("agent", request.agent, MAX_AGENT_LENGTH))
        faults.extend(text_violation("disposition", request.disposition, MAX_DISPOSITION_LENGTH))
        faults.refuse()
        callback, replayed = await self._leases.ended(caller, request.lease_token, report)
        response = pb.ReportOutcomeResponse(replayed=replayed)
        write_callback(callback, response.callback)
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


def _read_call_ids(call_ids: Sequence[str], faults: Faults) -> tuple[str, ...]:
    return read_list(MAX_CALL_IDS, _read_call_id, call_ids, "call_ids", faults)


def _read_call_id(call_id: str, name: str, faults: Faults) -> str:
    if (violation := call_id_violation(call_id)) is not None:
        faults.add(name, violation)
    return call_id


def _require_token(token: str, faults: Faults) -> None:
    if not token:
        faults.add("lease_token", "is required")
