"""Whether two languages saw the same, apart from what differs each time: ids, times and tokens."""

import re
from collections.abc import Iterator, Sequence
from typing import Any, Final

from tests.conformance.player import Seen

_UUID: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_TIME: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9:.]{8,15}(Z|\+00:00)")
# Different in every run: tokens, and texts and time spans that depend on the moment.
_FLEETING: Final = frozenset(
    {"resume_token", "next_page_token", "lease_token", "etag", "time_to_live", "estimated_wait", "explanation"}
)


def disagreements(reference: Sequence[Seen], other: Sequence[Seen]) -> list[str]:
    """Return where the second sequence differs from the first, with both values, at the first step that differs."""
    one, two = _Normaliser(), _Normaliser()
    for (step, expected), (_, seen) in zip(reference, other, strict=True):
        wanted, found = dict(_leaves(one.normal(expected))), dict(_leaves(two.normal(seen)))
        paths = [path for path in {**wanted, **found} if wanted.get(path) != found.get(path)]
        if paths:
            return [step, *(f"{path}: {wanted.get(path)!r} and {found.get(path)!r}" for path in paths)]
    return []


class _Normaliser:
    """Names ids in the order in which they appear."""

    def __init__(self) -> None:
        self._names: dict[str, str] = {}

    def normal(self, value: Any, key: str = "") -> Any:
        if isinstance(value, dict):
            return {name: self.normal(item, name) for name, item in value.items()}
        if isinstance(value, list):
            return [self.normal(item) for item in value]
        if not isinstance(value, str):
            return value
        if key in _FLEETING:
            return f"<{key}>" if value else ""
        return _TIME.sub("<time>", _UUID.sub(self._name, value))

    def _name(self, found: re.Match[str]) -> str:
        return self._names.setdefault(found[0], f"<id {len(self._names) + 1}>")


def _leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield all that is not a container, with its path; of an empty container, the container."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    if not items:
        yield path, value
    for key, item in items:
        yield from _leaves(item, f"{path}.{key}" if path else str(key))
