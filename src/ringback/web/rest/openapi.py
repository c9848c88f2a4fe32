"""The OpenAPI 3.1 document, made of the same tables by which requests are read and answers written."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final

from ringback import __version__
from ringback.v1.error_reason_pb2 import ErrorReason
from ringback.web.rest.contract import (
    CALLBACK_PATH,
    CALLBACKS_PATH,
    EXTERNAL_TASK_ID,
    FIELDS,
    KEY_PARAMETERS,
    LIST_PARAMETERS,
    PAGE_SIZE,
    PRIORITIES,
    REASON,
    SERVICE_ID,
    SERVICES_PATH,
    STATE,
    STATES,
    Field,
    FieldKind,
    Parameter,
)
from ringback.web.rest.negotiation import JSON
from ringback.web.rest.problems import HTTP_REASONS, MEDIA_TYPE, title_of, type_of
from ringback.web.rest.responses import ATTEMPT_MEMBERS, CALLBACK_MEMBERS, SERVICE_MEMBERS, Member

Schema = Mapping[str, Any]

_GUID: Final = {"type": "string", "format": "uuid"}
_REASONS: Final = sorted(
    {*HTTP_REASONS.values()} | {name.removeprefix("ERROR_REASON_") for name, number in ErrorReason.items() if number}
)
# What every call may be refused with, whatever it is.
_COMMON: Final = (400, 401, 403, 406, 421, 429, 431, 500, 503)
_MEANINGS: Final[Mapping[int, tuple[str, str]]] = {
    400: ("INVALID_FIELD", "Something is wrong with the request: all of it is named, and nothing was stored."),
    401: ("CREDENTIALS_INVALID", "There are no credentials, or none that are valid."),
    403: ("NOT_ALLOWED", "The credentials do not allow this, whether it exists or not."),
    404: ("CALLBACK_NOT_FOUND", "There is no such callback or service, or none that the credentials show."),
    406: ("NOT_ACCEPTABLE", "The client does not take JSON."),
    408: ("REQUEST_TIMEOUT", "The content did not come in time."),
    409: ("CALLBACK_ENDED", "What is there is not as the request requires it."),
    413: ("CONTENT_TOO_LARGE", "The content is longer than 1 MiB, after decompression."),
    415: ("UNSUPPORTED_MEDIA_TYPE", "The content is not JSON in UTF-8, or in an encoding that is not known."),
    421: ("MISDIRECTED_REQUEST", "The request is for another host."),
    429: ("RATE_LIMITED", "Too many requests, or too many open callbacks."),
    431: ("REQUEST_HEADER_FIELDS_TOO_LARGE", "The path with its query, or the headers, are longer than 16 KiB."),
    500: ("INTERNAL", "A fault of the server. The log has more under `ErrorId`."),
    503: ("STORAGE_UNAVAILABLE", "The server stops, or its database cannot be reached. Try again."),
}
_HEADERS: Final[Mapping[int, Mapping[str, Schema]]] = {
    401: {"WWW-Authenticate": {"description": "How to authenticate.", "schema": {"type": "string"}}},
    429: {"Retry-After": {"description": "After how many seconds.", "schema": {"type": "integer", "minimum": 1}}},
    503: {"Retry-After": {"description": "After how many seconds.", "schema": {"type": "integer", "minimum": 1}}},
}


def openapi() -> Schema:
    """Return the document."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Ringback: callback requests",
            "version": __version__,
            "description": "Callback requests of a contact centre: create, read, cancel. docs/rest.md says more.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        # A server without identities takes calls without credentials.
        "security": [{"bearer": []}, {"certificate": []}, {}],
        "tags": [
            {"name": "callbacks", "description": "Callback requests, and what becomes of them."},
            {"name": "services", "description": "On whose behalf calls are made."},
        ],
        "paths": {
            SERVICES_PATH: {"get": _list_services()},
            CALLBACKS_PATH: {"get": _find(), "post": _create(), "delete": _cancel_by_key()},
            CALLBACK_PATH: {"parameters": [_id()], "get": _get(), "delete": _cancel()},
        },
        "components": {
            "schemas": {
                "CallbackRequest": _request_schema(),
                "Callback": _object(CALLBACK_MEMBERS),
                "Attempt": _object(ATTEMPT_MEMBERS),
                "CallbackPage": _page_schema(),
                "Service": _object(SERVICE_MEMBERS),
                "Problem": _problem_schema(),
            },
            "responses": {str(status): _problem_response(status) for status in _MEANINGS},
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer", "description": "A token of the access file, or a JWT."},
                "certificate": {"type": "mutualTLS", "description": "A client certificate."},
            },
        },
    }


