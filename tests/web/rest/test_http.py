"""What HTTP asks of the REST contract: methods, media types, sizes, and the headers of refusals."""

import gzip
import json
import zlib
from dataclasses import replace

import pytest

from ringback.app import App
from ringback.application.limits import LimitRules, Limits
from ringback.config import Settings
from ringback.domain.errors import StorageUnavailable
from ringback.web.rest.contract import OPENAPI_PATH
from ringback.web.rest.openapi import openapi
from ringback.web.rest.routes import MAX_BODY_BYTES
from tests.world.api import Api
from tests.world.rest import CALLBACKS, SERVICES, Rest, at

JSON = {"Content-Type": "application/json"}


def body_of(rest: Rest) -> bytes:
    return json.dumps(rest.request()).encode()


async def test_other_methods_are_refused_with_those_that_there_are(rest: Rest) -> None:
    for path, allowed, others in (
        (SERVICES, "GET, HEAD", ("POST", "PUT", "DELETE", "PATCH", "OPTIONS")),
        (CALLBACKS, "GET, POST, DELETE, HEAD", ("PUT", "PATCH")),
        (at("x"), "GET, DELETE, HEAD", ("POST", "PUT", "PATCH")),
        (OPENAPI_PATH, "GET, HEAD", ("POST", "DELETE")),
    ):
        for method in others:
            answers = [await rest.call(method, path, b"{}", JSON)]
            if method != "POST":  # a page of another site could send it
                answers.append(await rest.call(method, path))
            for answer in answers:
                assert answer.outcome() == (405, "METHOD_NOT_ALLOWED")
                assert answer.headers["allow"] == allowed


async def test_head_is_get_without_the_content(rest: Rest) -> None:
    callback = (await rest.create()).json
    for path in (SERVICES, CALLBACKS, at(callback["Id"]), OPENAPI_PATH):
        got, head = await rest.call("GET", path), await rest.call("HEAD", path)
        assert (head.status, head.body) == (200, b"")
        assert head.headers["content-length"] == got.headers["content-length"] == str(len(got.body))
    absent = await rest.call("HEAD", at("x"))
    assert (absent.status, absent.body) == (400, b"")


async def test_there_is_nothing_at_other_paths_of_the_contract(rest: Rest) -> None:
    for path in ("/v1.0/", "/v1.0/x", f"{CALLBACKS}/", f"{at('x')}/y", "/v1.0/Services", f"{SERVICES}/"):
        answer = await rest.call("GET", path)
        assert (path, answer.outcome()) == (path, (404, "NOT_FOUND"))
        assert answer.fields == []


async def test_only_json_is_read(rest: Rest, api: Api) -> None:
    for content_type in (
        "text/plain",
        "text/json",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/json; charset=iso-8859-1",
        "application/merge-patch+json",
        "application/json, application/json",
        "",
    ):
        answer = await rest.call("POST", CALLBACKS, body_of(rest), {"Content-Type": content_type})
        assert (content_type, answer.outcome()) == (content_type, (415, "UNSUPPORTED_MEDIA_TYPE"))
    assert (await rest.call("POST", CALLBACKS, body_of(rest))).outcome() == (415, "UNSUPPORTED_MEDIA_TYPE")
    assert await api.list_all() == []


async def test_a_body_may_be_compressed(rest: Rest) -> None:
    body = body_of(rest)
    for encoding, content in (("gzip", gzip.compress(body)), ("deflate", zlib.compress(body)), ("identity", body)):
        answer = await rest.call("POST", CALLBACKS, content, JSON | {"Content-Encoding": encoding})
        assert (encoding, answer.status) == (encoding, 201)
    for encoding, content in (("br", body), ("gzip", body), ("gzip, gzip", gzip.compress(gzip.compress(body)))):
        answer = await rest.call("POST", CALLBACKS, content, JSON | {"Content-Encoding": encoding})
        assert answer.outcome() == (415, "UNSUPPORTED_MEDIA_TYPE")
        assert answer.headers["accept-encoding"] == "gzip, deflate"


async def test_a_body_is_limited_after_decompression(rest: Rest, api: Api) -> None:
    filler = b" " * (MAX_BODY_BYTES - len(body_of(rest)))
    assert (await rest.post(body_of(rest) + filler)).status == 201
    longer = body_of(rest) + filler + b" "
    bomb = gzip.compress(b" " * (16 * MAX_BODY_BYTES), compresslevel=1)
    for answer in (
        await rest.post(longer),
        await rest.call("POST", CALLBACKS, gzip.compress(longer), JSON | {"Content-Encoding": "gzip"}),
        await rest.call("POST", CALLBACKS, bomb, JSON | {"Content-Encoding": "gzip"}),
    ):
        assert answer.outcome() == (413, "CONTENT_TOO_LARGE")
    assert len(await api.list_all()) == 1


async def test_a_client_that_does_not_take_json_gets_nothing_done(rest: Rest, api: Api) -> None:
    answer = await rest.call("POST", CALLBACKS, body_of(rest), JSON | {"Accept": "application/xml"})
    assert answer.outcome() == (406, "NOT_ACCEPTABLE")
    assert await api.list_all() == []
    for accept in ("application/json", "*/*", "text/html, */*;q=0.1"):
        assert (await rest.call("GET", SERVICES, None, {"Accept": accept})).status == 200


async def test_the_openapi_document_is_served_to_everybody(rest: Rest) -> None:
    answer = await rest.call("GET", OPENAPI_PATH)
    assert answer.headers["content-type"] == "application/json"
    assert answer.json == json.loads(json.dumps(openapi()))


# --- Refusals that say when to come back ----------------------------------------------------------------------------


class TestLimited:
    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        limits = LimitRules(default=Limits(creates_per_s=0.1, open_callbacks=100))
        return replace(settings, limits=limits)

    async def test_too_many_creates_are_told_when_to_come_back(self, rest: Rest) -> None:
        answers = [await rest.create() for _ in range(3)]
        refused = answers[-1]
        assert refused.outcome() == (429, "RATE_LIMITED")
        assert 1 <= int(refused.headers["retry-after"]) <= 10


async def test_a_server_that_drains_says_so(rest: Rest, app: App) -> None:
    app.edges.gate.close()
    answer = await rest.get(SERVICES)
    assert answer.outcome() == (503, "SERVER_DRAINING")
    assert answer.headers["retry-after"] == "1"


async def test_a_database_that_cannot_be_reached_is_told(rest: Rest, app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(*_: object, **__: object) -> None:
        raise StorageUnavailable("the database cannot be reached")

    monkeypatch.setattr(app.store, "create_one", fail)
    answer = await rest.create()
    assert answer.outcome() == (503, "STORAGE_UNAVAILABLE")
    assert answer.headers["retry-after"] == "1"


async def test_a_bug_has_nothing_but_an_id(
    rest: Rest, app: App, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def fail(*_: object) -> None:
        raise RuntimeError("a secret of the inside")

    monkeypatch.setattr(app.store, "get", fail)
    answer = await rest.get(CALLBACKS, ExternalTaskId="t")
    assert answer.outcome() == (500, "INTERNAL")
    assert b"secret" not in answer.body
    assert answer.json["ErrorId"] in caplog.text
    caplog.clear()
