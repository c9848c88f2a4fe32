"""Calls of the REST contract, as any HTTP client makes them."""

import asyncio
import http.client
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.message import Message
from typing import Any
from urllib.parse import quote, urlencode

SERVICES, CALLBACKS = "/v1.0/services", "/v1.0/callbackrequests"
TYPES = "https://github.com/ringback/ringback/blob/main/docs/rest.md#"
_PATIENCE_S = 20.0


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    headers: Message
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def fields(self) -> list[str]:
        """Return the names of the fields in which something is wrong."""
        return [violation["field"] for violation in self.json["violations"]]

    @property
    def faults(self) -> dict[str, str]:
        return {violation["field"]: violation["description"] for violation in self.json["violations"]}

    def outcome(self) -> tuple[int, str]:
        """Return the status and the reason, after a look at the problem document."""
        assert self.headers["content-type"] == "application/problem+json"
        problem = self.json
        assert problem["status"] == self.status
        assert problem["title"]
        assert problem["type"] in ("about:blank", f"{TYPES}{problem['reason'].lower()}")
        return self.status, problem["reason"]


@dataclass
class Rest:
    """A client of one server, with the token of one identity."""

    port: int
    token: str = ""
    # Of a request that is as usual.
    service_id: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)

    async def call(
        self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        return await asyncio.to_thread(self._call, method, path, body, headers or {})

    def _call(self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=_PATIENCE_S)
        try:
            authorization = {"Authorization": f"Bearer {self.token}"} if self.token else {}
            connection.request(method, path, body, {**self.headers, **authorization, **headers})
            response = connection.getresponse()
            return Answer(response.status, response.headers, response.read())
        finally:
            connection.close()

    async def get(self, path: str, **query: Any) -> Answer:
        return await self.call("GET", with_query(path, query))

    async def delete(self, path: str, **query: Any) -> Answer:
        return await self.call("DELETE", with_query(path, query))

    async def post(self, request: Any) -> Answer:
        body = request if isinstance(request, bytes) else json.dumps(request).encode()
        return await self.call("POST", CALLBACKS, body, {"Content-Type": "application/json"})

    def request(self, **fields: Any) -> dict[str, Any]:
        """Return a valid request with these fields; one that is `...` is left out."""
        usual = {
            "Target": "tel:+41785556677",
            "SecondsBetweenRetries": 60,
            "ServiceId": self.service_id,
            "Priority": "Normal",
        }
        return {name: value for name, value in (usual | fields).items() if value is not ...}

    async def create(self, **fields: Any) -> Answer:
        return await self.post(self.request(**fields))


def at(callback_id: str) -> str:
    return f"{CALLBACKS}/{quote(callback_id, safe='')}"


def with_query(path: str, query: Mapping[str, Any]) -> str:
    return f"{path}?{urlencode(query, doseq=True)}" if query else path
