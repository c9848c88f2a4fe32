"""Counters from outside the server: SQL statements, commits, calls of functions. Nothing of it is in src."""

import sqlite3
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any, Final
from unittest.mock import patch

from ringback.storage import body
from ringback.wire import callbacks as wire

# Calls that cost something, by what they are called here.
_CALLS: Final[Mapping[str, Callable[..., Any]]] = {
    "JSON encodes": body.write_record,
    "JSON decodes": body.read_callback,
    "protobuf encodes": wire.write_callback,
}
STATEMENTS: Final = "SQL statements"
COMMITS: Final = "commits"
KINDS: Final = (STATEMENTS, COMMITS, *_CALLS)


class Counters:
    """What was done since the last `reset`, by kind."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        # Each statement since the beginning, as it was run.
        self.statements: list[str] = []

    def reset(self) -> None:
        self._counts.clear()

    def read(self) -> dict[str, int]:
        return {kind: self._counts[kind] for kind in KINDS}

    @classmethod
    @contextmanager
    def on(cls) -> Iterator["Counters"]:
        """Count within the block; connections are traced that are opened there."""
        counters = cls()
        with ExitStack() as stack:
            connect = sqlite3.connect
            stack.enter_context(patch.object(sqlite3, "connect", lambda *a, **k: counters._traced(connect(*a, **k))))
            for kind, function in _CALLS.items():
                for module, name in _places(function):
                    stack.enter_context(patch.object(module, name, counters._counted(kind, function)))
            yield counters

    def _traced(self, connection: sqlite3.Connection) -> sqlite3.Connection:
        connection.set_trace_callback(self._on_statement)
        return connection

    def _on_statement(self, statement: str) -> None:
        self.statements.append(statement)
        self._counts[STATEMENTS] += 1
        if statement == "COMMIT":
            self._counts[COMMITS] += 1

    def _counted(self, kind: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*arguments: Any) -> Any:
            self._counts[kind] += 1
            return function(*arguments)

        return counted


def _places(function: Callable[..., Any]) -> Iterator[tuple[Any, str]]:
    """Yield where the modules of the server have it, and under which names."""
    for module_name, module in list(sys.modules.items()):
        if module_name.startswith("ringback"):
            yield from ((module, name) for name, value in list(vars(module).items()) if value is function)
