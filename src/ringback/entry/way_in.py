"""The way of a call through the entry: gate, admission, its turn, and what the client gets when it fails."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from time import perf_counter
from typing import Final, Literal, Protocol, TypeAlias, TypeVar

from msgspec import Struct

from ringback.application.access import Caller
from ringback.application.turns import Turns
from ringback.domain.errors import (
    CredentialsInvalid,
    RingbackError,
    ServerDraining,
    StorageUnavailable,
    UndecodableRequest,
)
from ringback.entry.admission import LONG, Admission
from ringback.entry.gate import Gate
from ringback.entry.long_calls import Ending
from ringback.entry.undecodable import UndecodableLog
from ringback.identity.authenticator import Credentials

_log = logging.getLogger(__name__)

T = TypeVar("T")

Edge: TypeAlias = Literal["grpc", "connect", "rest"]

# How the names of RPCs begin that store nothing, so that cutting one short leaves nothing in doubt.
_READS: Final = ("Count", "Get", "List", "Watch")
# The same of RPCs that are as much work as many others.
_BULK: Final = ("Batch", "CountCallbacks", "ListCallbacks", "ListCallbackEvents", "ReportAttempts")
# Before credentials are refused. It slows down a client that tries again at once, or guesses, and no other one.
_PAUSE_S: Final = 0.05


class Observer(Protocol):
    """It is told of every call, when that is over."""

    def on_end(self, rpc: str, edge: Edge, code: str, caller: Caller | None, duration_s: float) -> None:
        """`code` is the name of a gRPC status; `caller` is None when the call was not let in."""


class ConnectionLimit(Protocol):
    """It has room for so many connections, and refuses calls on others."""

    def check(self, credentials: Credentials) -> None:
        """Raise `QuotaExceeded`."""


class Followed(Protocol):
    """One call that is followed, in the task that serves it."""

    def admitted(self, *, lasts: bool) -> None:
        """The call is let in. One that lasts may go on for hours from here."""

    def end(self, code: str, error: Exception | None, caller: Caller | None) -> None:
        """The call is over. `code` is the name of a gRPC status, `error` what the client gets."""


class Follower(Protocol):
    """It follows calls from their beginning, and is told why they fail."""

    def begin(self, rpc: str, edge: Edge, credentials: Credentials) -> Followed | None:
        """Return what follows this call; None when nothing does."""


class _Rpc(Struct, frozen=True, eq=False):
    """What is known of a call by its name."""

    name: str
    # It waits for something to happen, and so takes no turn: it would keep others from theirs.
    lasts: bool
    bulk: bool
    # Makes the refusal of a call that the server has cut short.
    interrupted: Callable[[], RingbackError]


class WayIn:
    """The entry of one server, for all its edges."""

    def __init__(
        self,
        gate: Gate,
        admission: Admission,
        turns: Turns,
        observers: Sequence[Observer] = (),
        undecodable: UndecodableLog | None = None,
    ) -> None:
        self.gate: Final = gate
        self.admission: Final = admission
        self.turns: Final = turns
        self.observers: Final = list(observers)
        self.undecodable: Final = undecodable or UndecodableLog()
        self._followers: tuple[Follower, ...] = ()
        self._rpcs: Final[dict[str, _Rpc]] = {}

    def follow(self, *followers: Follower) -> None:
        """Have these follow each call from now on. The last to begin is the first to be told of the end."""
        self._followers += followers

    def begin(self, rpc: str, edge: Edge, credentials: Credentials, *, serial: bool = False) -> "Entered":
        """Return the call of this task, which is still to be let in.

        `serial`: it came on a connection that carries one call at a time.
        """
        known = self._rpcs.get(rpc)
        if known is None:
            interrupted = ServerDraining if rpc.startswith(_READS) else _fate_unknown
            known = self._rpcs[rpc] = _Rpc(rpc, rpc in LONG, rpc.startswith(_BULK), interrupted)
        entered = Entered(self, known, edge, credentials, serial=serial)
        for follower in self._followers:
            if (followed := follower.begin(rpc, edge, credentials)) is not None:
                entered.followed = (followed, *entered.followed)
        return entered


class Entered:
    """One call: `admit` comes before its request is read, `serve` calls its handler, and `end` tells the observers."""

    __slots__ = (
        *("_begun_s", "_credentials", "_edge", "_error", "_generation", "_is_serial", "_rpc", "_way_in"),
        *("caller", "followed"),
    )

    def __init__(self, way_in: WayIn, rpc: _Rpc, edge: Edge, credentials: Credentials, *, serial: bool) -> None:
        self._way_in = way_in
        self._rpc = rpc
        self._edge = edge
        self._credentials = credentials
        self._is_serial = serial
        self._begun_s = perf_counter()
        self._generation = 0
        # None until it is let in.
        self.caller: Caller | None = None
        self.followed: tuple[Followed, ...] = ()
        # What the client gets for a response.
        self._error: Exception | None = None

    async def admit(self, limit: ConnectionLimit | None = None) -> Caller:
        """Let the call in, and return who makes it. Raise what refuses it, after a pause if it may be a guess."""
        way_in = self._way_in
        try:
            way_in.gate.enter()
            if limit is not None:
                limit.check(self._credentials)
            self.caller = way_in.admission.admit(self._rpc.name, self._credentials)
        except RingbackError as refusal:
            if isinstance(refusal, CredentialsInvalid):
                await asyncio.sleep(_PAUSE_S)
            async with way_in.turns.refusal(self._credentials.peer()):
                pass
            raise
        self._generation = way_in.admission.generation
        for followed in self.followed:
            followed.admitted(lasts=self._rpc.lasts)
        return self.caller

    async def serve(self, behave: Callable[[Caller, Ending | None], Awaitable[T]]) -> T:
        """Return what `behave` returns, once the turn of the call has come.

        One that lasts takes no turn, and gets its end instead, through which a stream is written.
        """
        admission = self._way_in.admission
        caller = self.caller
        assert caller is not None
        if self._rpc.lasts:
            return await behave(caller, admission.long_calls.ending())
        peer = self._credentials.peer()
        turns, bulk = self._way_in.turns, self._rpc.bulk
        async with turns.turn(caller.identity, caller.account, peer, bulk=bulk, serial=self._is_serial):
            if admission.generation != self._generation:
                caller = self.caller = admission.admit(self._rpc.name, self._credentials)
            return await behave(caller, None)

    def refusal(self, error: BaseException) -> Exception:
        """Return what the client gets for what was raised. Raise it again when it is the client who gave up."""
        self._error = self._refusal(error)
        if isinstance(error, UndecodableRequest):
            self._way_in.undecodable.note(self._rpc.name, self._credentials.peer(), error)
        return self._error

    def _refusal(self, error: BaseException) -> Exception:
        if isinstance(error, asyncio.CancelledError):
            ended = self._way_in.admission.ended()
            if ended is None and not self._way_in.gate.gave_up():
                if _is_cancelled():
                    raise error
                # Something that the handler waits for was cancelled, as happens when the server stops. gRPC would
                # take it for the end of the handler itself, and leave the client waiting until its deadline.
                _log.warning("what a handler was waiting for has been cancelled", exc_info=error)
            return ended or self._rpc.interrupted()
        if isinstance(error, Exception):
            return error
        raise error

    def end(self, code: str = "OK") -> None:
        """Tell the observers that the call is over."""
        for followed in self.followed:
            followed.end(code, self._error, self.caller)
        if self._way_in.observers:
            duration_s = perf_counter() - self._begun_s
            for observer in self._way_in.observers:
                observer.on_end(self._rpc.name, self._edge, code, self.caller, duration_s)


def _fate_unknown() -> RingbackError:
    """Return the refusal of a call that may have written, or may write yet."""
    return StorageUnavailable("the server stops, and the database has not confirmed the change: repeat the call")


def _is_cancelled() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
