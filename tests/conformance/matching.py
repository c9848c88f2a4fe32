"""Values with a dollar sign, and whether what was seen is what a scenario expects."""

import re
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from itertools import chain
from typing import Any, Final

from ringback.cli.values import parse_span
from tests.conformance.messages import Json

ANY: Final = "$any"
ABSENT: Final = "$absent"
COUNT: Final = "$count"
TIMES: Final = "$times"
TEXT: Final = "$text"

_MOMENT: Final = re.compile(r"\$(now|day) *(?:([+-]) *(\w+))?")
_FORMATS: Final = {"now": "%Y-%m-%dT%H:%M:%S.%fZ", "day": "%Y-%m-%d"}


def resolve(value: Any, saved: Mapping[str, Any], now: datetime) -> Any:
    """Fill in what `$name`, `$name.path`, `$now + 2h`, `$day`, `$times` and `$text` stand for. Raise `LookupError`."""
    if isinstance(value, dict):
        if TEXT in value:
            return "".join(chain.from_iterable(resolve(value[TEXT], saved, now)))
        if TIMES in value:
            return [resolve(value["of"], saved, now)] * value[TIMES]
        return {key: resolve(item, saved, now) for key, item in value.items()}
    if isinstance(value, list):
        return [resolve(item, saved, now) for item in value]
    if not isinstance(value, str) or not value.startswith("$") or value in (ANY, ABSENT):
        return value
    if moment := _MOMENT.fullmatch(value):
        kind, sign, span = moment.groups()
        offset = parse_span(span) if span else timedelta(0)
        return (now - offset if sign == "-" else now + offset).strftime(_FORMATS[kind])
    return pick(saved, value.removeprefix("$"))


def pick(json: Mapping[str, Any], path: str) -> Any:
    """Return the value at a path such as `leases.0.lease_token`. Raise `LookupError`."""
    value: Any = json
    for part in path.split("."):
        value = value[int(part)] if isinstance(value, list) else value[part]
    return value


def differences(expected: Any, seen: Any, path: str = "") -> Iterator[str]:
    """Yield where `seen` is not what is expected: of objects the named fields, of lists every item."""
    if isinstance(expected, dict) and COUNT in expected and isinstance(seen, list):
        if len(seen) != expected[COUNT]:
            yield f"{path}: expected {expected[COUNT]} items, saw {len(seen)}"
    elif isinstance(expected, dict) and isinstance(seen, dict):
        for key, item in expected.items():
            yield from _field_differences(item, seen, key, f"{path}.{key}" if path else key)
    elif isinstance(expected, list) and isinstance(seen, list):
        if len(expected) != len(seen):
            yield f"{path}: expected {len(expected)} items, saw {len(seen)}: {_shown(seen)}"
        for index, (item, seen_item) in enumerate(zip(expected, seen, strict=False)):
            yield from differences(item, seen_item, f"{path}.{index}")
    elif expected != ANY and not _equal(expected, seen):
        yield f"{path}: expected {_shown(expected)}, saw {_shown(seen)}"


def _field_differences(expected: Any, seen: Json, key: str, path: str) -> Iterator[str]:
    if expected == ABSENT:
        if key in seen:
            yield f"{path}: expected none, saw {_shown(seen[key])}"
    elif key not in seen:
        yield f"{path}: expected {_shown(expected)}, saw none"
    else:
        yield from differences(expected, seen[key], path)


def _equal(expected: Any, seen: Any) -> bool:
    # In proto JSON, a 64-bit number is a string.
    if isinstance(expected, int) and not isinstance(expected, bool) and isinstance(seen, str):
        return str(expected) == seen
    return type(expected) is type(seen) and bool(expected == seen)


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 300 else f"{text[:300]}…"
