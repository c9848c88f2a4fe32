"""The one way in: the wrapper around every handler of our services.

Who a call comes from is found out here, and whether it may make the call at all, before the request is even parsed.
A handler's errors become statuses here, and a server that drains refuses calls here. The wrapper is put on each
handler where it is registered. An interceptor would do the same, and costs 2 to 3 % of each call; the wrapper costs
nothing that can be measured.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any, Final, Never, TypeAlias

import grpc
from google.protobuf.message import DecodeError

from ringback.application.access import Caller
from ringback.application.turns import Turns
from ringback.domain.errors import (
    CredentialsInvalid,
    Fault,
    InvalidRequest,
    RingbackError,
    ServerDraining,
    StorageUnavailable,
)
from ringback.rpc.admission import LONG, Admission
from ringback.rpc.long_calls import Ending
from ringback.wire.errors import status_of

if TYPE_CHECKING:
    from google.rpc.status_pb2 import Status

_log = logging.getLogger(__name__)

# Each method has its own type of context; what is used of it is the same in all.
Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"
# Returns the response of a unary RPC; that of a stream writes its responses to the call.
Behaviour: TypeAlias = Callable[[Any, "RpcCall"], Awaitable[Any]]

DETAILS_KEY: Final = "grpc-status-details-bin"
# How the names of RPCs begin that store nothing, so that cutting one short leaves nothing in doubt.
_READS: Final = ("Get", "List", "Watch")
# The same of RPCs that are as much work as many others.
_BULK: Final = ("Batch", "ListCallbacks")
# The longest that the refusals of calls that are given up take to be sent.
_REFUSAL_S: Final = 0.5
# Before credentials are refused. It slows down a client that tries again at once, or guesses, and no other one.
_PAUSE_S: Final = 0.05
_CODES: Final = {code.value[0]: code for code in grpc.StatusCode}


class RpcCall:
    """One call that has been let in, as its servicer has it: who calls, and where a stream writes to."""

    __slots__ = ("_context", "_ending", "caller")

    def __init__(self, caller: Caller, context: Context, ending: Ending | None = None) -> None:
        self.caller = caller
        self._context = context
        self._ending = ending

    def write(self, message: bytes) -> Awaitable[None]:
        """Send a message of a stream."""
        writing = self._context.write(message)
        return writing if self._ending is None else self._ending.write(writing)


class Gate:
    """A gate for calls, open until the server drains. It keeps those that it has let in until they are over."""

    def __init__(self) -> None:
        self._closed = False
        # The tasks of the calls, which gRPC ends when the response is on its way.
        self._inside: set[asyncio.Task[Any]] = set()
        self._given_up: set[asyncio.Task[Any]] = set()

    def close(self) -> None:
        self._closed = True

    def enter(self) -> None:
        """Let the call of this task in. Raise `ServerDraining` once closed."""
        if self._closed:
            raise ServerDraining
        task = asyncio.current_task()
        assert task is not None
        self._inside.add(task)
        task.add_done_callback(self._inside.discard)

    async def empty(self, grace_s: float) -> None:
        """Wait until the calls inside are over. Cancel those that are not within the grace, which then refuse."""
        if not self._inside:
            return
        _, late = await asyncio.wait(self._inside, timeout=grace_s)
        if late:
            _log.warning("the grace is over, %d calls are given up", len(late))
            self._given_up |= late
            for task in late:
                task.cancel()
            await asyncio.wait(late, timeout=_REFUSAL_S)

    def gave_up(self) -> bool:
        """Return whether the call of this task was cancelled because the grace is over."""
        return asyncio.current_task() in self._given_up


class Entry:
    """The server, as the generated code sees it when it registers the handlers of a service."""

    def __init__(self, server: grpc.aio.Server, gate: Gate, admission: Admission, turns: Turns) -> None:
        self._server = server
        self._turns = turns
        self._gate = gate
        self._admission = admission

    def add_generic_rpc_handlers(self, handlers: object) -> None:
        """Do nothing: the handlers themselves come next."""

    def add_registered_method_handlers(
        self, service: str, handlers: Mapping[str, "grpc.RpcMethodHandler[Any, Any]"]
    ) -> None:
        """Add them in both ways, as the generated code does: which one counts depends on the version of gRPC."""
        guarded = {name: self._guard(name, handler) for name, handler in handlers.items()}
        self._server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, guarded),))
        self._server.add_registered_method_handlers(service, guarded)

    def _guard(self, name: str, handler: Any) -> "grpc.RpcMethodHandler[Any, Any]":
        # Requests come in as bytes, and what a stream writes is bytes already (`watch_encoder.py`).
        respond = self._wrapped(name, handler)
        if handler.response_streaming:
            return grpc.unary_stream_rpc_method_handler(respond)
        return grpc.unary_unary_rpc_method_handler(respond, None, handler.response_serializer)

    def _wrapped(self, name: str, handler: Any) -> Any:
        """Return a coroutine function, by which gRPC knows that a stream awaits its writes: that is back-pressure."""
        gate = self._gate
        admission = self._admission
        turns = self._turns
        # What waits for something to happen takes no turn: it would keep others from theirs.
        lasts = name in LONG
        bulk = name.startswith(_BULK)
        behaviour: Behaviour = handler.unary_stream if handler.response_streaming else handler.unary_unary
        parse: Callable[[bytes], Any] = handler.request_deserializer or bytes
        # Makes the refusal of a call that the server has cut short.
        interrupted = ServerDraining if name.startswith(_READS) else _fate_unknown

        async def respond(request: bytes, context: Context) -> Any:
            try:
                gate.enter()
                try:
                    caller = admission.admit(name, context)
                except RingbackError as refusal:
                    await _wait_to_refuse(refusal, turns, context)
                    raise
                if lasts:
                    call = RpcCall(caller, context, admission.long_calls.ending())
                    return await behaviour(_parsed(parse, request), call)
                generation = admission.generation
                async with turns.turn(caller.identity, caller.account, context.peer(), bulk=bulk):
                    if admission.generation != generation:
                        caller = admission.admit(name, context)
                    return await behaviour(_parsed(parse, request), RpcCall(caller, context))
            except asyncio.CancelledError as cancelled:
                ended = admission.ended()
                if ended is None and not gate.gave_up():
                    if _is_cancelled():
                        raise
                    # Something that the handler waits for was cancelled, as happens when the server stops. gRPC would
                    # take it for the end of the handler itself, and leave the client waiting until its deadline.
                    _log.warning("what a handler was waiting for has been cancelled", exc_info=cancelled)
                try:
                    await _abort(context, ended or interrupted())
                except grpc.aio.InternalError:
                    # A client that does not read: what is being written to it cannot be followed by a status.
                    raise cancelled from None
            except Exception as error:  # noqa: BLE001 - gRPC would send its text to the client
                await _abort(context, error)

        return respond


async def _wait_to_refuse(refusal: RingbackError, turns: Turns, context: Context) -> None:
    if isinstance(refusal, CredentialsInvalid):
        await asyncio.sleep(_PAUSE_S)
    async with turns.refusal(context.peer()):
        pass


def trailing_metadata(status: "Status") -> tuple[tuple[str, bytes]]:
    """Return the metadata in which gRPC clients look for the details of a status."""
    return ((DETAILS_KEY, status.SerializeToString()),)


def _parsed(parse: Callable[[bytes], Any], request: bytes) -> Any:
    try:
        return parse(request)
    except DecodeError:
        raise InvalidRequest([Fault("request", "its bytes are no message of this RPC")]) from None


def _fate_unknown() -> Exception:
    """Return the refusal of a call that may have written, or may write yet."""
    return StorageUnavailable("the server stops, and the database has not confirmed the change: repeat the call")


def _is_cancelled() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


async def _abort(context: Context, error: Exception) -> Never:
    status = status_of(error)
    await context.abort(_CODES[status.code], status.message, trailing_metadata(status))
