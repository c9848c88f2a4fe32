"""The services over HTTP, as one ASGI application."""

import logging
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from types import MappingProxyType
from typing import Any, Final, cast

from connectrpc.errors import ConnectError
from connectrpc.server import ConnectASGIApplication

from ringback.entry.way_in import WayIn
from ringback.v1.callbacks_service_connect import CallbacksServiceASGIApplication
from ringback.v1.dialer_service_connect import DialerServiceASGIApplication
from ringback.v1.directory_service_connect import DirectoryServiceASGIApplication
from ringback.web.body import BODY_S
from ringback.web.connect.calls import CALL, CredentialsOf, Entrance, HttpCall, Message, Receive, Scope, Send
from ringback.web.connect.codecs import codecs
from ringback.web.connect.compression import Gzip
from ringback.web.connect.envelope import MAX_RECEIVE_BYTES
from ringback.web.connect.health import HealthASGIApplication, HealthOverConnect
from ringback.web.connect.services import CallbacksOverConnect, DialerOverConnect, DirectoryOverConnect
from ringback.web.problems import problem
from ringback.wire.handlers.callbacks import CallbacksHandlers
from ringback.wire.handlers.dialer import DialerHandlers
from ringback.wire.handlers.directory import DirectoryHandlers
from ringback.wire.watch_encoder import WatchEncoder

_log = logging.getLogger(__name__)

PREFIXES: Final = ("/ringback.v1.", "/grpc.health.v1.")
# What a request may be of. gRPC itself has a port of its own, and any other type a page of another origin could send
# without being asked by the browser.
_TYPES: Final = frozenset(
    {
        "application/json",
        "application/proto",
        "application/connect+json",
        "application/connect+proto",
        "application/grpc-web",
        "application/grpc-web+proto",
        "application/grpc-web+json",
    }
)
_ACCEPT_POST: Final = {"accept-post": ", ".join(sorted(_TYPES))}
# What is said of a refusal that is HTTP's, and no call's.
_DETAILS: Final[Mapping[int, str]] = {
    HTTPStatus.NOT_FOUND: "There is no RPC under this path.",
    HTTPStatus.METHOD_NOT_ALLOWED: "An RPC takes POST.",
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: "The type of the content is none that this RPC has.",
}
# A watch is not compressed: what it sends is encoded once for all watches, and most of its messages are short.
_WATCH: Final = "/ringback.v1.CallbacksService/WatchCallbacks"
_STREAM_COMPRESSION: Final = frozenset({b"connect-accept-encoding", b"grpc-accept-encoding"})
# The package compares their values to the letter, but the names of encodings have no case (RFC 9110, 8.4.1).
_ENCODINGS: Final = frozenset({b"content-encoding", b"connect-content-encoding", b"grpc-encoding"})


class ConnectApplication:
    """The ASGI application of all services. What is below `PREFIXES` is for it."""

    def __init__(self, services: Sequence[ConnectASGIApplication[Any]], request_s: float) -> None:
        self._services: Final[Mapping[str, ConnectASGIApplication[Any]]] = {each.path: each for each in services}
        self._request_s = request_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        service = self._services.get(scope["path"].rpartition("/")[0])
        if service is None:
            await _refuse(scope, receive, send, HTTPStatus.NOT_FOUND)
        elif scope["method"] != "POST":
            await _refuse(scope, receive, send, HTTPStatus.METHOD_NOT_ALLOWED, {"allow": "POST"})
        elif not _is_of_known_type(headers := _readable(scope)):
            await _refuse(scope, receive, send, HTTPStatus.UNSUPPORTED_MEDIA_TYPE, _ACCEPT_POST)
        else:
            call = HttpCall(scope, receive, _with_problems(scope, receive, send), self._request_s)
            CALL.set(call)
            try:
                await service(cast("Any", {**scope, "headers": headers}), call.receive, call.send)
            except (ConnectError, TimeoutError) as fault:
                # It cannot be sent: the client has gone, or does not read. That the response has no end says the rest.
                _log.debug("%s ends without its status: %s", scope["path"], repr(fault))


def connect_app(
    way_in: WayIn,
    callbacks: CallbacksHandlers,
    dialers: DialerHandlers,
    directory: DirectoryHandlers,
    encoder: WatchEncoder,
    credentials_of: CredentialsOf,
    health: HealthOverConnect,
    request_s: float = BODY_S,
) -> ConnectApplication:
    """Return the three services, whose calls enter by `way_in`, and that of health.

    A request has to come within `request_s`.
    """
    options: Any = {
        "interceptors": [Entrance(way_in, credentials_of)],
        "read_max_bytes": MAX_RECEIVE_BYTES,
        "compressions": [Gzip()],
        "codecs": codecs(encoder),
    }
    return ConnectApplication(
        [
            CallbacksServiceASGIApplication(CallbacksOverConnect(callbacks), **options),
            DialerServiceASGIApplication(DialerOverConnect(dialers), **options),
            DirectoryServiceASGIApplication(DirectoryOverConnect(directory), **options),
            HealthASGIApplication(health, options["codecs"]),
        ],
        request_s,
    )


def _readable(scope: Scope) -> list[tuple[bytes, bytes]]:
    """Return the headers that the package can read, and is to see. No header of the protocols is beyond ASCII."""
    unseen = _STREAM_COMPRESSION if scope["path"] == _WATCH else ()
    return [
        (name, value.lower() if name in _ENCODINGS else value)
        for name, value in scope["headers"]
        if name.isascii() and value.isascii() and name not in unseen
    ]


def _is_of_known_type(headers: Sequence[tuple[bytes, bytes]]) -> bool:
    types = [value for name, value in headers if name == b"content-type"]
    return len(types) == 1 and types[0].decode().partition(";")[0].strip().lower() in _TYPES


async def _refuse(
    scope: Scope, receive: Receive, send: Send, status: int, headers: Mapping[str, str] = MappingProxyType({})
) -> None:
    """Send a problem: clients of Connect, which do not know its type, make an error of theirs of the status."""
    await problem(status, _DETAILS[status], headers=headers)(scope, receive, send)


def _with_problems(scope: Scope, receive: Receive, send: Send) -> Send:
    """Return what sends a problem where the package would send its status alone."""
    is_replaced = False

    async def sent(message: Message) -> None:
        nonlocal is_replaced
        if message["type"] == "http.response.start":
            headers = {name.decode().lower(): value.decode() for name, value in message.get("headers", ())}
            if message["status"] in _DETAILS and "content-type" not in headers:
                is_replaced = True
                headers.pop("content-length", None)
                await _refuse(scope, receive, send, message["status"], headers)
        if not is_replaced:
            await send(message)

    return sent
