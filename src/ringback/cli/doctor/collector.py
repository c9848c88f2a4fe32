"""The collector that spans are sent to, where --traces says so."""

import os
import socket
from collections.abc import Mapping, Sequence
from typing import Final
from urllib.parse import urlsplit

from ringback.cli.doctor.diagnosis import Diagnosis, ok, warning

_VARIABLES: Final = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
# Where OpenTelemetry's exporters send to by default, over gRPC.
_DEFAULT: Final = "http://localhost:4317"
_PATIENCE_S: Final = 3.0


def traces(kind: str) -> Sequence[Diagnosis]:
    """See whether the collector takes connections. Without it the server goes on, so it is no failure."""
    if kind != "otlp":
        return [ok("traces", {"none": "none are sent", "console": "to stdout"}.get(kind, kind))]
    host, port = endpoint_of(os.environ)
    try:
        socket.create_connection((host, port), _PATIENCE_S).close()
    except OSError as fault:
        text = f"the collector at {host}:{port} takes no connection: {fault.strerror or fault}"
        return [warning("traces", text, "see that it runs, and OTEL_EXPORTER_OTLP_ENDPOINT (docs/tracing.md)")]
    return [ok("traces", f"to the collector at {host}:{port}")]


def endpoint_of(environment: Mapping[str, str]) -> tuple[str, int]:
    """Return host and port of the endpoint: a URL, or HOST:PORT, as gRPC takes it, too."""
    given = next((environment[name] for name in _VARIABLES if environment.get(name)), _DEFAULT)
    parts = urlsplit(given if "://" in given else f"//{given}")
    try:
        port = parts.port
    except ValueError:
        port = None
    return parts.hostname or "localhost", port or (443 if parts.scheme == "https" else 4317)
