"""The server of grpc.aio, and a fault of it mended: a single call would end it for everybody.

It decodes the path of each call that names no method it knows, and what is no UTF-8 ends its main loop. Nothing
says so but a traceback: the process lives on, and refuses connections.
"""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

import grpc
from grpc._cython import cygrpc  # type: ignore[attr-defined] # it has no types

if TYPE_CHECKING:
    from ringback.rpc.requests import Context

# Whether this version of gRPC asks for the calls of each method that it knows by themselves. Else all come by one way.
_ASKS_BY_METHOD: Final = hasattr(cygrpc.AioServer, "_request_registered_call")


class _Core(cygrpc.AioServer):  # type: ignore[misc] # as above
    """The part of the server that is not written in Python."""

    async def _request_call(self) -> None:
        """Refuse the calls of unknown methods, so that gRPC never gets to decode what they name."""
        refusals: set[asyncio.Task[None]] = set()
        while True:
            unknown = await super()._request_call()
            refusal = asyncio.create_task(_refuse(unknown))
            refusals.add(refusal)
            refusal.add_done_callback(refusals.discard)


async def _refuse(call: Any) -> None:
    context: Context = cygrpc._ServicerContext(call, None, None, asyncio.get_running_loop())  # noqa: SLF001 - see above
    with suppress(grpc.aio.BaseError):  # by which it ends, also where the client has gone
        await context.abort(grpc.StatusCode.UNIMPLEMENTED, "Method not found!")


def grpc_server(options: Sequence[tuple[str, Any]]) -> grpc.aio.Server:
    """Return a server, whose services are all to be registered by the names of their methods."""
    if not _ASKS_BY_METHOD:
        return grpc.aio.server(options=options)
    plain = cygrpc.AioServer
    cygrpc.AioServer = _Core  # where `grpc.aio.server` finds it
    try:
        return grpc.aio.server(options=options)
    finally:
        cygrpc.AioServer = plain
