"""What becomes of a callback is in its trace: waiting, attempts, end; whichever server has committed it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from google.protobuf.field_mask_pb2 import FieldMask
from msgspec.structs import replace as changed
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.trace import StatusCode

from ringback.app import App
from ringback.config import Settings
from ringback.domain.callback import Callback
from ringback.domain.erasure import erased
from ringback.domain.events import Blocked, CancelRequested, DialingStarted, LeaseLapsed, LeaseReleased
from ringback.domain.lifecycle import after
from ringback.domain.outcome import Outcome
from ringback.tracing.callbacks import CallbackTraces
from ringback.tracing.provider import tracer_of
from ringback.v1 import callback_pb2 as cb
from ringback.v1 import callbacks_service_pb2 as pb
from ringback.v1 import dialer_service_pb2 as dialer_pb
from tests.world.api import Api, by_id
from tests.world.dialer import Dialer
from tests.world.postgres import Cluster
from tests.world.replicas import replica
from tests.world.samples import LEASE, NOW, SERVICE, cancel, connect, dial, ending, new, offer, seconds
from tests.world.spans import SpanExporter, at, parent_id, provider_of, span_id, trace_parent

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
PARENT = f"00-{TRACE}-{SPAN}-01"
CREATE = "ringback.v1.CallbacksService/CreateCallback"


@asynccontextmanager
async def serving(settings: Settings, spans: SpanExporter) -> AsyncIterator[Api]:
    """Run a server with an SDK of its own, as each process has one."""
    async with await App.start(settings, provider_of(spans)) as app, Api.connect(app.port) as api:
        yield api


async def create(api: Api, target: str, **fields: Any) -> cb.Callback:
    request = pb.CreateCallbackRequest(callback_request=api.request(target, **fields))
    return (await api.callbacks.CreateCallback(request, metadata=[("traceparent", PARENT)])).callback


def facts(span: ReadableSpan) -> dict[str, Any]:
    return {name.removeprefix("ringback."): value for name, value in (span.attributes or {}).items()}


async def test_one_trace_leads_from_the_create_to_the_outcome(api: Api, spans: SpanExporter) -> None:
    """The simulated dialer makes two attempts."""
    callback = await create(api, "sip:busy.answer@sim.example", max_retries=1)
    ended = await api.until_ended(callback.callback_id)
    [whole] = await spans.of("callback")
    [created] = await spans.of(CREATE)
    attempts = await spans.of("callback attempt", 2)
    waits = await spans.of("callback waiting", 2)
    assert {trace_parent(span)[3:35] for span in (created, whole, *attempts, *waits)} == {TRACE}
    assert parent_id(created) == SPAN
    assert {parent_id(span) for span in (whole, *attempts, *waits)} == {span_id(created)}
    assert [(facts(span)["outcome"], facts(span)["sip.status"]) for span in attempts] == [
        ("BUSY", 486),
        ("ANSWERED", 200),
    ]
    for span, attempt in zip(attempts, ended.attempts, strict=True):
        assert at(span.start_time) == _time(attempt.start_time)
        assert at(span.end_time) == _time(attempt.end_time)
    assert [event.name for event in attempts[1].events] == ["ringing", "answered"]
    assert (at(whole.start_time), at(whole.end_time)) == (_time(ended.create_time), _time(ended.end_time))
    assert (facts(whole)["state"], facts(whole)["attempts"]) == ("COMPLETED", 2)


def _time(stamp: Any) -> datetime:
    return stamp.ToDatetime(tzinfo=NOW.tzinfo)  # type: ignore[no-any-return]


async def test_an_attempt_that_lasts_over_a_restart_has_one_span(settings: Settings) -> None:
    settings = replace(settings, dialer="none")
    before, later = SpanExporter(), SpanExporter()
    async with serving(settings, before) as api:
        await api.add_service()
        callback = await create(api, "sip:a@sim.example")
        lease = await Dialer(api).lease_one()
        await Dialer(api).report(lease, dialer_pb.ATTEMPT_PROGRESS_DIALING)
        [created] = await before.of(CREATE)
    async with serving(settings, later) as api:
        await Dialer(api).end(lease, cb.CALL_OUTCOME_ANSWERED)
        [attempt] = await later.of("callback attempt")
        [whole] = await later.of("callback")
    assert parent_id(attempt) == parent_id(whole) == span_id(created)
    assert trace_parent(attempt)[3:35] == TRACE
    assert facts(attempt)["callback.id"] == callback.callback_id
    assert [span for span in before.get_finished_spans() if span.name == "callback attempt"] == []


@pytest.mark.long
async def test_servers_on_one_database_make_one_span_of_each(cluster: Cluster) -> None:
    """Each part is told by the server that has committed it, and by no other one."""
    url, told = cluster.new_schema(), (SpanExporter(), SpanExporter())
    async with replica(url, tracers=provider_of(told[0])) as a, replica(url, tracers=provider_of(told[1])) as b:
        await a.api.add_service()
        await create(a.api, "sip:a@sim.example")
        [created] = await told[0].of(CREATE)
        lease = await Dialer(a.api).lease_one(wait_s=20)
        assert lease.traceparent == trace_parent(created)
        await Dialer(a.api).report(lease, dialer_pb.ATTEMPT_PROGRESS_DIALING)
        await Dialer(b.api).end(lease, cb.CALL_OUTCOME_ANSWERED)
        [attempt] = await told[1].of("callback attempt")
        [whole] = await told[1].of("callback")
    assert parent_id(attempt) == parent_id(whole) == span_id(created)
    of_a = [span.name for span in told[0].get_finished_spans() if span.name.startswith("callback")]
    of_b = [span.name for span in told[1].get_finished_spans() if span.name.startswith("callback")]
    assert (of_a, of_b) == (["callback waiting"], ["callback attempt", "callback"])


async def test_an_update_and_a_repeated_create_keep_the_first_trace(settings: Settings) -> None:
    async with serving(replace(settings, dialer="none"), spans := SpanExporter()) as api:
        await api.add_service()
        callback = await create(api, "sip:a@sim.example", external_task_id="t")
        [created] = await spans.of(CREATE)
        other = [("traceparent", PARENT.replace("4bf9", "5bf9"))]
        await api.callbacks.UpdateCallback(
            pb.UpdateCallbackRequest(
                key=by_id(callback.callback_id),
                callback_request=cb.CallbackRequest(description="later"),
                update_mask=FieldMask(paths=["description"]),
            ),
            metadata=other,
        )
        request = pb.CreateCallbackRequest(callback_request=api.request("sip:a@sim.example", external_task_id="t"))
        await api.callbacks.CreateCallback(request, metadata=other)
        assert (await Dialer(api).lease_one()).traceparent == trace_parent(created)


# --- As a table -------------------------------------------------------------------------------------------------------


def traced(**fields: Any) -> Callback:
    return changed(new(**fields), trace_parent=PARENT)


@pytest.fixture
def traces(provider: TracerProvider) -> CallbackTraces:
    tracer = tracer_of(provider)
    assert tracer is not None
    return CallbackTraces(tracer)


def told(traces: CallbackTraces, spans: SpanExporter, before: Callback | None, later: Callback) -> list[str]:
    spans.clear()
    traces.tell(before, later)
    return [span.name for span in spans.get_finished_spans()]


def test_which_changes_are_spans(traces: CallbackTraces, spans: SpanExporter) -> None:
    queued = traced()
    offered = offer(queued)
    dialling = dial(offered)
    connected = connect(offer(queued))
    expected: list[tuple[Callback | None, Callback, list[str]]] = [
        (None, queued, []),
        (queued, offered, ["callback waiting"]),
        (offered, dialling, []),
        (dialling, after(dialling, ending(Outcome.BUSY)), ["callback attempt"]),
        (connected, after(connected, ending(Outcome.ANSWERED)), ["callback attempt", "callback"]),
        (dialling, after(dialling, LeaseLapsed(at=NOW + LEASE, service=SERVICE)), ["callback attempt"]),
        (queued, after(queued, CancelRequested(at=NOW)), ["callback waiting", "callback"]),
        (offered, after(offered, LeaseReleased(at=NOW)), []),
        (dialling, after(dialling, CancelRequested(at=NOW)), []),
    ]
    for before, later, names in expected:
        assert told(traces, spans, before, later) == names


def test_what_has_no_trace_is_no_span(traces: CallbackTraces, spans: SpanExporter) -> None:
    queued = new()
    assert told(traces, spans, queued, offer(queued)) == []
    connected = connect(offer(traced()))
    ended = after(connected, ending(Outcome.ANSWERED))
    assert told(traces, spans, connected, erased(ended)) == []


def test_what_a_rule_forbids_is_an_attempt_that_ended_at_once(traces: CallbackTraces, spans: SpanExporter) -> None:
    queued = traced()
    blocked = after(queued, Blocked(at=NOW, detail="phone.deny"))
    assert told(traces, spans, queued, blocked) == ["callback waiting", "callback attempt", "callback"]
    waiting, attempt, whole = spans.get_finished_spans()
    assert facts(attempt)["outcome"] == "BLOCKED"
    assert (whole.status.status_code, whole.status.description) == (StatusCode.ERROR, "FAILED")
    assert waiting.status.status_code is StatusCode.UNSET


def test_what_was_given_back_has_waited_anew_since(traces: CallbackTraces, spans: SpanExporter) -> None:
    released = after(offer(traced()), LeaseReleased(at=NOW + seconds(5)))
    told(traces, spans, released, offer(released, at=NOW + seconds(7)))
    [span] = spans.get_finished_spans()
    assert at(span.start_time) == NOW + seconds(5)
    assert at(span.end_time) - at(span.start_time) == timedelta(seconds=2)


def test_the_network_s_failure_is_an_error_and_a_busy_phone_is_none(
    traces: CallbackTraces, spans: SpanExporter
) -> None:
    dialling = dial(offer(traced()))
    for outcome, status in ((Outcome.BUSY, StatusCode.UNSET), (Outcome.NETWORK_FAILURE, StatusCode.ERROR)):
        told(traces, spans, dialling, after(dialling, ending(outcome)))
        assert spans.get_finished_spans()[0].status.status_code is status


def test_no_span_names_a_person(traces: CallbackTraces, spans: SpanExporter) -> None:
    queued = traced(target="tel:+41785556677", description="Anna Muster", external_task_id="Muster", max_retries=0)
    offered = offer(queued, dialer_id="gw-41785556677")
    dialling = after(offered, DialingStarted(at=NOW, call_ids=("0785556677-1@pbx", "b@pbx")))
    ended = after(dialling, changed(ending(Outcome.BUSY), detail="0785556677 is busy", agent="Anna"))
    for before, later in ((queued, offered), (dialling, ended)):
        traces.tell(before, later)
    shown = "".join(span.to_json() for span in spans.get_finished_spans())
    assert "b@pbx" in shown
    for secret in ("785556677", "Muster", "Anna", "busy"):
        assert secret not in shown


def test_a_stored_trace_that_is_none_is_no_fault(traces: CallbackTraces, spans: SpanExporter) -> None:
    queued = changed(new(), trace_parent="by hand")
    assert told(traces, spans, queued, cancel(queued)) == []
