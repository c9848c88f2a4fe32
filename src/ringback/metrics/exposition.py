"""Families written as text, in the two formats of Prometheus.

prometheus-client writes the same (a test compares every byte), in four times as long: it escapes each name of a
thousand lines with a regular expression.
"""

from collections.abc import Iterator
from enum import Enum
from typing import Final

from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.openmetrics.exposition import CONTENT_TYPE_LATEST
from prometheus_client.samples import Sample

from ringback.metrics.families import number


class Format(Enum):
    """A format; its value is the content type."""

    TEXT = CONTENT_TYPE_PLAIN_0_0_4
    OPEN_METRICS = CONTENT_TYPE_LATEST


# What OpenMetrics ends with.
END: Final = "# EOF\n"
_OPEN_METRICS: Final = "application/openmetrics-text"
_TEXT: Final = ("text/plain", "text/*", "*/*")
_KNOWN_VERSIONS: Final = ("", "0.0.1", "1.0.0")


def chosen(accept: str) -> Format:
    """Return the format that an `Accept` header prefers: OpenMetrics only where it is named."""
    best = {Format.TEXT: 0.0, Format.OPEN_METRICS: 0.0}
    for entry in accept.lower().split(","):
        name, *rest = (part.strip() for part in entry.split(";"))
        parameters = dict(part.partition("=")[::2] for part in rest)
        quality = _quality(parameters.get("q", "1"))
        if name == _OPEN_METRICS and parameters.get("version", "") in _KNOWN_VERSIONS:
            best[Format.OPEN_METRICS] = max(best[Format.OPEN_METRICS], quality)
        elif name in _TEXT:
            best[Format.TEXT] = max(best[Format.TEXT], quality)
    is_open = best[Format.OPEN_METRICS] > 0 and best[Format.OPEN_METRICS] >= best[Format.TEXT]
    return Format.OPEN_METRICS if is_open else Format.TEXT


def _quality(text: str) -> float:
    try:
        return min(max(float(text), 0.0), 1.0)
    except ValueError:
        return 0.0


def written(family: Family, format_: Format) -> str:
    """Return the lines of one family."""
    return "".join(_lines(family, format_))


def _lines(family: Family, format_: Format) -> Iterator[str]:
    name = family.name
    if format_ is Format.TEXT:
        name = f"{name}_total" if family.type == "counter" else name
        yield f"# HELP {name} {_escaped_help(family.documentation)}\n"
    else:
        yield f"# HELP {name} {_escaped(family.documentation)}\n"
    yield f"# TYPE {name} {family.type}\n"
    for sample in family.samples:
        yield f"{sample.name}{_labels(sample)} {number(sample.value)}\n"


def _labels(sample: Sample) -> str:
    labels = sample.labels
    if not labels:
        return ""
    return "{" + ",".join([f'{name}="{_escaped(labels[name])}"' for name in sorted(labels)]) + "}"


def _escaped(text: str) -> str:
    if "\\" in text or "\n" in text or '"' in text:
        return text.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")
    return text


def _escaped_help(text: str) -> str:
    return text.replace("\\", r"\\").replace("\n", r"\n")
