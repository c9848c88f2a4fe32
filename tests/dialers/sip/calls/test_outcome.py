"""What a failed leg means: the table of docs/sip.md, Q.850 before the SIP response."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringback.dialers.sip.calls.outcome import MAX_DETAIL_LENGTH, CallSide, detail_of, outcome_of, report_of
from ringback.dialers.sip.dialogs.leg_events import Failure
from ringback.dialers.sip.transport.faults import FaultKind
from ringback.domain.outcome import Outcome

RESPONSES = {
    302: Outcome.UNREACHABLE,
    305: Outcome.UNREACHABLE,
    380: Outcome.UNREACHABLE,
    400: Outcome.NETWORK_FAILURE,
    401: Outcome.NOT_AUTHORIZED,
    402: Outcome.NOT_AUTHORIZED,
    403: Outcome.NOT_AUTHORIZED,
    404: Outcome.INVALID_NUMBER,
    407: Outcome.NOT_AUTHORIZED,
    408: Outcome.UNREACHABLE,
    410: Outcome.INVALID_NUMBER,
    415: Outcome.NETWORK_FAILURE,
    420: Outcome.NETWORK_FAILURE,
    421: Outcome.NETWORK_FAILURE,
    480: Outcome.UNREACHABLE,
    484: Outcome.INVALID_NUMBER,
    485: Outcome.INVALID_NUMBER,
    486: Outcome.BUSY,
    487: Outcome.UNREACHABLE,
    488: Outcome.NETWORK_FAILURE,
    500: Outcome.NETWORK_FAILURE,
    503: Outcome.NETWORK_FAILURE,
    513: Outcome.NETWORK_FAILURE,
    600: Outcome.BUSY,
    603: Outcome.DECLINED,
    604: Outcome.INVALID_NUMBER,
    606: Outcome.NETWORK_FAILURE,
    607: Outcome.BLOCKED,
    608: Outcome.BLOCKED,
}
CAUSES = {
    1: Outcome.INVALID_NUMBER,
    2: Outcome.NOT_AUTHORIZED,
    3: Outcome.NOT_AUTHORIZED,
    17: Outcome.BUSY,
    18: Outcome.NO_ANSWER,
    19: Outcome.NO_ANSWER,
    20: Outcome.UNREACHABLE,
    21: Outcome.DECLINED,
    22: Outcome.INVALID_NUMBER,
    27: Outcome.NETWORK_FAILURE,
    28: Outcome.INVALID_NUMBER,
    31: Outcome.UNREACHABLE,
    34: Outcome.NETWORK_FAILURE,
    38: Outcome.NETWORK_FAILURE,
    41: Outcome.NETWORK_FAILURE,
    42: Outcome.NETWORK_FAILURE,
    47: Outcome.NETWORK_FAILURE,
    102: Outcome.NETWORK_FAILURE,
}


@pytest.mark.parametrize(("status", "outcome"), RESPONSES.items())
def test_a_response_without_a_cause(status: int, outcome: Outcome) -> None:
    assert outcome_of(Failure(status=status)) is outcome


@pytest.mark.parametrize(("cause", "outcome"), CAUSES.items())
@pytest.mark.parametrize("status", [404, 480, 486, 500, 503, 603])
def test_a_cause_comes_before_the_response_around_it(status: int, cause: int, outcome: Outcome) -> None:
    assert outcome_of(Failure(status=status, q850=cause)) is outcome


@pytest.mark.parametrize("cause", [0, 16, 63, 127, 128, 100_000])
def test_a_cause_that_says_nothing_leaves_it_to_the_response(cause: int) -> None:
    assert outcome_of(Failure(status=486, q850=cause)) is Outcome.BUSY
    assert outcome_of(Failure(status=404, q850=cause)) is Outcome.INVALID_NUMBER


@pytest.mark.parametrize("status", [607, 608])
def test_unwanted_calls_are_blocked_though_gateways_map_them_to_21(status: int) -> None:
    assert outcome_of(Failure(status=status, q850=21)) is Outcome.BLOCKED


@pytest.mark.parametrize("failure", [Failure(status=408), Failure(status=487), Failure(ring_timed_out=True)])
def test_only_what_rang_was_not_answered(failure: Failure) -> None:
    rang = Failure(status=failure.status, ring_timed_out=failure.ring_timed_out, rang=True)
    assert (outcome_of(failure), outcome_of(rang)) == (Outcome.UNREACHABLE, Outcome.NO_ANSWER)


@pytest.mark.parametrize(
    ("fault", "silent", "rang"),
    [
        (FaultKind.TIMEOUT, Outcome.UNREACHABLE, Outcome.NO_ANSWER),
        (FaultKind.REFUSED, Outcome.UNREACHABLE, Outcome.NETWORK_FAILURE),
        (FaultKind.UNRESOLVED, Outcome.UNREACHABLE, Outcome.UNREACHABLE),
        (FaultKind.TLS, Outcome.NOT_AUTHORIZED, Outcome.NOT_AUTHORIZED),
        (FaultKind.FORBIDDEN, Outcome.BLOCKED, Outcome.BLOCKED),
    ],
)
def test_faults_of_the_network(fault: FaultKind, silent: Outcome, rang: Outcome) -> None:
    assert outcome_of(Failure(fault=fault)) is silent
    assert outcome_of(Failure(fault=fault, rang=True)) is rang


@pytest.mark.parametrize("status", [401, 402, 403, 407])
@given(rang=st.booleans(), authorized=st.booleans(), q850=st.integers(0, 127))
def test_a_call_that_the_network_rejects_has_no_invalid_number_but_by_a_cause(
    status: int, rang: bool, authorized: bool, q850: int
) -> None:
    outcome = outcome_of(Failure(status=status, rang=rang, authorized=authorized, q850=q850))
    assert outcome is not Outcome.INVALID_NUMBER or q850 in (1, 22, 28)


@pytest.mark.parametrize(
    ("failure", "detail"),
    [
        (Failure(status=486, reason="Busy Here"), "target: 486 Busy Here"),
        (Failure(status=486), "target: 486 Busy Here"),
        (Failure(status=500, reason="Oops", q850=1), "target: 500 Oops; Q.850 cause 1"),
        (Failure(status=503, reason="Overload", retry_after_s=30), "target: 503 Overload; Retry-After 30 s"),
        (
            Failure(status=488, warning="Incompatible media format"),
            "target: 488 Not Acceptable Here; warning: Incompatible media format",
        ),
        (
            Failure(status=302, contacts=("sip:a@other.example", "sip:b@b.example")),
            "target: 302 Moved Temporarily; redirected to sip:a@other.example, sip:b@b.example, which is not followed",
        ),
        (Failure(status=407, authorized=True, reason="x"), "target: 407 x; the credentials were refused"),
        (Failure(status=401, reason="x"), "target: 401 x; there are no credentials for it"),
        (Failure(ring_timed_out=True, rang=True), "target: rang, and was not answered within 30 s"),
        (Failure(ring_timed_out=True), "target: did not ring or answer within 30 s"),
        (
            Failure(fault=FaultKind.FORBIDDEN, fault_text="sip.deny_hosts: has a host that is denied"),
            "target: the address of the host must not be dialled: sip.deny_hosts: has a host that is denied",
        ),
        (Failure(fault=FaultKind.TIMEOUT), "target: no response"),
    ],
)
def test_the_detail_says_what_happened(failure: Failure, detail: str) -> None:
    assert detail_of(CallSide.TARGET, failure, ring_timeout_s=30) == detail


@given(
    reason=st.text(max_size=2000),
    warning=st.text(max_size=2000),
    contacts=st.lists(st.text(max_size=500), max_size=20).map(tuple),
)
def test_what_a_peer_writes_is_harmless_and_bounded(reason: str, warning: str, contacts: tuple[str, ...]) -> None:
    failure = Failure(status=302, reason=reason, warning=warning, contacts=contacts)
    detail = detail_of(CallSide.AGENT, failure)
    assert len(detail) <= MAX_DETAIL_LENGTH
    assert not any(ord(sign) < 32 or 0x7F <= ord(sign) < 0xA0 for sign in detail)
    assert detail.encode()


def test_a_cause_that_is_none_of_q850_is_not_reported() -> None:
    report = report_of(Failure(status=480, q850=1000))
    assert (report.outcome, report.sip_status, report.q850_cause) == (Outcome.UNREACHABLE, 480, 0)
