"""Calls that the core of gRPC has ended, which it says by refusing the next operation, before it cancels their task."""

import asyncio
import logging
from typing import Any, cast

import grpc
import pytest

from ringback.entry.undecodable import UndecodableLog
from ringback.rpc.open_registrar import OpenRegistrar
from ringback.rpc.registrar import _abort


class EndedCall:
    """One whose end is noted."""

    def __init__(self) -> None:
        self.codes: list[str] = []

    def end(self, code: str) -> None:
        self.codes.append(code)


class EndedContext:
    """The client's end of requests, and no operation that gRPC takes."""

    async def read(self) -> object:
        return grpc.aio.EOF

    async def send_initial_metadata(self, _: object) -> None:
        raise grpc.aio.InternalError


async def test_a_response_that_grpc_does_not_take_is_no_fault_of_ours(caplog: pytest.LogCaptureFixture) -> None:
    call = EndedCall()
    with pytest.raises(asyncio.CancelledError):
        await _abort(cast("Any", call), cast("Any", None), grpc.aio.InternalError())
    assert call.codes == ["CANCELLED"]
    assert [each for each in caplog.records if each.levelno >= logging.WARNING] == []


async def test_an_open_stream_that_is_cut_off_before_its_first_request(caplog: pytest.LogCaptureFixture) -> None:
    async def each(requests: Any, _: object) -> Any:
        async for request in requests:
            yield request

    registrar = OpenRegistrar(cast("Any", None), UndecodableLog())
    handler = registrar._kept("Each", grpc.stream_stream_rpc_method_handler(each, bytes, bytes))
    with pytest.raises(asyncio.CancelledError):
        await cast("Any", handler).stream_stream(None, EndedContext())
    assert [each for each in caplog.records if each.levelno >= logging.WARNING] == []
