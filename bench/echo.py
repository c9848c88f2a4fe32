"""The fastest a Python server can be over gRPC: CreateCallback returns the request, and does nothing else.

    python -m bench.echo

The same event loop, the same options and the same code for messages as `ringback serve`.
"""

import asyncio
import signal
import sys
from typing import Any

import grpc
import uvloop

from ringback.rpc.server import OPTIONS
from ringback.v1.callbacks_service_pb2 import CreateCallbackRequest

Context = grpc.aio.ServicerContext[CreateCallbackRequest, CreateCallbackRequest]


async def echo(request: CreateCallbackRequest, _: Context) -> CreateCallbackRequest:
    return request


async def main() -> None:
    handler = grpc.unary_unary_rpc_method_handler(
        echo,
        request_deserializer=CreateCallbackRequest.FromString,
        response_serializer=CreateCallbackRequest.SerializeToString,
    )
    await serve(handler)


async def serve(create: "grpc.RpcMethodHandler[Any, Any]") -> None:
    """Serve CreateCallback on a free port, say which, and go on until SIGTERM or Ctrl-C."""
    server = grpc.aio.server(options=OPTIONS)
    methods = grpc.method_handlers_generic_handler("ringback.v1.CallbacksService", {"CreateCallback": create})
    server.add_generic_rpc_handlers([methods])
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    print(f"listening on 127.0.0.1:{port}", file=sys.stderr, flush=True)
    await stopping.wait()
    await server.stop(None)


if __name__ == "__main__":
    uvloop.run(main())
