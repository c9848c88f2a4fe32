"""Requests to everything that the HTTP port has: RPCs over Connect and gRPC-Web, the REST contract, the page."""

import base64
import gzip
import json
import struct
from typing import Any, Final, NamedTuple
from urllib.parse import quote, urlencode

from google.protobuf.json_format import MessageToDict, SerializeToJsonError

from ringback.web.connect.application import PREFIXES
from ringback.web.rest.contract import CALLBACKS_PATH, FIELDS, KEY_PARAMETERS, LIST_PARAMETERS, REASON, SERVICES_PATH
from tests.fuzz.dice import Dice
from tests.fuzz.known import LearntTexts
from tests.fuzz.messages import SERVICES, Maker
from tests.fuzz.rpcs import OURS, Rpc
from tests.fuzz.server import ALL, authorization
from tests.fuzz.yaml_mutations import mutated_tree

_METHODS: Final = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "QUERY", "BREW", "get", "TRACE")
_PAGES: Final = (
    *("/", "/ui", "/ui/queues", "/ui/assets/", "/ui/assets/../x", "/healthz", "/metrics", "/openapi.json", "/session"),
    *(
        "//",
        "/%",
        "/%00",
        "/%2e%2e/",
        "/v1.0",
        "/v1.0/",
        "/ui/%ff",
        "/.env",
        "*",
        "/session/",
        "/healthz?x=%ff",
        "/?" + "a&" * 90,
    ),
)
_UNARY: Final = ("application/json", "application/proto")
_STREAM: Final = ("application/connect+json", "application/connect+proto")
_WEB: Final = ("application/grpc-web", "application/grpc-web+proto", "application/grpc-web+json")
_ODD_TYPES: Final = (
    "",
    "text/plain",
    "application/json; charset=utf-16",
    "application/json;",
    "x",
    "multipart/form-data",
)
# Headers that something in the server reads, with what it may not expect.
_ODD_HEADERS: Final = (
    *(("connect-protocol-version", "2"), ("connect-timeout-ms", "-1"), ("connect-timeout-ms", "9" * 30)),
    *(("connect-timeout-ms", "x"), ("grpc-timeout", "1x"), ("content-encoding", "br"), ("content-encoding", "gzip")),
    *(("accept-encoding", "gzip;q=x, *;q=0"), ("accept", "text/html;q=0"), ("accept", ",;,"), ("host", "evil.example")),
    *(
        ("host", ""),
        ("host", "[::1"),
        ("origin", "null"),
        ("origin", "https://evil.example"),
        ("cookie", "a=b; =; ringback"),
    ),
    *(
        ("cookie", "__Host-ringback=" + "x" * 3000),
        ("if-none-match", 'W/"'),
        ("range", "bytes=0-"),
        ("expect", "100-continue"),
    ),
    *(("x-request-id", "x" * 65), ("traceparent", "00-zz"), ("upgrade", "h2c"), ("connection", "upgrade"), ("te", "x")),
    *(("sec-fetch-site", "cross-site"), ("access-control-request-method", "POST"), ("content-language", "\xff")),
)
_BOMB: Final = gzip.compress(bytes(40 * 1024 * 1024))


class WebRequest(NamedTuple):
    """One request, before it is written."""

    kind: str
    method: str
    path: str
    headers: dict[str, str]
    body: bytes = b""
    # Its response may go on for ever.
    lasts: bool = False

    def written(self) -> bytes:
        headers = {"host": "localhost", **self.headers, "content-length": str(len(self.body))}
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        return f"{self.method} {self.path} HTTP/1.1\r\n{lines}\r\n".encode("latin-1", errors="replace") + self.body

    @property
    def is_rpc(self) -> bool:
        return self.path.startswith(PREFIXES)


def web_request(dice: Dice, known: LearntTexts) -> WebRequest:
    """Return a request of any kind."""
    made = dice.choice((_unary, _unary, _stream, _rest, _rest, _page))(dice, known)
    headers = dict(made.headers)
    if (credentials := authorization(dice)) is not None:
        headers["authorization"] = credentials
    if dice.chance(0.15):
        name, value = dice.choice(_ODD_HEADERS)
        headers[name] = value
    if dice.chance(0.05):
        headers["content-type"] = dice.choice(_ODD_TYPES)
    method = dice.choice(_METHODS) if dice.chance(0.05) else made.method
    return made._replace(headers=headers, method=method)


# --- RPCs ------------------------------------------------------------------------------------------------------------


def _unary(dice: Dice, known: LearntTexts) -> WebRequest:
    rpc = dice.choice([each for each in OURS if not each.method.server_streaming])
    media_type = dice.choice(_UNARY)
    body = _message(rpc, dice, known, is_json=media_type.endswith("json"))
    headers = {"content-type": media_type}
    if dice.chance(0.1):
        headers["content-encoding"] = "gzip"
        body = _BOMB if dice.chance(0.03) else gzip.compress(body)
        body = dice.mutated(body) if dice.chance(0.3) else body
    path = rpc.path + dice.hostile_path() if dice.chance(0.03) else rpc.path
    return WebRequest(f"connect {rpc.name}", "POST", path, headers, body)


