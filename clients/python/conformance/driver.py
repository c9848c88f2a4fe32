"""The conformance driver: does what the runner says, through the Python stubs and helpers.

    python driver.py HOST:PORT [--ca FILE] [--cert FILE --key FILE] [--token-file FILE]

Commands and replies are JSON, one object per line: tests/conformance/README.md.
"""

import argparse
import asyncio
import base64
import json
import sys
from contextlib import aclosing
from pathlib import Path
from typing import Any

import grpc

from ringback.client import create, insecure_channel, reason_of, secure_channel, violations_of, watch
from ringback.v1 import callbacks_service_pb2 as callbacks
from ringback.v1 import dialer_service_pb2 as dialers
from ringback.v1 import directory_service_pb2 as directory
from ringback.v1.callbacks_service_pb2_grpc import CallbacksServiceStub
from ringback.v1.dialer_service_pb2_grpc import DialerServiceStub
from ringback.v1.directory_service_pb2_grpc import DirectoryServiceStub
from ringback.v1.error_reason_pb2 import ErrorReason

_STUBS: dict[str, tuple[Any, Any]] = {
    "ringback.v1.CallbacksService": (CallbacksServiceStub, callbacks),
    "ringback.v1.DialerService": (DialerServiceStub, dialers),
    "ringback.v1.DirectoryService": (DirectoryServiceStub, directory),
}
_CODES: dict[int, str] = {code.value[0]: code.name for code in grpc.StatusCode}
# A message of the largest size that the server takes, 32 MiB, in base64, with room for the rest of the line.
_MAX_LINE_BYTES = 48 * 1024 * 1024


class Driver:
    """Carries out commands on one channel, each in a task of its own."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._channel = channel
        self._stub = CallbacksServiceStub(channel)
        self._tasks: dict[int, asyncio.Task[None]] = {}

    def begin(self, command: dict[str, Any]) -> None:
        self._tasks[command["id"]] = asyncio.create_task(self._carry_out(command))

    async def _carry_out(self, command: dict[str, Any]) -> None:
        command_id = command["id"]
        try:
            match command:
                case {"call": method, "request": request, "timeout_ms": timeout_ms}:
                    result = await self._call(method, _decoded(request), timeout_ms / 1000)
                case {"create": request, "timeout_ms": timeout_ms}:
                    creation = callbacks.CreateCallbackRequest.FromString(_decoded(request))
                    result = _ok(await create(self._stub, creation, timeout_ms / 1000))
                case {"stream": request}:
                    wanted = callbacks.WatchCallbacksRequest.FromString(_decoded(request))
                    result = await _forward(command_id, self._stub.WatchCallbacks(wanted))
                case {"queues": request}:
                    services = directory.WatchQueuesRequest.FromString(_decoded(request))
                    result = await _forward(command_id, DirectoryServiceStub(self._channel).WatchQueues(services))
                case {"watch": request}:
                    wanted = callbacks.WatchCallbacksRequest.FromString(_decoded(request))
                    async with aclosing(watch(self._stub, wanted)) as responses:
                        result = await _forward(command_id, responses)
                case {"error": error}:
                    result = _failure_of_item(callbacks.Error.FromString(_decoded(error)))
                case {"stop": stopped}:
                    result = await self._stop(stopped)
                case _:
                    raise ValueError(f"not a command: {command}")
        except grpc.aio.AioRpcError as error:
            result = _failure(error)
        _reply(command_id, result)

    async def _call(self, path: str, request: bytes, timeout_s: float) -> dict[str, Any]:
        service, method = path.split("/")
        stub, messages = _STUBS[service]
        message = getattr(messages, f"{method}Request").FromString(request)
        return _ok(await getattr(stub(self._channel), method)(message, timeout=timeout_s))

    async def _stop(self, command_id: int) -> dict[str, Any]:
        task = self._tasks[command_id]
        task.cancel()
        await asyncio.wait([task])
        return {"code": "OK"}


async def _forward(command_id: int, responses: Any) -> dict[str, Any]:
    try:
        async for response in responses:
            _reply(command_id, {"response": _encoded(response)})
    except asyncio.CancelledError:
        # gRPC raises this also when it is the server that has cancelled the stream.
        task = asyncio.current_task()
        if task is None or task.cancelling():
            raise
        return {"code": "CANCELLED", "reason": "", "message": "", "violations": []}
    return {"code": "OK"}


def _ok(response: Any) -> dict[str, Any]:
    return {"code": "OK", "response": _encoded(response)}


def _failure(error: grpc.aio.AioRpcError) -> dict[str, Any]:
    return {"code": error.code().name, "message": error.details() or "", **_told_of(error)}


def _failure_of_item(error: callbacks.Error) -> dict[str, Any]:
    return {"code": _CODES[error.code], "message": error.message, **_told_of(error)}


def _told_of(error: grpc.aio.AioRpcError | callbacks.Error) -> dict[str, Any]:
    reason = reason_of(error)
    return {
        "reason": ErrorReason.Name(reason).removeprefix("ERROR_REASON_") if reason else "",
        "violations": violations_of(error),
    }


def _decoded(text: str) -> bytes:
    return base64.b64decode(text, validate=True)


def _encoded(message: Any) -> str:
    return base64.b64encode(message.SerializeToString()).decode()


def _reply(command_id: int, reply: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps({"id": command_id, **reply}) + "\n")
    sys.stdout.flush()


def _channel() -> grpc.aio.Channel:
    options = argparse.ArgumentParser()
    options.add_argument("target")
    for name in ("--ca", "--cert", "--key", "--token-file"):
        options.add_argument(name, type=Path)
    given = options.parse_args()
    if given.ca is None:
        return insecure_channel(given.target, token_file=given.token_file)
    return secure_channel(
        given.target,
        root_certificates=given.ca.read_bytes(),
        certificate_chain=None if given.cert is None else given.cert.read_bytes(),
        private_key=None if given.key is None else given.key.read_bytes(),
        token_file=given.token_file,
    )


async def main() -> None:
    commands = asyncio.StreamReader(limit=_MAX_LINE_BYTES)
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(commands), sys.stdin)
    async with _channel() as channel:
        driver = Driver(channel)
        async for line in commands:
            driver.begin(json.loads(line))


if __name__ == "__main__":
    asyncio.run(main())
