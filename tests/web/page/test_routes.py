"""The page over HTTP: its document, its files, and what lies beside them."""

from collections.abc import AsyncIterator
from dataclasses import replace
from gzip import compress, decompress

import pytest

from ringback.app import App
from ringback.config import Listen, Settings
from ringback.web.page.assets import Asset, Assets, Representation
from tests.world.http_client import HttpResponse, connected
from tests.world.identities import RULES

_SCRIPT = b"begin()"


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Return settings with identities: the page is there before anybody has signed in."""
    return replace(settings, http=Listen("127.0.0.1", 0), access=RULES)


@pytest.fixture
async def port(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[int]:
    main = Asset(
        content_type="text/javascript; charset=utf-8",
        cache_control="public, max-age=31536000, immutable",
        plain=Representation(body=_SCRIPT, etag='"1"'),
        gzipped=Representation(body=compress(_SCRIPT), etag='"1-gzip"'),
    )
    assets = Assets(document=Assets.read().document, by_name={"main-1.js": main})
    monkeypatch.setattr(Assets, "read", lambda: assets)
    async with await App.start(settings) as app:
        yield int(app.edges.web_address.rpartition(":")[2])


async def request(port: int, path: str, method: str = "GET", **headers: str) -> HttpResponse:
    async with connected(port) as client:
        return await client.request(method, path, headers={name.replace("_", "-"): of for name, of in headers.items()})


async def test_the_root_leads_to_the_queues(port: int) -> None:
    response = await request(port, "/")
    assert (response.status, response.headers["location"]) == (307, "/ui/queues")
    assert response.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    "path",
    [
        "/ui",
        "/ui/",
        "/ui/queues?wall=1",
        "/ui/callbacks/019a7847-5d38-7c3a-9d55-2f6b8e40a1d7",
        "/ui/tasks/crm/a%2Fb%2e%2e",
        "/ui/there-is-no-such-view",
    ],
)
async def test_every_view_has_the_same_document(port: int, path: str) -> None:
    response = await request(port, path)
    assert response.status == 200
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    assert response.headers["cache-control"] == "no-cache"
    assert response.body == Assets.read().document.plain.body
    policy = response.headers["content-security-policy"]
    assert "script-src 'self'" in policy
    assert "unsafe" not in policy


async def test_a_file_is_kept_for_ever(port: int) -> None:
    response = await request(port, "/ui/assets/main-1.js")
    assert (response.status, response.body) == (200, _SCRIPT)
    assert response.headers["content-type"] == "text/javascript; charset=utf-8"
    assert response.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert response.headers["etag"] == '"1"'
    assert response.headers["x-content-type-options"] == "nosniff"
    assert response.headers["vary"] == "accept-encoding, origin"


async def test_it_is_compressed_for_who_takes_that(port: int) -> None:
    response = await request(port, "/ui/assets/main-1.js", accept_encoding="gzip, br")
    assert decompress(response.body) == _SCRIPT
    assert response.headers["content-encoding"] == "gzip"
    assert response.headers["etag"] == '"1-gzip"'
    assert response.headers["vary"] == "accept-encoding, origin"


async def test_what_the_browser_has_is_not_sent_again(port: int) -> None:
    document = await request(port, "/ui/queues")
    again = await request(port, "/ui/queues", if_none_match=document.headers["etag"])
    assert (again.status, again.body) == (304, b"")
    assert again.headers["etag"] == document.headers["etag"]
    assert again.headers["cache-control"] == "no-cache"
    other = await request(port, "/ui/queues", if_none_match=document.headers["etag"], accept_encoding="gzip")
    assert other.status == 200


@pytest.mark.parametrize("path", ["/ui/queues", "/ui/assets/main-1.js", "/"])
async def test_a_head_has_no_body(port: int, path: str) -> None:
    got, head = await request(port, path), await request(port, path, "HEAD")
    assert (head.status, head.body) == (got.status, b"")
    assert head.headers["content-length"] == got.headers["content-length"]
    assert head.headers.get("etag") == got.headers.get("etag")


@pytest.mark.parametrize(
    "path",
    [
        "/ui/assets/",
        "/ui/assets/main-2.js",
        "/ui/assets/index.html",
        "/ui/assets/main-1.js.gz",
        "/ui/assets/main-1.js/",
        "/ui/assets/../assets/main-1.js",
        "/ui/assets/..%2f..%2froutes.py",
        "/ui/assets/%2e%2e/%2e%2e/routes.py",
        "/ui/assets//etc/passwd",
        "/ui/assets/main-1.js%00",
    ],
)
async def test_there_is_nothing_else_among_the_files(port: int, path: str) -> None:
    """A 404 that a browser kept would outlive the release that has the file."""
    response = await request(port, path)
    assert response.status == 404
    assert response.headers["cache-control"] == "no-store"
    assert response.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("path", ["/ui/queues", "/ui/assets/main-1.js", "/"])
async def test_the_page_is_read_only(port: int, path: str) -> None:
    response = await request(port, path, "DELETE")
    assert (response.status, response.headers["allow"]) == (405, "GET, HEAD")


async def test_another_host_gets_no_page(port: int) -> None:
    assert (await request(port, "/ui/queues", host="attacker.example")).status == 421