# --- Calls ---------------------------------------------------------------------------------------------------------


def _list_services() -> Schema:
    schema = {"type": "array", "items": _ref("Service")}
    answer = _answer("The services that the credentials show.", schema, [_example(SERVICE_MEMBERS)])
    return _operation("listServices", "services", "All services", {200: answer})


def _create() -> Schema:
    example = {field.name: field.example for field in FIELDS if field.name not in ("AlternativeTarget", "ServiceSip")}
    created = _callback_answer("The callback was created.")
    location = {"description": "Its path.", "schema": {"type": "string"}}
    return _operation(
        "createCallback",
        "callbacks",
        "Request a callback",
        {
            200: _callback_answer("The same request was there already: this is what became of it."),
            201: {**created, "headers": {"Location": location}},
        },
        404,
        408,
        409,
        413,
        415,
    ) | {
        "requestBody": {
            "required": True,
            "content": {JSON: {"schema": _ref("CallbackRequest"), "examples": {"usual": {"value": example}}}},
        }
    }


def _find() -> Schema:
    schema = {"oneOf": [_ref("Callback"), _ref("CallbackPage")]}
    page = {"Items": [_example(CALLBACK_MEMBERS)], "NextPageToken": None}
    return _operation(
        "findCallbacks",
        "callbacks",
        "With ExternalTaskId the one callback that it names; without it a page of callbacks, the newest first. "
        "The parameters of the two do not go together.",
        {200: _answer("One callback, or a page.", schema, page)},
        404,
    ) | {"parameters": [_parameter(parameter) for parameter in (*KEY_PARAMETERS, *LIST_PARAMETERS)]}


def _cancel_by_key() -> Schema:
    return _operation("cancelCallbackByTask", "callbacks", "Cancel by ExternalTaskId", _cancelled(), 404, 409, 415) | {
        "parameters": [_parameter(each, required=each is EXTERNAL_TASK_ID) for each in (*KEY_PARAMETERS, REASON)]
    }


def _get() -> Schema:
    return _operation("getCallback", "callbacks", "One callback", {200: _callback_answer("The callback.")}, 404)


def _cancel() -> Schema:
    operation = _operation("cancelCallback", "callbacks", "Cancel", _cancelled(), 404, 409, 415)
    return operation | {"parameters": [_parameter(REASON)]}


def _cancelled() -> Mapping[int, Schema]:
    text = "It is cancelled, or will be once its call has been hung up; to cancel twice is no error."
    return {200: _callback_answer(text)}


def _operation(name: str, tag: str, summary: str, answers: Mapping[int, Schema], *refusals: int) -> dict[str, Any]:
    problems = {str(status): {"$ref": f"#/components/responses/{status}"} for status in sorted({*_COMMON, *refusals})}
    return {
        "operationId": name,
        "tags": [tag],
        "summary": summary,
        "responses": {str(status): answer for status, answer in answers.items()} | problems,
    }


def _id() -> Schema:
    return {"name": "Id", "in": "path", "required": True, "description": "Names the callback.", "schema": _GUID}


def _parameter(parameter: Parameter, *, required: bool = False) -> Schema:
    described: dict[str, Any] = {
        "name": parameter.name,
        "in": "query",
        "required": required,
        "description": parameter.meaning,
        "schema": _parameter_schema(parameter, required=required),
    }
    return described | ({"style": "form", "explode": True} if parameter.many else {})


def _parameter_schema(parameter: Parameter, *, required: bool) -> Schema:
    if parameter is SERVICE_ID:
        return {"type": "array", "items": _GUID}
    if parameter is STATE:
        return {"type": "array", "items": {"type": "string", "enum": list(STATES)}}
    if parameter is PAGE_SIZE:
        return {"type": "integer", "format": "int32", "minimum": 0, "maximum": 2**31 - 1}
    schema: dict[str, Any] = {"type": "string"}
    if parameter.limit:
        schema["maxLength"] = parameter.limit
    if required:
        schema["minLength"] = 1
    return schema


