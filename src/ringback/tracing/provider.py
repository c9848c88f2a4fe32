"""Where spans go: to the provider of an SDK, if there is one in this process."""

from datetime import UTC, datetime
from typing import Final

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, Tracer, TracerProvider, TraceState

from ringback import __version__
from ringback.domain.trace_parent import TraceParent

__all__ = ["Tracer", "TracerProvider", "below", "parent_of", "time_ns", "tracer_of"]

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_API_ALONE: Final = (trace.ProxyTracerProvider, trace.NoOpTracerProvider)


def tracer_of(provider: TracerProvider | None) -> Tracer | None:
    """Return a tracer of this provider, or of that of the process; None without an SDK, for then nothing is recorded.

    To be called once, at the start: `opentelemetry-instrument` has set up an SDK by then.
    """
    if provider is None:
        provider = trace.get_tracer_provider()
    return None if isinstance(provider, _API_ALONE) else provider.get_tracer("ringback", __version__)


def below(parent: TraceParent, state: TraceState | None = None) -> Context:
    """Return the context in which a new span goes below another process's."""
    remote = SpanContext(
        int(parent.trace_id, 16),
        int(parent.span_id, 16),
        is_remote=True,
        trace_flags=TraceFlags(parent.flags),
        trace_state=state,
    )
    return trace.set_span_in_context(NonRecordingSpan(remote), Context())


def parent_of(context: SpanContext) -> TraceParent:
    """Return what has others go on below a span of this process."""
    return TraceParent(f"{context.trace_id:032x}", f"{context.span_id:016x}", int(context.trace_flags))


def time_ns(time: datetime) -> int:
    since = time - _EPOCH
    return ((since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds) * 1000
