"""Where a request comes from, by what a browser says of it; and what a page of another site could send."""

import pytest

from ringback.web.door.authority import Authority
from ringback.web.door.head import Head, Malformed
from ringback.web.door.origins import Origins, Site, UnsupportedType, WebOrigin, check_type, cookies_count

ORIGINS = Origins(["https://desk.example", "http://localhost:3000"])


def head(method: str = "POST", scheme: str = "http", path: str = "/x", **headers: str | tuple[str, ...]) -> Head:
    gathered = {
        name.replace("_", "-").encode(): tuple(
            each.encode() for each in ((value,) if isinstance(value, str) else value)
        )
        for name, value in headers.items()
    }
    return Head(method=method, path=path, scheme=scheme, headers=gathered)


def site(host: str = "localhost:8080", **head_of: str | tuple[str, ...]) -> Site:
    return ORIGINS.site_of(head(**head_of), Authority.parse(host))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("origin", "host", "scheme", "found"),
    [
        ("http://localhost:8080", "localhost:8080", "http", Site.OWN),
        ("HTTP://localhost:8080", "localhost:8080", "http", Site.FOREIGN),
        ("http://LOCALHOST:8080", "localhost:8080", "http", Site.OWN),
        ("http://ringback.example", "ringback.example", "http", Site.OWN),
        ("http://ringback.example", "ringback.example:80", "http", Site.OWN),
        ("https://ringback.example", "ringback.example", "https", Site.OWN),
        ("https://ringback.example", "ringback.example:443", "https", Site.OWN),
        ("http://[::1]:8080", "[0::1]:8080", "http", Site.OWN),
        # TLS is spoken by something in front of the server.
        ("https://ringback.example", "ringback.example", "http", Site.OWN),
        # Another scheme, port or host is another origin.
        ("http://ringback.example", "ringback.example", "https", Site.FOREIGN),
        ("http://localhost:8081", "localhost:8080", "http", Site.FOREIGN),
        ("http://127.0.0.1:8080", "localhost:8080", "http", Site.FOREIGN),
        ("http://localhost", "localhost:8080", "http", Site.FOREIGN),
        ("https://evil.example", "localhost:8080", "http", Site.FOREIGN),
        ("http://localhost:8080.evil.example", "localhost:8080", "http", Site.FOREIGN),
        ("http://localhost:8080@evil.example", "localhost:8080", "http", Site.FOREIGN),
        ("http://evil.example/http://localhost:8080", "localhost:8080", "http", Site.FOREIGN),
        ("http://localhost:8080/", "localhost:8080", "http", Site.FOREIGN),
        ("http://localhost:8080 http://evil.example", "localhost:8080", "http", Site.FOREIGN),
        ("localhost:8080", "localhost:8080", "http", Site.FOREIGN),
        ("//localhost:8080", "localhost:8080", "http", Site.FOREIGN),
        ("chrome-extension://localhost:8080", "localhost:8080", "http", Site.FOREIGN),
        ("file://", "localhost:8080", "http", Site.FOREIGN),
        ("null", "localhost:8080", "http", Site.FOREIGN),
        ("", "localhost:8080", "http", Site.FOREIGN),
        ("*", "localhost:8080", "http", Site.FOREIGN),
        # Those that are listed, to the letter.
        ("https://desk.example", "localhost:8080", "http", Site.LISTED),
        ("https://desk.example:443", "localhost:8080", "http", Site.FOREIGN),
        ("https://desk.example.", "localhost:8080", "http", Site.FOREIGN),
        ("https://DESK.example", "localhost:8080", "http", Site.FOREIGN),
        ("http://localhost:3000", "localhost:8080", "http", Site.LISTED),
        ("http://desk.example", "localhost:8080", "http", Site.FOREIGN),
        ("https://desk.example:8443", "localhost:8080", "http", Site.FOREIGN),
        ("https://desk.example.evil.example", "localhost:8080", "http", Site.FOREIGN),
        ("https://evildesk.example", "localhost:8080", "http", Site.FOREIGN),
        ("https://x.desk.example", "localhost:8080", "http", Site.FOREIGN),
        ("https://desk.example%00.evil.example", "localhost:8080", "http", Site.FOREIGN),
        ("https://deskXexample", "localhost:8080", "http", Site.FOREIGN),
    ],
)
def test_the_site_of_an_origin(origin: str, host: str, scheme: str, found: Site) -> None:
    assert site(host, origin=origin, scheme=scheme) is found


@pytest.mark.parametrize("path", ["/session", "/session/", "/ui/app.js"])
def test_no_other_site_signs_in(path: str) -> None:
    assert site(origin="https://desk.example", path=path) is Site.FOREIGN
    assert site(origin="http://localhost:8080", path=path) is Site.OWN