# --- Answers -------------------------------------------------------------------------------------------------------


def _callback_answer(text: str) -> dict[str, Any]:
    return _answer(text, _ref("Callback"), _example(CALLBACK_MEMBERS))


def _answer(text: str, schema: Schema, example: Any) -> dict[str, Any]:
    return {"description": text, "content": {JSON: {"schema": schema, "examples": {"usual": {"value": example}}}}}


def _problem_response(status: int) -> Schema:
    reason, text = _MEANINGS[status]
    example = {
        "type": type_of(reason),
        "title": title_of(reason),
        "status": status,
        "detail": "Target: is required" if status == HTTPStatus.BAD_REQUEST else text,
        "reason": reason,
        "violations": [{"field": "Target", "description": "is required"}] if status == HTTPStatus.BAD_REQUEST else [],
    }
    content = {MEDIA_TYPE: {"schema": _ref("Problem"), "examples": {"usual": {"value": example}}}}
    return {"description": text, "content": content} | ({"headers": _HEADERS[status]} if status in _HEADERS else {})


def _example(members: Sequence[Member]) -> Schema:
    return {member.name: member.example for member in members}


# --- Schemas -------------------------------------------------------------------------------------------------------


def _ref(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def _request_schema() -> Schema:
    return {
        "type": "object",
        "additionalProperties": False,
        "properties": {field.name: _field_schema(field) for field in FIELDS},
        "required": [field.name for field in FIELDS if field.required],
        "anyOf": [{"required": ["ServiceId"]}, {"required": ["ServiceSip"]}],
    }


def _field_schema(field: Field) -> Schema:
    schema: dict[str, Any] = {"type": "string" if field.required else ["string", "null"]}
    if field.kind is FieldKind.INTEGER:
        schema = {"type": "integer" if field.required else ["integer", "null"], "minimum": 0, "maximum": field.limit}
    elif field.kind is FieldKind.PRIORITY:
        schema["enum"] = list(PRIORITIES)
    elif field.kind is FieldKind.TEXT and field.limit:
        schema["maxLength"] = field.limit
    return schema | {"description": field.meaning, "examples": [field.example]}


def _object(members: Sequence[Member]) -> Schema:
    """Return the schema of an answer: every member is there, and others may come with later versions."""
    return {
        "type": "object",
        "properties": {member.name: _member_schema(member) for member in members},
        "required": [member.name for member in members],
    }


def _member_schema(member: Member) -> Schema:
    if member.kind == "attempts":
        return {"type": "array", "items": _ref("Attempt"), "description": member.meaning}
    kind = "integer" if member.kind == "integer" else "string"
    schema: dict[str, Any] = {"type": [kind, "null"] if member.optional else kind}
    if member.kind in _FORMATS:
        schema["format"] = _FORMATS[member.kind]
    if member.words:
        schema["enum"] = [*member.words, *([None] if member.optional else [])]
    return schema | {"description": member.meaning}


_FORMATS: Final[Mapping[str, str]] = {"date": "date-time", "guid": "uuid"}


def _page_schema() -> Schema:
    token = {"type": ["string", "null"], "description": "`PageToken` of the next page; null at the end."}
    return {
        "type": "object",
        "properties": {"Items": {"type": "array", "items": _ref("Callback")}, "NextPageToken": token},
        "required": ["Items", "NextPageToken"],
    }


def _problem_schema() -> Schema:
    violation = {
        "type": "object",
        "properties": {
            "field": {"type": "string", "description": "A field or parameter, or `body`, or `query`."},
            "description": {"type": "string"},
        },
        "required": ["field", "description"],
    }
    return {
        "type": "object",
        "description": "RFC 9457. Further members depend on the reason, as docs/rest.md says.",
        "properties": {
            "type": {"type": "string", "format": "uri"},
            "title": {"type": "string"},
            "status": {"type": "integer"},
            "detail": {"type": "string"},
            "reason": {"type": "string", "enum": _REASONS},
            "violations": {"type": "array", "items": violation},
        },
        "required": ["type", "title", "status", "reason", "violations"],
    }
