"""The HTTP port with requests of all kinds: each gets a response in the form of its protocol, and none is a bug."""

import asyncio
import json
import re
import struct
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, Final, Self

from ringback.web.problems import MEDIA_TYPE
from ringback.web.rest.contract import CALLBACKS_PATH
from tests.fuzz.dice import Dice, dice_of
from tests.fuzz.known import LearntTexts
from tests.fuzz.server import Fuzzed
from tests.fuzz.stored import StoredByCallers
from tests.fuzz.tally import FuzzTally
from tests.fuzz.verdicts import READS, REASONS
from tests.fuzz.web_requests import WebRequest, web_request
from tests.world.http_client import HttpResponse, RawConnection

_PATIENCE_S: Final = 30.0
# What a healthy server may say that begins with 5: what it does not speak.
_NOT_SPOKEN: Final = frozenset({501, 505})
_CONTINUE: Final = 100
_REFUSED: Final = 400
_BUGS: Final = frozenset({"internal", "unknown", "data_loss", "unavailable"})
_STATUS_LINE: Final = re.compile(rb"HTTP/1\.[01] ([0-9]{3}) ")
_WEB_STATUS: Final = re.compile(rb"grpc-status: *([0-9]+)")
_BAD_WEB_STATUSES: Final = frozenset({b"2", b"13", b"14", b"15"})
_END_OF_STREAM, _TRAILERS = 2, 128
# What is wrong with an envelope the protocols call internal, on whichever side it is.
_OF_PROTOCOL: Final = "protocol error"
_OF_PROTOCOL_IN_TRAILERS: Final = b"grpc-message: protocol%20error"
_PROBLEM: Final = frozenset({"type", "title", "status", "reason", "violations"})


