"""One line of the log for each call, at DEBUG."""

import logging
from collections.abc import Mapping
from time import perf_counter
from typing import Final

from ringback.application.access import Caller
from ringback.application.call_trace import call_trace
from ringback.domain.trace_parent import trace_id_of
from ringback.entry.way_in import Edge, Followed
from ringback.identity.authenticator import Credentials
from ringback.ports.log_message import LogMessage
from ringback.wire.errors import reason_name

_log: Final = logging.getLogger(__name__)


class CallLog:
    """It follows calls while DEBUG is logged; otherwise it costs one look at the level."""

    def begin(self, rpc: str, edge: Edge, credentials: Credentials) -> Followed | None:
        return _LoggedCall(rpc, edge, credentials.peer()) if _log.isEnabledFor(logging.DEBUG) else None


class _LoggedCall:
    __slots__ = ("_begun_s", "_edge", "_peer", "_rpc")

    def __init__(self, rpc: str, edge: Edge, peer: str) -> None:
        self._rpc = rpc
        self._edge = edge
        self._peer = peer
        self._begun_s = perf_counter()

    def admitted(self, *, lasts: bool) -> None:
        """Do nothing: the line comes at the end."""

    def end(self, code: str, error: Exception | None, caller: Caller | None) -> None:
        duration_ms = round((perf_counter() - self._begun_s) * 1000, 3)
        identity = "" if caller is None else caller.identity
        trace = trace_id_of(call_trace.get())
        _log.debug(_CallLine(self._rpc, self._edge, code, reason_name(error), identity, self._peer, duration_ms, trace))


class _CallLine(LogMessage):
    def __init__(
        self, rpc: str, edge: Edge, code: str, reason: str, identity: str, peer: str, duration_ms: float, trace: str
    ) -> None:
        self._fields: Mapping[str, str | float] = {
            "rpc": rpc,
            "edge": edge,
            "code": code,
            "reason": reason,
            "identity": identity,
            "peer": peer,
            "ms": duration_ms,
            "trace_id": trace,
        }

    def fields(self) -> Mapping[str, str | float]:
        return {name: value for name, value in self._fields.items() if value != ""}

    def __str__(self) -> str:
        return " ".join(f"{name}={value}" for name, value in self.fields().items())
