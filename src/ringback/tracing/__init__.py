"""Traces with the API of OpenTelemetry: `docs/tracing.md`."""
