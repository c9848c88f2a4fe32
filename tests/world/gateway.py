"""A gateway of the HTTP dialer, as its operator would write one: with the HTTP of the standard library."""

import asyncio
import hashlib
import hmac
import http.client
import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any, Final
from urllib.parse import urlsplit

SECRET: Final = "a secret of the tests"

# Returns the status with which an order is taken, None to close the connection without one.
Take = Callable[[dict[str, Any]], int | None]


def signature(body: bytes, at_s: float, secret: str = SECRET) -> str:
    digest = hmac.new(secret.encode(), str(int(at_s)).encode() + b"." + body, hashlib.sha256)
    return f"t={int(at_s)},v1={digest.hexdigest()}"


class Gateway:
    """Takes orders, and reports when the test says so."""

    def __init__(self, url: str) -> None:
        self.url = url
        # What becomes of the next orders; an order is taken when there is nothing here.
        self.answers: list[int | None] = []
        self.orders: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        # The trace of each order, None where it came without one.
        self.traces: list[str | None] = []
        self._loop = asyncio.get_running_loop()

    def take(self, body: bytes, header: str) -> int | None:
        assert header == signature(body, int(header[2:].partition(",")[0]))
        self._loop.call_soon_threadsafe(self.orders.put_nowait, json.loads(body))
        return self.answers.pop(0) if self.answers else 202

    async def order(self, kind: str = "call") -> dict[str, Any]:
        async with asyncio.timeout(60):
            order = await self.orders.get()
        assert order["type"] == kind
        return order

    async def report(self, order: dict[str, Any], event: str, **fields: Any) -> int:
        body = json.dumps({"order": order["order"], "event": event, **fields}).encode()
        return await send(order["report_url"], body, {"Ringback-Signature": signature(body, time.time())})


async def send(url: str, body: bytes, headers: dict[str, str], method: str = "POST") -> int:
    return await asyncio.to_thread(_send, url, body, headers, method)


def _send(url: str, body: bytes, headers: dict[str, str], method: str) -> int:
    parts = urlsplit(url)
    assert parts.hostname is not None
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=10)
    try:
        connection.request(method, parts.path, body, headers)
        response = connection.getresponse()
        assert isinstance(json.loads(response.read())["result"], str)
        return response.status
    finally:
        connection.close()


@contextmanager
def running_gateway() -> Iterator[Gateway]:
    gateway: Gateway

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            assert self.headers["content-type"] == "application/json"
            gateway.traces.append(self.headers["traceparent"])
            status = gateway.take(body, self.headers["ringback-signature"])
            if status is not None:
                self.send_response(status)
                self.send_header("content-length", "0")
                self.end_headers()

        def log_message(self, *_: object) -> None:
            """Log nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    gateway = Gateway(f"http://127.0.0.1:{server.server_port}/calls?tenant=7")
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield gateway
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
