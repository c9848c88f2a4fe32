"""One call over HTTP, from its first header to its last byte, on its way through the entry.

The package runs a call in the task of its request: it reads the request, calls the service and sends what this returns.
Here is what the package leaves open: who calls, before the request is read; what the client gets when the server ends
the call; and that a client which does not read, or does not send, ends up alone.
"""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from contextvars import ContextVar
from typing import Any, Final, TypeAlias, TypeVar

from connectrpc.code import Code
from connectrpc.errors import ConnectError
from connectrpc.request import RequestContext

from ringback.application.access import Caller
from ringback.domain.errors import UndecodableRequest
from ringback.entry.long_calls import Ending
from ringback.entry.way_in import Entered, WayIn
from ringback.identity.authenticator import Credentials
from ringback.web.connect.codecs import Unread
from ringback.web.connect.envelope import Envelope, envelope_of
from ringback.web.connect.refusals import name_of, refused
from ringback.web.peer import is_serial

Scope: TypeAlias = MutableMapping[str, Any]
Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
CredentialsOf: TypeAlias = Callable[[Scope], Credentials]

_Request = TypeVar("_Request")
_Response = TypeVar("_Response")

# The longest that the end of a call takes to be sent once the call has been cut short.
_END_S: Final = 0.5


class HttpCall:
    """The call of a task: its request, which comes in time, and its response, which has an end."""

    def __init__(self, scope: Scope, receive: Receive, send: Send, request_s: float) -> None:
        self.scope: Final = scope
        self._receive = receive
        self._send = send
        self._request_ends_s = asyncio.get_running_loop().time() + request_s
        self._has_come = False
        # None where a request comes without a frame.
        self._envelope = envelope_of(scope["headers"])
        self._entered: Entered | None = None
        # Of a call that lasts: it waits for what is being written.
        self._ending: Ending | None = None
        # Why it has been cut short while a message of it was being sent.
        self._refusal: ConnectError | None = None
        self._is_cut = False

    async def enter(self, rpc: str, way_in: WayIn, credentials_of: CredentialsOf) -> None:
        """Let the call in. Raise `ConnectError`."""
        self._entered = way_in.begin(rpc, "connect", credentials_of(self.scope), serial=is_serial(self.scope))
        try:
            await self._entered.admit()
        except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001 - the package would send its text
            # The package calls `on_end` only after an `on_start` that has returned.
            refusal = ConnectError(Code.CANCELED, "")
            try:
                refusal = self.refusal(error)
            finally:
                self.end(refusal)
            raise refusal from None

    async def serve(self, behave: Callable[[Caller], Awaitable[_Response]]) -> _Response:
        """Return what `behave` returns. Raise `ConnectError`."""
        assert self._entered is not None

        def behave_until(caller: Caller, ending: Ending | None) -> Awaitable[_Response]:
            self._ending = ending
            return behave(caller)

        try:
            return await self._entered.serve(behave_until)
        except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001 - the package would send its text
            raise self.refusal(error) from None

    def refusal(self, error: BaseException) -> ConnectError:
        """Return what the client gets for what was raised. Raise it again when it is the client who gave up."""
        assert self._entered is not None
        if isinstance(error, ConnectError):
            return error
        refusal = refused(self._entered.refusal(error))
        if isinstance(error, asyncio.CancelledError) and (task := asyncio.current_task()) and task.cancelling():
            # It has been dealt with: the package goes on in this task, with a timeout that counts cancellations.
            task.uncancel()
        return refusal

    def check(self) -> None:
        """Raise `ConnectError` if the call was cut short while the last message was being sent."""
        if self._refusal is not None:
            raise self._refusal

    def end(self, error: Exception | None) -> None:
        """Tell that the call is over."""
        if self._entered is not None:
            self._entered.end(name_of(error))

    async def receive(self) -> Message:
        """Return the next part of the request. Raise `ConnectError` when it does not come."""
        if self._has_come:
            return await self._receive()
        try:
            async with asyncio.timeout_at(self._request_ends_s):
                message = await self._receive()
        except TimeoutError:
            raise ConnectError(Code.DEADLINE_EXCEEDED, "the request has not come in time") from None
        self._has_come = not message.get("more_body", False)
        if self._envelope is not None and message["type"] == "http.request":
            self._check(self._envelope, message.get("body", b""))
        return message

    def _check(self, envelope: Envelope, part: bytes) -> None:
        try:
            envelope.take(part, is_last=self._has_come)
        except UndecodableRequest as fault:
            raise self.refusal(fault) from None

    async def send(self, message: Message) -> None:
        """Send a part of the response; after the call was cut short, in no time or not at all."""
        if self._is_cut:
            async with asyncio.timeout(_END_S):
                await self._send(message)
            return
        sending = self._send(message)
        try:
            await (sending if self._ending is None else self._ending.write(sending))
        except asyncio.CancelledError as cancelled:
            self._is_cut = True
            self._refusal = self.refusal(cancelled)


CALL: Final[ContextVar[HttpCall]] = ContextVar("the call of this task")


class Entrance:
    """The way in of each call, as an interceptor: the package runs it before it reads a request."""

    def __init__(self, way_in: WayIn, credentials_of: CredentialsOf) -> None:
        self._way_in = way_in
        self._credentials_of = credentials_of

    async def on_start(self, ctx: RequestContext[Any, Any]) -> None:
        await CALL.get().enter(ctx.method.name, self._way_in, self._credentials_of)

    async def on_end(self, _: None, __: RequestContext[Any, Any], error: Exception | None, /) -> None:
        CALL.get().end(error)


async def serve(request: _Request, handle: Callable[[Caller, _Request], Awaitable[_Response]]) -> _Response:
    """Have the request of this task handled. Raise `ConnectError`."""

    async def behave(caller: Caller) -> _Response:
        return await handle(caller, read(request))

    return await CALL.get().serve(behave)


def read(request: _Request) -> _Request:
    """Return the message: what comes in its place has not been read yet (`codecs.py`). Raise `InvalidRequest`."""
    assert isinstance(request, Unread)
    message: _Request = request.read()
    return message