@pytest.mark.parametrize(
    ("fetch", "method", "found"),
    [
        ({}, "GET", Site.NO_SITE),
        ({}, "POST", Site.NO_SITE),
        ({"sec_fetch_site": "none"}, "GET", Site.NO_SITE),
        ({"sec_fetch_site": "same-origin"}, "GET", Site.OWN),
        ({"sec_fetch_site": "same-site"}, "GET", Site.FOREIGN),
        ({"sec_fetch_site": "cross-site"}, "GET", Site.FOREIGN),
        ({"sec_fetch_site": "cross-site"}, "POST", Site.FOREIGN),
        ({"sec_fetch_site": "anything"}, "GET", Site.FOREIGN),
        ({"sec_fetch_site": "cross-site", "sec_fetch_mode": "no-cors", "sec_fetch_dest": "image"}, "GET", Site.FOREIGN),
        (
            {"sec_fetch_site": "cross-site", "sec_fetch_mode": "navigate", "sec_fetch_dest": "document"},
            "GET",
            Site.LINK,
        ),
        ({"sec_fetch_site": "same-site", "sec_fetch_mode": "navigate", "sec_fetch_dest": "document"}, "GET", Site.LINK),
        (
            {"sec_fetch_site": "cross-site", "sec_fetch_mode": "navigate", "sec_fetch_dest": "document"},
            "POST",
            Site.FOREIGN,
        ),
        (
            {"sec_fetch_site": "cross-site", "sec_fetch_mode": "navigate", "sec_fetch_dest": "iframe"},
            "GET",
            Site.FOREIGN,
        ),
        (
            {"sec_fetch_site": "cross-site", "sec_fetch_mode": "navigate", "sec_fetch_dest": "embed"},
            "GET",
            Site.FOREIGN,
        ),
    ],
)
def test_the_site_where_no_origin_is_said(fetch: dict[str, str], method: str, found: Site) -> None:
    assert site(method=method, **fetch) is found


def test_what_a_browser_says_twice_has_to_fit() -> None:
    assert site(origin="http://localhost:8080", sec_fetch_site="cross-site") is Site.FOREIGN
    with pytest.raises(Malformed):
        site(origin=("http://localhost:8080", "http://evil.example"))


@pytest.mark.parametrize(
    ("found", "method", "path", "count"),
    [
        (Site.OWN, "POST", "/ringback.v1.CallbacksService/CreateCallback", True),
        (Site.OWN, "GET", "/", True),
        (Site.NO_SITE, "GET", "/", True),
        # Browsers say the origin of each POST.
        (Site.NO_SITE, "POST", "/ringback.v1.CallbacksService/CreateCallback", False),
        (Site.NO_SITE, "DELETE", "/v1.0/callbackrequests/x", False),
        (Site.NO_SITE, "DELETE", "/session", True),
        (Site.LINK, "GET", "/", False),
        (Site.LISTED, "POST", "/ringback.v1.CallbacksService/CreateCallback", False),
        (Site.LISTED, "GET", "/", False),
    ],
)
def test_cookies_count_on_the_own_page_alone(found: Site, method: str, path: str, *, count: bool) -> None:
    assert cookies_count(head(method=method, path=path), found) is count


@pytest.mark.parametrize(
    "content_type",
    [
        "application/json",
        "Application/JSON; charset=utf-8",
        "application/proto",
        "application/connect+json",
        "application/connect+proto",
        "application/grpc-web+proto",
        "application/grpc-web",
        "application/grpc",
    ],
)
def test_data_may_come(content_type: str) -> None:
    check_type(head(content_type=content_type))


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "post", "BREW"])
@pytest.mark.parametrize(
    "content_type",
    [
        "text/plain",
        "text/plain; application/json",
        "text/plain;charset=application/json",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=application/json",
        "text/json",
        "application/json, text/plain",
        "text/plain, application/json",
        "application/json text/plain",
        "application/jsonx",
        "application/xml",
        "*/*",
        "",
        ";application/json",
        ("application/json", "text/plain"),
        ("application/json", "application/json"),
    ],
)
def test_what_a_form_or_a_beacon_sends_does_not(method: str, content_type: str | tuple[str, ...]) -> None:
    with pytest.raises(UnsupportedType):
        check_type(head(method=method, content_type=content_type))


def test_a_body_without_a_type_does_not_come_either() -> None:
    """A fetch of an untyped blob, or a beacon, needs no preflight. All other methods do, whatever they send."""
    with pytest.raises(UnsupportedType):
        check_type(head(method="POST"))
    for method in ("DELETE", "GET", "PUT", "PATCH", "BREW"):
        check_type(head(method=method))


@pytest.mark.parametrize(
    ("text", "as_sent"),
    [
        ("https://desk.example", "https://desk.example"),
        ("https://Desk.Example:443", "https://desk.example"),
        ("http://desk.example:443", "http://desk.example:443"),
        ("http://[2001:DB8::1]:8080", "http://[2001:db8::1]:8080"),
    ],
)
def test_an_origin_is_written_as_browsers_do(text: str, as_sent: str) -> None:
    assert str(WebOrigin.parse(text)) == as_sent


@pytest.mark.parametrize(
    "text",
    [
        "*",
        "null",
        "desk.example",
        "ftp://desk.example",
        "https://",
        "https://desk.example/",
        "https://*.example",
        "https://u@desk.example",
        "https://desk.example?x",
        "https://bücher.example",
        "",
    ],
)
def test_what_is_no_origin_is_not_listed(text: str) -> None:
    with pytest.raises(ValueError, match="is no origin"):
        Origins([text])
