"""An ASGI application without a server: one request to it, and what comes back."""

from collections.abc import MutableMapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
from starlette.types import ASGIApp


@dataclass
class AsgiResponse:
    """What an application has sent."""

    status: int = 0
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes = b""

    def all(self, name: str) -> list[str]:
        return [value for each, value in self.headers if each == name]

    def __getitem__(self, name: str) -> str:
        """Return the value of a header that stands once."""
        [value] = self.all(name)
        return value

    @property
    def json(self) -> Any:
        return msgspec.json.decode(self.body)


async def requested(
    app: ASGIApp,
    method: str = "GET",
    path: str = "/",
    headers: Sequence[tuple[str, str]] = (("Host", "localhost:8080"),),
    *,
    body: bytes = b"",
    **scope: Any,
) -> AsgiResponse:
    """Send a request to the application; return what it responds with."""
    response = AsgiResponse()
    incoming: list[MutableMapping[str, Any]] = [
        {"type": "http.request", "body": body, "more_body": False},
        {"type": "http.disconnect"},
    ]

    async def receive() -> MutableMapping[str, Any]:
        return incoming.pop(0)

    async def send(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            response.status = message["status"]
            response.headers = [(name.decode(), value.decode()) for name, value in message["headers"]]
        elif message["type"] == "http.response.body":
            response.body += message.get("body", b"")

    usual = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [(name.lower().encode(), value.encode("latin-1")) for name, value in headers],
        "client": ("127.0.0.1", 50000),
        "server": ("127.0.0.1", 8080),
        "state": {},
        "extensions": {},
    }
    await app(usual | scope, receive, send)
    names = [name for name, _ in response.headers if name != "set-cookie"]
    # Of most headers a browser takes two for none.
    assert len(names) == len(set(names)), response.headers
    return response
