"""The paths of the contract: each method passes the way in, and every refusal is a problem document."""

import asyncio
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Final

from starlette.requests import Request
from starlette.routing import BaseRoute, Route
from starlette.types import Receive, Scope, Send

from ringback.entry.way_in import Entered, WayIn
from ringback.web.body import BodyTooLarge, ClientGone, UnsupportedEncoding, read_body
from ringback.web.peer import credentials_of, is_serial
from ringback.web.rest.calls import Answer, Received, RestCall, RestCalls
from ringback.web.rest.contract import CALLBACK_PATH, CALLBACKS_PATH, OPENAPI_PATH, ROOT_PATH, SERVICES_PATH
from ringback.web.rest.negotiation import JSON, is_json, takes_json
from ringback.web.rest.openapi import openapi
from ringback.web.rest.problems import MEDIA_TYPE, Problem, http_problem, problem_of
from ringback.web.rest.queries import Query
from ringback.web.rest.responses import write_json
from ringback.wire.handlers.callbacks import CallbacksHandlers
from ringback.wire.handlers.directory import DirectoryHandlers

# After decompression.
MAX_BODY_BYTES: Final = 1024 * 1024


def rest_routes(way_in: WayIn, callbacks: CallbacksHandlers, directory: DirectoryHandlers) -> Sequence[BaseRoute]:
    calls = RestCalls(callbacks, directory)
    document = write_json(openapi())
    return [
        Route(SERVICES_PATH, _Resource(way_in, calls.of_services)),
        Route(CALLBACKS_PATH, _Resource(way_in, calls.of_callbacks)),
        Route(CALLBACK_PATH, _Resource(way_in, calls.of_callback)),
        Route(f"{ROOT_PATH}{{path:path}}", _Nothing()),
        Route(OPENAPI_PATH, _Document(document)),
    ]


class _Refused(Exception):  # noqa: N818 - it is what happens, and no error
    """HTTP itself refuses the request."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.detail)
        self.problem = problem


class _Resource:
    """What is at one path."""

    def __init__(self, way_in: WayIn, operations: Mapping[str, RestCall]) -> None:
        self._way_in = way_in
        self._operations = operations

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        # HEAD is GET without the content.
        method = "GET" if scope["method"] == "HEAD" else scope["method"]
        operation = self._operations.get(method)
        if operation is None:
            await _send_problem(scope, send, _not_allowed(self._operations))
            return
        query = Query(scope["query_string"])
        call = self._way_in.begin(operation.rpc(query), "rest", credentials_of(scope), serial=is_serial(scope))
        try:
            answer = await _answer(call, operation, query, Request(scope, receive))
        except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001 - nothing of it may get to the client
            await _refuse(call, error, scope, send)
        else:
            call.end()
            await _send(scope, send, answer.status, JSON, write_json(answer.value), answer.headers)


class _Nothing:
    """What is at all other paths of the contract."""

    async def __call__(self, scope: Scope, _: Receive, send: Send) -> None:
        await _send_problem(scope, send, http_problem(HTTPStatus.NOT_FOUND, "there is nothing under this path"))


class _Document:
    """The OpenAPI document, which is no secret."""

    def __init__(self, document: bytes) -> None:
        self._document = document

    async def __call__(self, scope: Scope, _: Receive, send: Send) -> None:
        if scope["method"] in ("GET", "HEAD"):
            await _send(scope, send, HTTPStatus.OK, JSON, self._document, {})
        else:
            await _send_problem(scope, send, _not_allowed(["GET"]))


async def _answer(call: Entered, operation: RestCall, query: Query, request: Request) -> Answer:
    # Who calls comes first: no other refusal tells anything to those who are not let in.
    await call.admit()
    if not takes_json(request.headers.raw):
        raise _Refused(http_problem(HTTPStatus.NOT_ACCEPTABLE, "answers are application/json"))
    body = b""
    if operation.has_body:
        if not is_json(request.headers.raw):
            detail = "the content has to be application/json in UTF-8"
            raise _Refused(http_problem(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, detail, {"Accept": JSON}))
        body = await read_body(request.receive, request.headers.raw, MAX_BODY_BYTES)
    received = Received(query, body, request.path_params.get("Id", ""))
    return await call.serve(lambda caller, _: operation.behave(caller, received))


async def _refuse(call: Entered, error: BaseException, scope: Scope, send: Send) -> None:
    try:
        problem = _problem(call.refusal(error))
    except asyncio.CancelledError:
        call.end("CANCELLED")
        raise
    call.end(problem.code)
    await _send_problem(scope, send, problem)


def _problem(error: Exception) -> Problem:
    match error:
        case _Refused():
            return error.problem
        case BodyTooLarge():
            detail = f"the content is longer than {MAX_BODY_BYTES} bytes"
            return http_problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, detail)
        case UnsupportedEncoding():
            detail = "the content can be encoded by gzip or deflate, and not otherwise"
            return http_problem(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, detail, {"Accept-Encoding": "gzip, deflate"})
        case ClientGone():
            return http_problem(HTTPStatus.REQUEST_TIMEOUT, "the content did not come in time")
        case _:
            return problem_of(error)


def _not_allowed(methods: Sequence[str] | Mapping[str, RestCall]) -> Problem:
    allowed = ", ".join([*methods, *(["HEAD"] if "GET" in methods else [])])
    return http_problem(HTTPStatus.METHOD_NOT_ALLOWED, f"the methods of this path are {allowed}", {"Allow": allowed})


async def _send_problem(scope: Scope, send: Send, problem: Problem) -> None:
    await _send(scope, send, problem.status, MEDIA_TYPE, problem.body(), problem.headers)


async def _send(
    scope: Scope, send: Send, status: HTTPStatus, media_type: str, body: bytes, headers: Mapping[str, str]
) -> None:
    sent = {"Content-Type": media_type, "Content-Length": str(len(body)), **headers}
    raw = [(name.lower().encode(), value.encode()) for name, value in sent.items()]
    await send({"type": "http.response.start", "status": status.value, "headers": raw})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})
