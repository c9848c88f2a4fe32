"""A span for each call that comes in, below that of the client, and the trace that the call belongs to.

Names and attributes are those of the semantic conventions for RPC, v1.40 and later. No attribute has a number, a token,
or a text of a caller.
"""

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Final

from opentelemetry.context import Context
from opentelemetry.trace import Span, SpanKind, Status, StatusCode, Tracer, TraceState

from ringback.application.access import Caller
from ringback.application.call_trace import call_trace
from ringback.domain.trace_parent import TraceParent
from ringback.entry.way_in import Edge, Followed
from ringback.identity.authenticator import Credentials
from ringback.tracing.provider import below, parent_of
from ringback.v1 import callbacks_service_pb2, dialer_service_pb2, directory_service_pb2
from ringback.wire.errors import reason_name

_SYSTEMS: Final[Mapping[Edge, str]] = MappingProxyType({"grpc": "grpc", "connect": "connectrpc", "rest": "rest"})
# `package.Service/Method` by the name of the method, which no two services share.
_METHODS: Final[Mapping[str, str]] = MappingProxyType(
    {
        method.name: f"{service.full_name}/{method.name}"
        for file in (callbacks_service_pb2, dialer_service_pb2, directory_service_pb2)
        for service in file.DESCRIPTOR.services_by_name.values()
        for method in service.methods
    }
)
# The statuses that are faults of the server. All others are what a client has requested in vain.
_FAULTS: Final = frozenset({"UNKNOWN", "DEADLINE_EXCEEDED", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS"})
_PARENT: Final = "traceparent"
_STATE: Final = "tracestate"
# W3C Trace Context, section 3.3.1.5: what is longer need not be handed on.
_MAX_STATE: Final = 512


class CallTraces:
    """It follows RPCs that bring a trace along, and with an SDK all of them."""

    def __init__(self, tracer: Tracer | None) -> None:
        self._tracer = tracer

    def begin(self, rpc: str, edge: Edge, credentials: Credentials) -> Followed | None:
        if rpc not in _METHODS:  # such as a scrape of metrics
            return None
        parent, state = _read(credentials.invocation_metadata() or ())
        if self._tracer is None:
            return None if parent is None else _Carried(parent)
        return _Traced(self._tracer, rpc, edge, parent, state)


def _read(metadata: Iterable[tuple[str, str | bytes]]) -> tuple[TraceParent | None, str]:
    """Return the parent and the state that a client has sent; none of both when it has sent several parents."""
    parents: list[str] = []
    states: list[str] = []
    for key, value in metadata:
        if key == _PARENT:
            parents.append(_text(value))
        elif key == _STATE:
            states.append(_text(value))
    parent = TraceParent.parse(parents[0]) if len(parents) == 1 else None
    return parent, "" if parent is None else _short(states)


def _text(value: str | bytes) -> str:
    return value if isinstance(value, str) else value.decode("ascii", "replace")


def _short(states: Sequence[str]) -> str:
    state = ",".join(states)
    return state if len(state) <= _MAX_STATE else ""


class _Carried:
    """A call in a process without an SDK: what it creates belongs to the trace of the client all the same."""

    __slots__ = ()

    def __init__(self, parent: TraceParent) -> None:
        call_trace.set(str(parent))

    def admitted(self, *, lasts: bool) -> None:
        """Do nothing."""

    def end(self, code: str, error: Exception | None, caller: Caller | None) -> None:  # noqa: ARG002 - of the protocol
        """Let the task go on without a trace: it may serve another call."""
        call_trace.set(None)


class _Traced:
    """A call with a span."""

    __slots__ = ("_ended", "_span")

    def __init__(self, tracer: Tracer, rpc: str, edge: Edge, parent: TraceParent | None, state: str) -> None:
        method = _METHODS[rpc]
        context = Context() if parent is None else below(parent, TraceState.from_header([state]) if state else None)
        self._span: Span = tracer.start_span(
            method,
            context,
            SpanKind.SERVER,
            {"rpc.system.name": _SYSTEMS[edge], "rpc.method": method},
        )
        self._ended = False
        own = self._span.get_span_context()
        # A trace that begins here, and is not recorded, needs not be kept with what the call creates.
        if own.is_valid and (parent is not None or own.trace_flags.sampled):
            call_trace.set(str(parent_of(own)))
        elif parent is not None:
            call_trace.set(str(parent))

    def admitted(self, *, lasts: bool) -> None:
        """End the span of a poll or a watch: it is that of its opening, for one of hours would tell nothing."""
        if lasts:
            self._end("OK", "", None)

    def end(self, code: str, error: Exception | None, caller: Caller | None) -> None:
        self._end(code, reason_name(error), caller)
        call_trace.set(None)

    def _end(self, code: str, reason: str, caller: Caller | None) -> None:
        if self._ended:
            return
        self._ended = True
        span = self._span
        if span.is_recording():
            span.set_attribute("rpc.response.status_code", code)
            if caller is not None and caller.identity:
                span.set_attribute("ringback.identity", caller.identity)
            if reason:
                span.set_attribute("ringback.reason", reason)
            if code in _FAULTS:
                span.set_attribute("error.type", code)
                span.set_status(Status(StatusCode.ERROR, reason or code))
        span.end()
