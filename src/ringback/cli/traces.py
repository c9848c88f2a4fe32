"""The OpenTelemetry SDK of a server: `--traces`. Its packages come with the extra `traces`."""

import asyncio
import logging
import os
import sys
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from importlib import import_module
from typing import TYPE_CHECKING, Final, cast

from opentelemetry.trace import TracerProvider

from ringback import __version__

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import ReadableSpan
    from opentelemetry.sdk.trace import TracerProvider as SdkProvider
    from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

_log = logging.getLogger(__name__)

TRACES: Final = ("none", "console", "otlp")
# What is left to send when the server stops; a collector that is away may not hold it up.
_FLUSH_S: Final = 3.0
# The same when it is known to be away.
_FLUSH_IN_VAIN_S: Final = 0.5
_PROTOCOLS: Final = {
    "grpc": "opentelemetry.exporter.otlp.proto.grpc.trace_exporter",
    "http/protobuf": "opentelemetry.exporter.otlp.proto.http.trace_exporter",
}


class CannotTrace(Exception):  # noqa: N818 - named for what happened
    """Traces cannot be sent as they are to be. `str()` is a sentence for the operator."""


@asynccontextmanager
async def tracing(kind: str, *, libraries: bool) -> AsyncIterator[TracerProvider | None]:
    """Return where spans go, None for nowhere; send what is left at the end. Raise `CannotTrace`.

    `libraries` says whether the log has what the SDK tells by itself.
    """
    if kind == "none":
        yield None
        return
    provider, exporter = _provider(kind)
    if not libraries:
        # It repeats itself while a collector is away; `_Exporter` says it once.
        logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)
    try:
        yield provider
    finally:
        await _flush(provider.shutdown, _FLUSH_S if exporter.takes else _FLUSH_IN_VAIN_S)


def _provider(kind: str) -> "tuple[SdkProvider, _Exporter]":
    if os.environ.get("OTEL_SDK_DISABLED", "").lower() == "true":
        _log.warning("OTEL_SDK_DISABLED is set: no spans are sent")
    try:
        from opentelemetry.sdk.resources import Resource  # noqa: PLC0415 - an extra
        from opentelemetry.sdk.trace import TracerProvider as SdkProvider  # noqa: PLC0415
        from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415
    except ModuleNotFoundError as missing:
        raise _lacking(kind, missing) from None
    given = Resource.create()
    named = {"service.name": "ringback", "service.version": __version__}
    lacking = {key: value for key, value in named.items() if _is_unknown(given.attributes.get(key, ""))}
    exporter = _Exporter(_exporter(kind))
    try:
        provider = SdkProvider(resource=given.merge(Resource(lacking)), shutdown_on_exit=False)
        provider.add_span_processor(BatchSpanProcessor(cast("SpanExporter", exporter)))
    except ValueError as fault:  # of a variable such as OTEL_BSP_…
        raise CannotTrace(f"--traces {kind}: {fault}") from None
    return provider, exporter


def _is_unknown(value: object) -> bool:
    return not value or str(value).startswith("unknown_service")


def _exporter(kind: str) -> "SpanExporter":
    if kind == "console":
        from opentelemetry.sdk.trace.export import ConsoleSpanExporter  # noqa: PLC0415

        return ConsoleSpanExporter(out=sys.stdout, formatter=lambda span: f"{span.to_json(indent=None)}\n")
    variables = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
    protocol = next((os.environ[name] for name in variables if os.environ.get(name)), "grpc")
    if protocol not in _PROTOCOLS:
        raise CannotTrace(f"OTEL_EXPORTER_OTLP_PROTOCOL: {protocol!r} is none of {', '.join(_PROTOCOLS)}")
    try:
        exporter: SpanExporter = import_module(_PROTOCOLS[protocol]).OTLPSpanExporter()
    except ModuleNotFoundError as missing:
        raise _lacking(kind, missing) from None
    except (ValueError, OSError) as fault:
        raise CannotTrace(f"--traces otlp: {fault}") from None
    return exporter


def _lacking(kind: str, missing: ModuleNotFoundError) -> CannotTrace:
    package = "opentelemetry-exporter-otlp-proto-http" if ".http" in (missing.name or "") else "ringback[traces]"
    return CannotTrace(f"--traces {kind} needs more packages: pip install '{package}' (there is no {missing.name})")


class _Exporter:
    """An exporter that logs one line when a collector is away, and one when it is back."""

    def __init__(self, exporter: "SpanExporter") -> None:
        self._exporter = exporter
        self.takes = True
        """Whether the last spans were taken."""

    def export(self, spans: "Sequence[ReadableSpan]") -> "SpanExportResult":
        result = self._exporter.export(spans)
        takes = result.name == "SUCCESS"
        if self.takes and not takes:
            _log.warning("spans cannot be sent, and are dropped until the collector takes them")
        elif takes and not self.takes:
            _log.info("spans can be sent again")
        self.takes = takes
        return result

    def shutdown(self) -> None:
        self._exporter.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        return self._exporter.force_flush(timeout_millis)


async def _flush(stop: Callable[[], None], patience_s: float) -> None:
    """Send what is left, on a thread that does not hold the process up."""
    loop, done = asyncio.get_running_loop(), asyncio.Event()

    def run() -> None:
        try:
            stop()
        finally:
            with suppress(RuntimeError):  # the loop has ended meanwhile
                loop.call_soon_threadsafe(done.set)

    threading.Thread(target=run, name="ringback traces", daemon=True).start()
    try:
        async with asyncio.timeout(patience_s):
            await done.wait()
    except TimeoutError:
        _log.warning("the last spans are lost: the collector has not taken them within %.1f s", patience_s)
