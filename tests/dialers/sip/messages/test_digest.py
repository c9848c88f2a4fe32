"""Digest: the vectors of the RFCs, and when a client must not try again."""

import hashlib
from itertools import count

import pytest

from ringback.dialers.sip.messages.digest import MAX_REALMS, MAX_ROUNDS, DigestClient, SipCredentials
from ringback.dialers.sip.messages.message import Headers, Request, Response, cseq

CREDENTIALS = SipCredentials("alice", "secret")
OWN = '"7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v"'
RFC_7616 = f'Digest realm="http-auth@example.org", nonce={OWN}, opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"'


def request(method: str = "INVITE", uri: str = "sip:b@x", body: bytes = b"", number: int = 1) -> Request:
    return Request(method, uri, Headers([("Via", "SIP/2.0/UDP x"), ("CSeq", f"{number} {method}")]), body)


def challenged(*challenges: str, status: int = 401) -> Response:
    name = "WWW-Authenticate" if status == 401 else "Proxy-Authenticate"
    return Response(status, "", Headers([(name, challenge) for challenge in challenges]))


def client(credentials: SipCredentials | None = CREDENTIALS, cnonce: str = "0a4f113b") -> DigestClient:
    return DigestClient(credentials, lambda: cnonce)


def answered(digest: DigestClient, again: Request, response: Response) -> Request:
    found = digest.answer(again, response)
    assert found is not None
    return found


def part(request: Request, name: str, header: str = "Authorization") -> str:
    """Return one parameter of the credentials of a request, without quotes."""
    value = request.headers.get(header)
    assert value is not None
    scheme, _, params = value.partition(" ")
    assert scheme == "Digest"
    return next(text.partition("=")[2].strip('"') for text in params.split(", ") if text.startswith(f"{name}="))


@pytest.mark.parametrize(
    ("credentials", "cnonce", "method", "uri", "body", "challenge", "response"),
    [
        # RFC 2617 section 3.5
        (
            SipCredentials("Mufasa", "Circle Of Life"),
            "0a4f113b",
            "GET",
            "/dir/index.html",
            b"",
            'Digest realm="testrealm@host.com", qop="auth,auth-int", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093"',
            "6629fae49393a05397450978507c4ef1",
        ),
        # RFC 2069 section 2.4, with the erratum 749
        (
            SipCredentials("Mufasa", "CircleOfLife"),
            "",
            "GET",
            "/dir/index.html",
            b"",
            'Digest realm="testrealm@host.com", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093"',
            "1949323746fe6a43ef61f9606e7febea",
        ),
        # RFC 7616 section 3.9.1
        (
            SipCredentials("Mufasa", "Circle of Life"),
            "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
            "GET",
            "/dir/index.html",
            b"",
            f'{RFC_7616}, qop="auth, auth-int", algorithm=SHA-256',
            "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1",
        ),
        (
            SipCredentials("Mufasa", "Circle of Life"),
            "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
            "GET",
            "/dir/index.html",
            b"",
            f'{RFC_7616}, qop="auth, auth-int", algorithm=MD5',
            "8ca523f5e9506fed4657c9700eebdbec",
        ),
    ],
)
def test_vectors(
    credentials: SipCredentials, cnonce: str, method: str, uri: str, body: bytes, challenge: str, response: str
) -> None:
    digest = client(credentials, cnonce)
    found = answered(digest, request(method, uri, body), challenged(challenge))
    assert part(found, "response") == response


def md5(text: str) -> str:
    return hashlib.md5(text.encode("utf-8", "surrogateescape")).hexdigest()


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def test_sessions_hash_the_nonces_too() -> None:
    found = answered(client(), request(), challenged('Digest realm="r",nonce="n",algorithm=SHA-256-sess,qop="auth"'))
    a1 = sha256(f"{sha256('alice:r:secret')}:n:0a4f113b")
    assert part(found, "response") == sha256(f"{a1}:n:00000001:0a4f113b:auth:{sha256('INVITE:sip:b@x')}")
    assert part(found, "algorithm") == "SHA-256-sess"
    found = answered(client(), request(), challenged('Digest realm="r",nonce="n",algorithm=MD5-sess'))
    a1 = md5(f"{md5('alice:r:secret')}:n:0a4f113b")
    assert part(found, "response") == md5(f"{a1}:n:{md5('INVITE:sip:b@x')}")
    assert part(found, "cnonce") == "0a4f113b"


def test_the_body_is_hashed_only_where_nothing_else_is_allowed() -> None:
    found = answered(client(), request(body=b"v=0"), challenged('Digest realm="r", nonce="n", qop="auth-int"'))
    a2 = md5(f"INVITE:sip:b@x:{md5('v=0')}")
    assert part(found, "response") == md5(f"{md5('alice:r:secret')}:n:00000001:0a4f113b:auth-int:{a2}")
    found = answered(client(), request(body=b"v=0"), challenged('Digest realm="r", nonce="n", qop="auth-int, auth"'))
    assert part(found, "qop") == "auth"


