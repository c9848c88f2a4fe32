"""One line of the log for each call, at DEBUG."""

import logging
from time import perf_counter
from typing import Final

from ringback.application.access import Caller
from ringback.application.call_trace import call_trace
from ringback.domain.trace_parent import trace_id_of
from ringback.entry.way_in import Edge, Followed
from ringback.identity.authenticator import Credentials
from ringback.ports.log_fields import FIELDS
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
        fields = {
            "rpc": self._rpc,
            "edge": self._edge,
            "code": code,
            "reason": reason_name(error),
            "identity": "" if caller is None else caller.identity,
            "peer": self._peer,
            "ms": round((perf_counter() - self._begun_s) * 1000, 3),
            "trace_id": trace_id_of(call_trace.get()),
        }
        fields = {name: value for name, value in fields.items() if value != ""}
        shown = " ".join(f"{name}={value}" for name, value in fields.items())
        _log.debug("a call is over: %s", shown, extra={FIELDS: fields})