class WebFuzz:
    """One client, which makes one request after the other over connections that it keeps as long as it can."""

    def __init__(self, server: Fuzzed, seed: int) -> None:
        self.tally: Final = FuzzTally("web", seed)
        self._server = server
        self._seed = seed
        self._known = LearntTexts()
        self._stored = StoredByCallers(server.database)
        self._connection: RawConnection | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self._stored.close()
        self._drop()

    async def step(self, number: int) -> None:
        dice = dice_of(self._seed, "web", number)
        asked = web_request(dice, self._known)
        before = self._stored.mark()
        if dice.chance(0.2) and not asked.lasts:
            data = _spoilt(asked, dice)
            kind, status, fault = "bytes", *await self._end_of_bytes(data)
            await self._server.settle()
            shown: object = data
        else:
            kind, shown = asked.kind, asked.written()
            status, fault = await self._end_of(asked)
            if not fault and (status >= _REFUSED or _is_read(asked)) and self._stored.mark() != before:
                fault = f"ended as {status}, and {before} became {self._stored.mark()}"
        self.tally.note(kind, str(status or "closed"), refused=status >= _REFUSED)
        if fault:
            self.tally.find(number, f"{kind} {fault}", shown)

    async def _end_of(self, asked: WebRequest) -> tuple[int, str]:
        """Make the request; return the status of its response, and what is wrong with it."""
        connection = self._connection or await self._connect()
        try:
            # Without a wait: a server may refuse what it has not read.
            connection.writer.write(asked.written())
            if asked.lasts:
                return await self._beginning_of(connection)
            response = await connection.response(has_body=asked.method != "HEAD")
            if response.status == _CONTINUE:
                response = await connection.response(has_body=asked.method != "HEAD")
        except TimeoutError:
            self._drop()
            return 0, "has no response"
        except (asyncio.IncompleteReadError, ConnectionError):
            self._drop()
            return 0, "has the connection ended without a response"
        if (
            response.headers.get("connection", "") == "close"
            or asked.headers.get("connection")
            or response.status == 101
        ):
            self._drop()
        if asked.path.startswith(CALLBACKS_PATH) and response.status < _REFUSED:
            self._learn(response)
        return response.status, "" if asked.method == "HEAD" else fault_of(asked, response)

    async def _beginning_of(self, connection: RawConnection) -> tuple[int, str]:
        """Return the status of a response that may go on for ever, and what is wrong with what it begins with."""
        async with asyncio.timeout(_PATIENCE_S):
            data = await connection.reader.read(65_536)
        self._drop()
        found = _STATUS_LINE.match(data)
        if found is None:
            return 0, f"has a response that is not HTTP: {data[:80]!r}" if data else "has no response"
        status = int(found[1])
        return status, _fault_of_stream(data.partition(b"\r\n\r\n")[2]) or _fault_of_status(status)

    async def _end_of_bytes(self, data: bytes) -> tuple[int, str]:
        """Send bytes and nothing more; return the last status that came, and what is wrong with the responses."""
        reader, writer = await self._open()
        received = b""
        try:
            async with asyncio.timeout(_PATIENCE_S):
                with suppress(OSError):
                    writer.write(data)
                    writer.write_eof()
                    while chunk := await reader.read(65_536):
                        received = (received + chunk)[:1_000_000]
        except TimeoutError:
            return 0, "has a connection that does not end"
        finally:
            writer.transport.abort()
        statuses = [int(found) for found in _STATUS_LINE.findall(received)]
        if received and not _STATUS_LINE.match(received):
            return 0, f"has a response that is not HTTP: {received[:80]!r}"
        bad = next((fault for status in statuses if (fault := _fault_of_status(status))), "")
        return (statuses[-1] if statuses else 0), bad

    def _learn(self, response: HttpResponse) -> None:
        for found in re.findall(rb'"Id": ?"([0-9a-f-]{36})"', response.body)[:5]:
            self._known.note("callback_id", found.decode())

    async def _connect(self) -> RawConnection:
        self._connection = RawConnection(*await self._open())
        return self._connection

    async def _open(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        host, _, port = self._server.http_address.rpartition(":")
        return await asyncio.open_connection(host, int(port))

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.writer.transport.abort()
            self._connection = None


def fault_of(asked: WebRequest, response: HttpResponse) -> str:
    """Return what is wrong with a response; "" for nothing."""
    if fault := _fault_of_status(response.status):
        return f"{fault}: {response.body[:300]!r}"
    if response.status < _REFUSED:
        return _fault_of_stream(response.body) if "grpc-web" in response.headers.get("content-type", "") else ""
    try:
        body: Any = json.loads(response.body)
    except ValueError:
        return f"ended as {response.status} with a body that is no JSON: {response.body[:200]!r}"
    if response.headers.get("content-type") == MEDIA_TYPE:
        is_whole = isinstance(body, dict) and body.keys() >= _PROBLEM and body["status"] == response.status
        return "" if is_whole else f"ended as {response.status} with half a problem: {response.body[:200]!r}"
    if asked.is_rpc and isinstance(body, dict) and "code" in body:
        return _fault_of_error(body)
    return f"ended as {response.status} in a form of its own: {response.body[:200]!r}"


def _fault_of_status(status: int) -> str:
    return f"ended as {status}" if status >= 500 and status not in _NOT_SPOKEN else ""


def _fault_of_error(error: dict[str, Any]) -> str:
    """Return what is wrong with an error of Connect."""
    is_of_protocol = error.get("message", "").startswith(_OF_PROTOCOL) and "details" not in error
    if error["code"] in _BUGS and not is_of_protocol:
        return f"ended as {error}"
    reasons = [detail["debug"]["reason"] for detail in error.get("details", ()) if "reason" in detail.get("debug", {})]
    return f"ended with the reason {reasons}" if not REASONS.issuperset(reasons) else ""


def _fault_of_stream(data: bytes) -> str:
    """Return what is wrong with the end of a stream, as far as that has come."""
    for flag, message in _enveloped(_unchunked(data)):
        if flag == _END_OF_STREAM:
            with suppress(ValueError):
                error = json.loads(message).get("error")
                return _fault_of_error(error) if error else ""
        if flag & _TRAILERS and (found := _WEB_STATUS.search(message)) and found[1] in _BAD_WEB_STATUSES:
            return "" if _OF_PROTOCOL_IN_TRAILERS in message else f"ended as {message!r}"
    return ""


def _unchunked(data: bytes) -> bytes:
    """Return what is in the chunks of a body, if it has such."""
    whole = b""
    while (found := re.match(rb"([0-9a-fA-F]+)\r\n", data)) is not None:
        size = int(found[1], 16)
        whole += data[found.end() : found.end() + size]
        data = data[found.end() + size + 2 :]
    return whole or data


def _enveloped(data: bytes) -> Iterator[tuple[int, bytes]]:
    while len(data) >= 5:
        flag, length = struct.unpack(">BI", data[:5])
        yield flag, data[5 : 5 + length]
        data = data[5 + length :]


def _is_read(asked: WebRequest) -> bool:
    """Whether the request changes nothing, whatever comes of it."""
    if asked.is_rpc:
        return asked.path.rpartition("/")[2].startswith(READS)
    return asked.method in ("GET", "HEAD", "OPTIONS")


def _spoilt(asked: WebRequest, dice: Dice) -> bytes:
    """Return bytes that are nearly a request, or several at once."""
    data = asked.written()
    head, _, body = data.partition(b"\r\n\r\n")
    match dice.randrange(4):
        case 0:
            chunk = f"{len(body):x}".encode()
            size = dice.choice((chunk, b"-1", b"0", b"ffffffffffffffffff", b"x", chunk + b";a=b", b""))
            lines = b"\r\n".join(line for line in head.split(b"\r\n") if not line.startswith(b"content-length"))
            end = dice.choice((b"\r\n0\r\n\r\n", b"\r\n0\r\nx: y\r\n\r\n", b"", b"0"))
            return lines + b"\r\ntransfer-encoding: chunked\r\n\r\n" + size + b"\r\n" + body + end
        case 1:
            return data * dice.randint(2, 5)
        case 2:
            return dice.mutated(head) + b"\r\n\r\n" + body
        case _:
            return dice.mutated(data)