@pytest.mark.parametrize(
    ("challenge", "realm"),
    [
        ('Digest realm="a, b",nonce="n",qop="auth,auth-int"', "a, b"),
        ('Digest realm="say \\"hi\\", x",nonce="n"', 'say \\"hi\\", x'),
        ('digest  NONCE = "n" ,\tRealm = "r" , , stale=FALSE', "r"),
        ('Digest nonce="n",realm="r",algorithm="MD5",qop=auth,domain="sip:x y",x', "r"),
        ('Digest realm="", nonce="n", qop=""', ""),
        ('Basic realm="b", nonce="x", Digest realm="r", nonce="n"', "r"),
        ('NTLM, Digest realm="r", nonce="n"', "r"),
        ('Digest realm="first", nonce="n", Digest realm="first", nonce="m"', "first"),
        ('Digest realm="Zürich", nonce="n', "Zürich"),
        ('Digest realm="Z\udcfcrich", nonce="n"', "Z\udcfcrich"),
    ],
)
def test_challenges_of_real_peers(challenge: str, realm: str) -> None:
    found = answered(client(), request(), challenged(challenge))
    value = found.headers.get("Authorization")
    assert value is not None
    assert f', realm="{realm}", nonce="n", ' in value
    count = part(found, "nc") + ":0a4f113b:auth:" if "qop=auth" in value else ""
    assert part(found, "response") == md5(f"{md5(f'alice:{realm}:secret')}:n:{count}{md5('INVITE:sip:b@x')}")


@pytest.mark.parametrize(
    "challenge",
    [
        'Basic realm="r"',
        'Digest realm="r"',
        'Digest nonce="n"',
        'Digest realm="r", nonce=""',
        'Digest realm="r", nonce="n", algorithm=SHA-512-256',
        'Digest realm="r", nonce="n", qop="auth-conf"',
        "Digest",
        "",
        ",,,=,",
    ],
)
def test_what_cannot_be_answered(challenge: str) -> None:
    assert client().answer(request(), challenged(challenge)) is None


def test_without_credentials_nothing_is_answered() -> None:
    again = request()
    assert client(None).answer(again, challenged('Digest realm="r", nonce="n"')) is None
    client(None).authorize(again)
    assert "Authorization" not in again.headers


def test_the_request_comes_again_as_a_new_transaction() -> None:
    first = request(body=b"v=0", number=4)
    found = answered(client(), first, challenged('Digest realm="r", nonce="n", opaque="o"'))
    assert (found.method, found.uri, found.body) == ("INVITE", "sip:b@x", b"v=0")
    assert (cseq(found).number, found.headers.get("Via"), part(found, "opaque")) == (5, None, "o")
    assert first.headers.items() == [("Via", "SIP/2.0/UDP x"), ("CSeq", "4 INVITE")]


def test_a_wrong_password_is_tried_once() -> None:
    digest = client()
    again = answered(digest, request(), challenged('Digest realm="r", nonce="1"'))
    assert digest.answer(again, challenged('Digest realm="r", nonce="2"')) is None


def test_a_stale_nonce_is_replaced() -> None:
    digest = client()
    again = answered(digest, request(), challenged('Digest realm="r", nonce="1", qop="auth"'))
    again = answered(digest, again, challenged('Digest realm="r", nonce="2", qop="auth", stale=true'))
    assert (part(again, "nonce"), part(again, "nc"), cseq(again).number) == ("2", "00000001", 3)


def test_nonces_that_are_always_stale_end() -> None:
    digest, again, nonces = client(), request(), count()
    for _ in range(MAX_ROUNDS):
        again = answered(digest, again, challenged(f'Digest realm="r", nonce="{next(nonces)}", stale=true'))
    assert digest.answer(again, challenged('Digest realm="r", nonce="last", stale=true')) is None


def test_requests_under_way_at_the_same_time_end_each_by_itself() -> None:
    """The dialog numbers them, so that their CSeqs are not those that the client has given."""
    digest, nonces, seqs = client(), count(), count(100)
    requests: list[Request | None] = [request("BYE", number=1), request("OPTIONS", number=2)]
    for _ in range(MAX_ROUNDS + 1):
        for place, again in enumerate(requests):
            if again is None:
                continue
            found = digest.answer(again, challenged(f'Digest realm="r", nonce="{next(nonces)}", stale=true'))
            if found is not None:
                found.headers.set("CSeq", f"{next(seqs)} {found.method}")
            requests[place] = found
    assert requests == [None, None]


