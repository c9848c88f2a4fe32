"""Reports of dialers as messages, alone or many at once."""

from collections.abc import Mapping, Sequence
from typing import Final

from ringback.application.dispatch.reports import AttemptReport, Reported
from ringback.domain.call_ids import MAX_CALL_IDS, call_id_violation
from ringback.domain.callback import State
from ringback.domain.errors import InvalidRequest, RingbackError
from ringback.domain.faults import Faults
from ringback.domain.request import text_violation
from ringback.ports.dialer import CallProgress, OutcomeReport, ProgressReport
from ringback.v1 import dialer_service_pb2 as pb
from ringback.wire.callbacks import write_callback
from ringback.wire.enums import OUTCOMES, STATES
from ringback.wire.errors import to_error
from ringback.wire.values import Range, read_list

MAX_TEXT_LENGTH: Final = 512
_TEXTS: Final = (("detail", MAX_TEXT_LENGTH), ("agent", 128), ("disposition", 64))
# 0 means that there was none.
_SIP_STATUS: Final = Range(100, 699, 0)
_Q850_CAUSE: Final = Range(1, 127, 0)
_PROGRESS: Final[Mapping[int, CallProgress]] = {
    pb.ATTEMPT_PROGRESS_DIALING: CallProgress.DIALING,
    pb.ATTEMPT_PROGRESS_RINGING: CallProgress.RINGING,
    pb.ATTEMPT_PROGRESS_CONNECTED: CallProgress.CONNECTED,
}


def read_report(message: pb.AttemptReport) -> AttemptReport | InvalidRequest:
    """Read one report of many; return why it is refused, if it is."""
    faults = Faults()
    kind = message.WhichOneof("report")
    report = AttemptReport("", ProgressReport(CallProgress.DIALING))
    if kind == "progress":
        report = read_progress(message.progress, faults.under(kind))
    elif kind == "outcome":
        report = read_outcome(message.outcome, faults.under(kind))
    else:
        faults.add("report", "is required: progress or outcome")
    return InvalidRequest(faults.violations) if faults.violations else report


def read_progress(message: pb.ReportProgressRequest, faults: Faults) -> AttemptReport:
    _require_token(message.lease_token, faults)
    progress = _PROGRESS.get(message.progress)
    if progress is None:
        faults.add("progress", "is required" if message.progress == 0 else f"{message.progress} is not known")
        progress = CallProgress.DIALING
    return AttemptReport(message.lease_token, ProgressReport(progress, _read_call_ids(message.call_ids, faults)))


def read_outcome(message: pb.ReportOutcomeRequest, faults: Faults) -> AttemptReport:
    _require_token(message.lease_token, faults)
    report = OutcomeReport(
        outcome=OUTCOMES.read(message.outcome, "outcome", faults),
        sip_status=_SIP_STATUS.apply(message.sip_status or None, "sip_status", faults),
        q850_cause=_Q850_CAUSE.apply(message.q850_cause or None, "q850_cause", faults),
        detail=message.detail,
        agent=message.agent,
        disposition=message.disposition,
        call_ids=_read_call_ids(message.call_ids, faults),
    )
    for name, limit in _TEXTS:
        if text := getattr(report, name):
            faults.extend(text_violation(name, text, limit))
    return AttemptReport(message.lease_token, report)


def write_reported(result: Reported | RingbackError, message: pb.AttemptReportResult, *, whole: bool) -> None:
    """Write the result of one report of many."""
    if isinstance(result, RingbackError):
        message.error.CopyFrom(to_error(result))
        return
    callback = result.callback
    message.callback_id = callback.callback_id
    message.state = STATES.number(callback.state)
    message.cancel_requested = callback.state is State.CANCELLING
    message.replayed = result.replayed
    if whole:
        write_callback(callback, message.callback)


def _require_token(token: str, faults: Faults) -> None:
    if not token:
        faults.add("lease_token", "is required")


def _read_call_ids(call_ids: Sequence[str], faults: Faults) -> tuple[str, ...]:
    return read_list(MAX_CALL_IDS, _read_call_id, call_ids, "call_ids", faults) if call_ids else ()


def _read_call_id(call_id: str, name: str, faults: Faults) -> str:
    if (violation := call_id_violation(call_id)) is not None:
        faults.add(name, violation)
    return call_id