def _stream(dice: Dice, known: LearntTexts) -> WebRequest:
    """Return a request in an envelope: that of a stream, or any over gRPC-Web."""
    media_type = dice.choice(_STREAM + _WEB)
    is_web = media_type in _WEB
    rpc = dice.choice([each for each in OURS if is_web or each.method.server_streaming])
    message = _message(rpc, dice, known, is_json=media_type.endswith("json"))
    flag = dice.choice((0, 0, 0, 0, 1, 2, 3, 128, 255))
    length = dice.choice((0, len(message) + 1, 2**32 - 1)) if dice.chance(0.1) else len(message)
    body = struct.pack(">BI", flag, length) + message
    if dice.chance(0.15):
        body = dice.choice((body + body, body[:4], b"", dice.mutated(body)))
    kind = f"{'gRPC-Web' if is_web else 'connect'} {rpc.name}"
    return WebRequest(kind, "POST", rpc.path, {"content-type": media_type}, body, rpc.method.server_streaming)


def _message(rpc: Rpc, dice: Dice, known: LearntTexts, *, is_json: bool) -> bytes:
    message = Maker(dice, known).make(rpc.method.input_type)
    if rpc.name == "LeaseCallbacks":
        message.ClearField("wait_duration")
        message.wait_duration.SetInParent()  # type: ignore[attr-defined]
    if not is_json:
        data = message.SerializeToString()
    else:
        try:
            tree: Any = MessageToDict(message, preserving_proto_field_name=dice.chance(0.5))
        except SerializeToJsonError:  # a time that JSON has no text for
            tree = {"filter": {"dueAfter": dice.hostile_text()}}
        data = _json(mutated_tree(tree, dice) if dice.chance(0.3) else tree, dice)
    return dice.mutated(data) if dice.chance(0.15) else data


def _json(tree: Any, dice: Dice) -> bytes:
    return json.dumps(tree, default=str, ensure_ascii=dice.chance(0.5)).encode(errors="surrogatepass")


# --- REST ------------------------------------------------------------------------------------------------------------


def _rest(dice: Dice, known: LearntTexts) -> WebRequest:
    ids = [*known.of("callback_id"), "123e4567-e89b-12d3-a456-426614174000"]
    path = dice.choice((SERVICES_PATH, CALLBACKS_PATH, CALLBACKS_PATH, f"{CALLBACKS_PATH}/{dice.choice(ids)}"))
    if dice.chance(0.05):
        path += dice.hostile_path()
    creates = path == CALLBACKS_PATH and dice.chance(0.8)
    method = "POST" if creates else dice.choice(("GET", "GET", "DELETE", "POST", "PUT"))
    if method != "POST" or dice.chance(0.1):
        path += f"?{_query(dice)}" if dice.chance(0.7) else ""
    tree: Any = {field.name: field.example for field in FIELDS if field.required or dice.chance(0.2)}
    tree = {name: value for name, value in tree.items() if name != "ServiceId"}
    tree |= {"ServiceSip": dice.choice(SERVICES), "Target": f"tel:+4178555{dice.randrange(10_000):04}"}
    for _ in range(dice.choice((0, 0, 1, 2))):
        tree = mutated_tree(tree, dice)
    body = _json(tree, dice) if method in ("POST", "PUT") else b""
    body = dice.mutated(body) if body and dice.chance(0.15) else body
    route = path.partition("?")[0].split("/")[2]
    kind = f"REST {method} {route if route.isalpha() else 'elsewhere'}"
    return WebRequest(kind, method, path, {"content-type": "application/json"} if body else {}, body)


def _query(dice: Dice) -> str:
    parameters = [*KEY_PARAMETERS, *LIST_PARAMETERS, REASON]
    pairs = [
        (
            dice.choice(parameters).name if dice.chance(0.95) else dice.hostile_text(),
            dice.choice(("1", "crm", "task-1", "QUEUED")) if dice.chance(0.5) else dice.hostile_text()[:300],
        )
        for _ in range(dice.choice((1, 1, 2, 3)))
    ]
    query = urlencode(pairs, errors="replace")
    return query + dice.choice(("&", "=", "%", "%ff", "&&=", "+")) if dice.chance(0.1) else query


# --- Page ------------------------------------------------------------------------------------------------------------


def _page(dice: Dice, _: LearntTexts) -> WebRequest:
    path = dice.choice(_PAGES)
    if dice.chance(0.2):
        path += dice.hostile_path()
    if path == "/session" and dice.chance(0.7):
        tree: Any = {"token": ALL if dice.chance(0.6) else dice.hostile_text()}
        body = _json(mutated_tree(tree, dice) if dice.chance(0.3) else tree, dice)
        return WebRequest("POST /session", "POST", path, {"content-type": "application/json"}, body)
    method = dice.choice(("GET", "GET", "GET", "DELETE", "POST"))
    headers = {}
    if dice.chance(0.2):
        headers["cookie"] = f"ringback={quote(base64.b64encode(dice.randbytes(40)).decode())}"
    return WebRequest(f"{method} page", method, path, headers)
