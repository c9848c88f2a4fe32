"""Which hosts this server answers to: its own, by each name and address that it has, and no other."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringback.web.door.authority import Authority
from ringback.web.door.head import Head, Malformed
from ringback.web.door.hosts import OwnHosts, UnknownHost

HOSTS = OwnHosts(
    "192.0.2.7",
    allowed=["desk.example", "*.cc.example", "2001:db8::9"],
    certified=lambda: ("Ringback.example", "*.sites.example", "198.51.100.4"),
)


def head(*hosts: str | bytes, server: str | None = "10.1.2.3") -> Head:
    values = tuple(each if isinstance(each, bytes) else each.encode("latin-1") for each in hosts)
    return Head(method="GET", path="/", scheme="http", headers={b"host": values} if values else {}, server=server)


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "LOCALHOST:8080",
        "localhost.",
        "localhost.:8080",
        "localhost:",
        "app.localhost:3000",
        "127.0.0.1:8080",
        "127.9.9.9",
        "[::1]:8080",
        "[0:0:0:0:0:0:0:1]",
        "[::ffff:127.0.0.1]",
        "192.0.2.7:8080",
        "desk.example",
        "Desk.Example.:443",
        "one.cc.example",
        "[2001:DB8::9]:8080",
        "ringback.example",
        "berne.sites.example:8443",
        "198.51.100.4",
        # The address to which the request came.
        "10.1.2.3:8080",
        "[::ffff:10.1.2.3]",
    ],
)
def test_its_own_names_are_answered_to(host: str) -> None:
    HOSTS.check(head(host))


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:8080",
        "localhost.evil.example",
        "notlocalhost",
        "127.0.0.1.evil.example",
        "ringback.example.evil.example",
        "xringback.example",
        "cc.example",
        "two.one.cc.example",
        "sites.example",
        "10.1.2.4:8080",
        "0.0.0.0:8080",
        "[::]",
        "192.0.2.8",
        "[2001:db8::8]",
        "0x7f.example",
        "metadata.google.internal",
    ],
)
def test_other_names_are_not(host: str) -> None:
    with pytest.raises(UnknownHost, match="--http-host"):
        HOSTS.check(head(host))


@pytest.mark.parametrize(
    "hosts",
    [
        (),
        ("",),
        (" ",),
        ("localhost", "localhost"),
        ("localhost", "evil.example"),
        ("evil.example, localhost",),
        ("user@localhost",),
        ("evil.example@localhost:8080",),
        ("localhost:8080:8080",),
        ("localhost:x",),
        ("localhost:65536",),
        ("localhost:-1",),
        ("localhost:8080/x",),
        ("localhost/../evil",),
        ("localhost?x",),
        ("localhost#x",),
        ("local host",),
        ("localhost%2e",),
        ("%6cocalhost",),
        ("localhost..",),
        (".localhost",),
        ("[::1",),
        ("::1",),
        ("[fe80::1%25eth0]",),
        ("[localhost]",),
        ("127.1",),
        ("2130706433",),
        ("0177.0.0.1",),
        ("127.0.0.1.",),
        (b"loc\xe4lhost",),
        ("localhost\t",) * 2,
        ("a" * 256,),
        ("x" * 64 + ".localhost",),
    ],
)
def test_what_is_no_host_is_refused(hosts: tuple[str | bytes, ...]) -> None:
    with pytest.raises(Malformed):
        HOSTS.check(head(*hosts))


def test_who_listens_on_all_addresses_answers_to_the_one_that_was_called() -> None:
    hosts = OwnHosts("0.0.0.0")
    hosts.check(head("10.1.2.3:8080"))
    with pytest.raises(UnknownHost):
        hosts.check(head("10.1.2.3:8080", server="10.9.9.9"))
    # Not all addresses: a socket that does not say to which one it was connected.
    with pytest.raises(UnknownHost):
        hosts.check(head("10.1.2.3", server="0.0.0.0"))
    with pytest.raises(UnknownHost):
        hosts.check(head("10.1.2.3", server=None))


def test_names_follow_the_certificate() -> None:
    names: tuple[str, ...] = ("old.example",)
    hosts = OwnHosts("192.0.2.7", certified=lambda: names)
    hosts.check(head("old.example"))
    names = ("new.example",)
    hosts.check(head("new.example"))
    with pytest.raises(UnknownHost):
        hosts.check(head("old.example"))


@given(st.text(alphabet=st.characters(max_codepoint=255), max_size=80))
def test_no_text_does_more_than_be_refused(text: str) -> None:
    try:
        authority = HOSTS.check(head(text))
    except (Malformed, UnknownHost):
        return
    # What is taken is what a browser would go to.
    assert authority == Authority.parse(text.strip(" \t"))
    assert authority.host.isascii()