def test_a_challenge_of_another_request_says_nothing_about_the_password() -> None:
    """Both were sent before there was a nonce, and the server has one for each."""
    digest = client()
    first, second = request("INVITE", number=1), request("INFO", number=2)
    one = answered(digest, first, challenged('Digest realm="r", nonce="1"'))
    two = answered(digest, second, challenged('Digest realm="r", nonce="2"'))
    assert (part(one, "nonce"), part(two, "nonce")) == ("1", "2")
    assert digest.answer(two, challenged('Digest realm="r", nonce="3"')) is None
    assert digest.answer(one, challenged('Digest realm="r", nonce="4"')) is None


def test_a_proxy_whose_nonces_are_good_once() -> None:
    digest = client()
    again = answered(digest, request(), challenged('Digest realm="p", nonce="p1"', status=407))
    again = answered(digest, again, challenged('Digest realm="s", nonce="s1"'))
    again = answered(digest, again, challenged('Digest realm="p", nonce="p2"', status=407))
    assert (part(again, "nonce", "Proxy-Authorization"), part(again, "nonce")) == ("p2", "s1")
    assert digest.answer(again, challenged('Digest realm="p", nonce="p3"', status=407)) is None


def test_later_requests_use_the_nonce_and_count() -> None:
    digest = client()
    answered(digest, request(), challenged('Digest realm="r", nonce="1", qop=auth'))
    for number in (2, 3):
        later = request("BYE", number=number)
        digest.authorize(later)
        assert (part(later, "nonce"), part(later, "nc")) == ("1", f"{number:08x}")
        expected = f"{md5('alice:r:secret')}:1:{number:08x}:0a4f113b:auth:{md5('BYE:sip:b@x')}"
        assert part(later, "response") == md5(expected)
    # It has expired meanwhile, and the server does not say that it is stale.
    again = answered(digest, later, challenged('Digest realm="r", nonce="2", qop=auth'))
    assert (part(again, "nonce"), part(again, "nc")) == ("2", "00000001")
    assert digest.answer(again, challenged('Digest realm="r", nonce="3", qop=auth')) is None


def test_a_proxy_and_the_server_behind_it() -> None:
    digest = client()
    again = answered(digest, request(), challenged('Digest realm="proxy", nonce="p", qop=auth', status=407))
    again = answered(digest, again, challenged('Digest realm="server", nonce="s", qop=auth'))
    assert (part(again, "realm", "Proxy-Authorization"), part(again, "nc", "Proxy-Authorization")) == (
        "proxy",
        "00000002",
    )
    assert (part(again, "realm"), part(again, "nc")) == ("server", "00000001")
    assert digest.answer(again, challenged('Digest realm="server", nonce="s2", qop=auth')) is None


def test_each_realm_of_a_response_gets_its_answer() -> None:
    response = Response(
        407,
        "",
        Headers(
            [
                ("Proxy-Authenticate", 'Digest realm="a", nonce="1"'),
                ("Proxy-Authenticate", 'Digest realm="b", nonce="2"'),
                ("WWW-Authenticate", 'Digest realm="c", nonce="3"'),
            ]
        ),
    )
    found = answered(client(), request(), response)
    realms = [line.split('realm="')[1][0] for line in found.headers.lines("Proxy-Authorization")]
    assert (realms, part(found, "realm")) == (["a", "b"], "c")
    only_b = answered(client(SipCredentials("alice", "secret", "b")), request(), response)
    assert part(only_b, "realm", "Proxy-Authorization") == "b"
    assert "Authorization" not in only_b.headers
    assert client(SipCredentials("alice", "secret", "d")).answer(request(), response) is None


def test_of_one_realm_the_first_usable_challenge_counts() -> None:
    first, second = 'Digest realm="r", nonce="1", algorithm=SHA-256', 'Digest realm="r", nonce="2", algorithm=MD5'
    unknown = 'Digest realm="r", nonce="0", algorithm=SHA-512-256'
    assert part(answered(client(), request(), challenged(unknown, first, second)), "algorithm") == "SHA-256"
    assert part(answered(client(), request(), challenged(second, first)), "algorithm") == "MD5"


def test_realms_are_bounded() -> None:
    digest = client()
    found = answered(digest, request(), challenged(*(f'Digest realm="{n}", nonce="n"' for n in range(100))))
    assert len(found.headers.lines("Authorization")) == MAX_REALMS
    found = answered(digest, found, challenged(*(f'Digest realm="x{n}", nonce="n"' for n in range(100))))
    assert len(found.headers.lines("Authorization")) == MAX_REALMS


def test_a_password_is_never_shown() -> None:
    assert "secret" not in repr(CREDENTIALS)
    found = answered(client(), request(), challenged('Digest realm="r", nonce="n"'))
    assert "secret" not in str(found.headers.items())
