"""TLS on the wire: certificates of clients, and certificates that change while the server runs."""

import asyncio
import os
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import grpc
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from grpc import StatusCode
from msgspec.structs import replace as replaced

from ringback.app import App
from ringback.application.access import Role
from ringback.config import Listen, SettingError, Settings, UnixSocket
from ringback.identity.files import UnusableFileError
from ringback.identity.rules import Identity
from ringback.v1 import callbacks_service_pb2 as pb
from tests.world.api import Api
from tests.world.certificates import DAY, Authority, Issued
from tests.world.command_line import run
from tests.world.secured import CRM, OPS, PBX, Files, bearer, identity, list_services, rules

URI: Final = "spiffe://clients.example/crm"


def _crm(**fields: Any) -> Identity:
    return identity("crm", Role.CALLER, CRM, certificates=frozenset({"crm.clients.example", URI}), **fields)


RULES: Final = rules(_crm(), identity("ops", Role.OPERATOR, OPS, certificates=frozenset({"Ops.Example"})))


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path)


@asynccontextmanager
async def _serving(settings: Settings) -> AsyncIterator[App]:
    async with await App.start(settings) as app:
        yield app


@pytest.fixture
async def mutual(settings: Settings, files: Files) -> AsyncIterator[App]:
    async with _serving(files.settings(settings, mutual=True, access=RULES)) as app:
        yield app


async def _status(files: Files, app: App, certificate: Issued | None, *metadata: Any) -> StatusCode:
    """Make a call on a connection of its own."""
    async with files.channel(app, certificate) as channel:
        return await list_services(channel, *metadata)


# --- Tokens over TLS -------------------------------------------------------------------------------------------------


async def test_tokens_over_tls(settings: Settings, files: Files) -> None:
    async with _serving(files.settings(settings, access=RULES)) as app:
        assert await _status(files, app, None, bearer(CRM)) is StatusCode.OK
        assert await _status(files, app, None, bearer("wrong")) is StatusCode.UNAUTHENTICATED
        async with grpc.aio.insecure_channel(app.address) as channel:
            assert await list_services(channel, bearer(CRM)) is StatusCode.UNAVAILABLE


async def test_a_certificate_that_was_not_requested_is_nothing(settings: Settings, files: Files) -> None:
    async with _serving(files.settings(settings, access=RULES)) as app:
        assert await _status(files, app, files.clients.issue("crm.clients.example")) is StatusCode.UNAUTHENTICATED


async def test_tls_without_identities(settings: Settings, files: Files) -> None:
    async with _serving(files.settings(settings)) as app:
        assert await _status(files, app, None) is StatusCode.OK


# --- Certificates of clients -----------------------------------------------------------------------------------------

ACCEPTED: Final[Mapping[str, Callable[[Authority], Issued]]] = {
    "a DNS name": lambda ca: ca.issue("crm.clients.example"),
    "in upper case": lambda ca: ca.issue("CRM.Clients.Example"),
    "a URI": lambda ca: ca.issue(uris=[URI]),
    "both names of one identity": lambda ca: ca.issue("crm.clients.example", uris=[URI]),
    "among other names": lambda ca: ca.issue("a.example", "crm.clients.example", addresses=["127.0.0.1"]),
    "beside a wildcard": lambda ca: ca.issue("*.clients.example", "crm.clients.example"),
    "whatever the common name": lambda ca: ca.issue("crm.clients.example", common_name="ops.example"),
    "with an authority between": lambda ca: Authority("between", ca).issue("crm.clients.example"),
    "with two authorities between": lambda ca: Authority("b", Authority("a", ca)).issue("crm.clients.example"),
}
REFUSED: Final[Mapping[str, Callable[[Authority], Issued]]] = {
    "the common name only": lambda ca: ca.issue(common_name="crm.clients.example"),
    "the common name, and another name": lambda ca: ca.issue("a.example", common_name="crm.clients.example"),
    "a wildcard": lambda ca: ca.issue("*.clients.example"),
    "all wildcards": lambda ca: ca.issue("*"),
    "an address": lambda ca: ca.issue(addresses=["127.0.0.1"]),
    "the name as URI": lambda ca: ca.issue(uris=["crm.clients.example"]),
    "a longer name": lambda ca: ca.issue("x.crm.clients.example"),
    "a shorter name": lambda ca: ca.issue("clients.example"),
    "a trailing dot": lambda ca: ca.issue("crm.clients.example."),
    "names of two identities": lambda ca: ca.issue("crm.clients.example", "ops.example"),
    "names of two identities, one a URI": lambda ca: ca.issue("ops.example", uris=[URI]),
    "no name": lambda ca: ca.issue(),
}


@pytest.mark.long
@pytest.mark.parametrize("issue", ACCEPTED.values(), ids=ACCEPTED)
async def test_certificates_that_are_accepted(mutual: App, files: Files, issue: Callable[[Authority], Issued]) -> None:
    assert await _status(files, mutual, issue(files.clients)) is StatusCode.OK


@pytest.mark.parametrize("issue", REFUSED.values(), ids=REFUSED)
async def test_certificates_that_are_refused(mutual: App, files: Files, issue: Callable[[Authority], Issued]) -> None:
    assert await _status(files, mutual, issue(files.clients)) is StatusCode.UNAUTHENTICATED


UNTRUSTED: Final[Mapping[str, Callable[[Authority], Issued | None]]] = {
    "none": lambda _: None,
    "of another authority": lambda _: Authority().issue("crm.clients.example"),
    "of an authority of the same name": lambda _: Authority("of clients").issue("crm.clients.example"),
    "that has ended": lambda ca: ca.issue("crm.clients.example", ends=datetime.now(UTC) - timedelta(minutes=1)),
    "that begins tomorrow": lambda ca: ca.issue("crm.clients.example", starts=datetime.now(UTC) + DAY),
}


@pytest.mark.parametrize("issue", UNTRUSTED.values(), ids=UNTRUSTED)
async def test_there_is_no_connection_without_a_valid_certificate(
    mutual: App, files: Files, issue: Callable[[Authority], Issued | None]
) -> None:
    assert await _status(files, mutual, issue(files.clients), bearer(CRM)) is StatusCode.UNAVAILABLE


async def test_a_token_decides_where_there_is_one(mutual: App, files: Files) -> None:
    nobody, crm = files.clients.issue("nobody.example"), files.clients.issue("crm.clients.example")
    assert await _status(files, mutual, nobody, bearer(CRM)) is StatusCode.OK
    assert await _status(files, mutual, crm, bearer(CRM)) is StatusCode.OK
    assert await _status(files, mutual, crm, bearer(PBX)) is StatusCode.UNAUTHENTICATED
    assert await _status(files, mutual, crm, bearer("wrong")) is StatusCode.UNAUTHENTICATED
    assert await _status(files, mutual, crm, bearer(CRM), bearer(CRM)) is StatusCode.UNAUTHENTICATED
    two = files.clients.issue("crm.clients.example", "ops.example")
    assert await _status(files, mutual, two, bearer(CRM)) is StatusCode.UNAUTHENTICATED


async def test_certificates_without_identities(settings: Settings, files: Files) -> None:
    async with _serving(files.settings(settings, mutual=True)) as app:
        assert await _status(files, app, files.clients.issue("any.example")) is StatusCode.OK
        assert await _status(files, app, None) is StatusCode.UNAVAILABLE


# --- Certificates that change ----------------------------------------------------------------------------------------


@asynccontextmanager
async def _under_load(call: Callable[[], Awaitable[StatusCode]]) -> AsyncIterator[list[StatusCode]]:
    """Make calls one after the other meanwhile; yield their statuses, which are complete at the end."""
    statuses: list[StatusCode] = []
    going_on = True

    async def go_on() -> None:
        while going_on:
            statuses.append(await call())

    loads = [asyncio.create_task(go_on()) for _ in range(3)]
    yield statuses
    going_on = False
    await asyncio.gather(*loads)


async def _serial_number(app: App) -> int:
    """Return that of the certificate with which the server begins a connection."""
    _, writer = await asyncio.open_connection("127.0.0.1", app.port, ssl=_any_certificate())
    pem = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    writer.close()
    return x509.load_der_x509_certificate(pem).serial_number


def _any_certificate() -> Any:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_alpn_protocols(["h2"])
    return context


async def test_a_certificate_is_renewed_under_load_without_a_failed_call(settings: Settings, files: Files) -> None:
    async with _serving(files.settings(settings, access=RULES)) as app, files.channel(app) as standing:
        before = await _serial_number(app)
        loads = (
            lambda: list_services(standing, bearer(CRM)),
            lambda: _status(files, app, None, bearer(CRM)),
        )
        async with _under_load(loads[0]) as on_one, _under_load(loads[1]) as on_new:
            for _ in range(5):
                issued = files.write()
                await app.edges.credential_files.look()
                assert await _serial_number(app) == issued.certificate.serial_number != before
        assert {*on_one, *on_new} == {StatusCode.OK}


async def test_the_files_are_looked_at_all_the_time(settings: Settings, files: Files) -> None:
    """Without a signal, and whatever the dates of the files: the copy has the date of the first."""
    async with _serving(files.settings(settings)) as app:
        date = files.cert.stat().st_mtime_ns
        issued = files.write()
        for path in (files.cert, files.key):
            os.utime(path, ns=(date, date))
        async with asyncio.timeout(10):
            while await _serial_number(app) != issued.certificate.serial_number:
                pass


async def test_a_certificate_without_its_key_changes_nothing(
    settings: Settings, files: Files, caplog: pytest.LogCaptureFixture
) -> None:
    """Files are replaced one after the other, in either order."""
    async with _serving(files.settings(settings)) as app:
        for first, second in ((files.cert, files.key), (files.key, files.cert)):
            before, issued = await _serial_number(app), files.authority.issue("localhost")
            contents = {files.cert: issued.chain, files.key: issued.key}
            caplog.clear()
            first.write_bytes(contents[first])
            for _ in range(3):
                await app.edges.credential_files.look()
                assert await _serial_number(app) == before
            told = [record.getMessage() for record in caplog.records if record.levelname == "ERROR"]
            reason = f"{files.key}: is not the key of the certificate in {files.cert}"
            assert told == [f"{reason}; the certificate that the server has stays in use"]
            second.write_bytes(contents[second])
            await app.edges.credential_files.look()
            assert await _serial_number(app) == issued.certificate.serial_number


async def test_files_that_are_just_being_written_are_not_taken(
    mutual: App, files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One certificate of two is there, whole, at that moment."""
    crm = files.clients.issue("crm.clients.example")
    looked = asyncio.Event()
    is_settled = mutual.edges.credential_files._is_settled

    async def written_meanwhile(*args: Any) -> bool:
        files.trust(Authority("new"), files.clients)
        looked.set()
        return await is_settled(*args)

    monkeypatch.setattr(mutual.edges.credential_files, "_is_settled", written_meanwhile)
    files.trust(Authority("new"))
    await mutual.edges.credential_files.look()
    assert looked.is_set()
    assert await _status(files, mutual, crm) is StatusCode.OK
    monkeypatch.undo()
    await mutual.edges.credential_files.look()
    assert await _status(files, mutual, crm) is StatusCode.OK


def _expired(files: Files) -> None:
    """Replace the certificate by one of the same key."""
    key = load_pem_private_key(files.key.read_bytes(), password=None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    ended = files.authority.issue("localhost", ends=datetime.now(UTC) - timedelta(minutes=1), key=key)
    files.cert.write_bytes(ended.chain)


def _replaced(path: Path, make: Callable[[Path], object]) -> None:
    path.unlink()
    make(path)


BAD: Final[Mapping[str, Callable[[Files], object]]] = {
    "empty": lambda files: files.cert.write_bytes(b""),
    "blank": lambda files: files.key.write_bytes(b"\n"),
    "no certificate": lambda files: files.cert.write_bytes(b"-----BEGIN CERTIFICATE-----\nAAAA\n"),
    "no key": lambda files: files.key.write_bytes(files.cert.read_bytes()),
    "gone": lambda files: files.cert.unlink(),
    "expired": _expired,
    "no authorities": lambda files: files.client_ca.write_bytes(b"nothing"),
    "authorities gone": lambda files: files.client_ca.unlink(),
    "authorities cut off": lambda files: files.client_ca.write_bytes(files.clients.pem + Authority("new").pem[:-40]),
    "chain cut off": lambda files: files.cert.write_bytes(files.cert.read_bytes() + files.authority.pem[:200]),
    "a pipe": lambda files: _replaced(files.cert, os.mkfifo),
    "authorities in a pipe": lambda files: _replaced(files.client_ca, os.mkfifo),
    "endless": lambda files: _replaced(files.key, lambda path: path.symlink_to("/dev/zero")),
    "large": lambda files: files.client_ca.write_bytes(files.client_ca.read_bytes() + bytes(2**20)),
}


@pytest.mark.parametrize("spoil", BAD.values(), ids=BAD)
async def test_bad_files_change_nothing_and_are_told_once(
    mutual: App, files: Files, caplog: pytest.LogCaptureFixture, spoil: Callable[[Files], object]
) -> None:
    before, crm = await _serial_number(mutual), files.clients.issue("crm.clients.example")
    spoil(files)
    for _ in range(3):
        await mutual.edges.credential_files.look()
        assert await _serial_number(mutual) == before
    assert await _status(files, mutual, crm) is StatusCode.OK
    told = [record.getMessage() for record in caplog.records if record.levelname == "ERROR"]
    assert len(told) == 1
    assert told[0].endswith("; the certificate with its authorities of clients that the server has stays in use")


@pytest.mark.parametrize(("days", "warned"), [(13, True), (15, False)])
async def test_the_end_of_the_certificate_is_told_two_weeks_before(
    settings: Settings, files: Files, caplog: pytest.LogCaptureFixture, days: int, *, warned: bool
) -> None:
    own = files.settings(settings)
    files.write(files.authority.issue("localhost", ends=datetime.now(UTC) + days * DAY))
    async with _serving(own):
        told = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert [line.startswith("the server's certificate ends on ") for line in told if "database" not in line] == (
        [True] if warned else []
    )


# --- Revoked ---------------------------------------------------------------------------------------------------------


async def test_a_name_that_is_removed_is_refused_under_load(mutual: App, files: Files) -> None:
    """At once, also on the connection that stands; another identity's calls do not notice."""
    crm, ops = files.clients.issue("crm.clients.example"), files.clients.issue("ops.example")
    async with files.channel(mutual, crm) as revoked, files.channel(mutual, ops) as other:
        async with (
            _under_load(lambda: list_services(other)) as undisturbed,
            _under_load(lambda: list_services(revoked)) as statuses,
        ):
            assert await list_services(revoked) is StatusCode.OK
            without = _with_certificate(_crm(), "other.example")
            mutual.edges.authenticator.replace(rules(without, *RULES.identities[:1]))
            assert await list_services(revoked) is StatusCode.UNAUTHENTICATED
            seen = len(statuses)
            await list_services(revoked)
        assert StatusCode.OK not in statuses[seen + 3 :]
        assert set(undisturbed) == {StatusCode.OK}


def _with_certificate(one: Identity, name: str) -> Identity:
    return replaced(one, certificates=frozenset({name}))


async def test_an_authority_that_is_removed_ends_standing_connections(mutual: App, files: Files) -> None:
    successor = Authority("of clients, again")
    old, new = files.clients.issue("crm.clients.example"), successor.issue("crm.clients.example")
    between = Authority("between", files.clients).issue("crm.clients.example")
    async with files.channel(mutual, old) as first, files.channel(mutual, between) as second:
        assert [await list_services(each) for each in (first, second)] == [StatusCode.OK] * 2
        files.trust(files.clients, successor)
        await mutual.edges.credential_files.look()
        assert [await list_services(each) for each in (first, second)] == [StatusCode.OK] * 2
        async with files.channel(mutual, new) as third:
            assert await list_services(third) is StatusCode.OK
            files.trust(successor)
            await mutual.edges.credential_files.look()
            assert [await list_services(each) for each in (first, second)] == [StatusCode.UNAUTHENTICATED] * 2
            assert await list_services(third) is StatusCode.OK
    assert await _status(files, mutual, old) is StatusCode.UNAVAILABLE


async def test_a_certificate_that_ends_is_refused_on_the_connection_that_stands(mutual: App, files: Files) -> None:
    ends = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=3)
    async with files.channel(mutual, files.clients.issue("crm.clients.example", ends=ends)) as channel:
        assert await list_services(channel) is StatusCode.OK
        async with asyncio.timeout(10):
            while await list_services(channel) is StatusCode.OK:
                pass
        assert datetime.now(UTC) > ends


# --- Refused at the start --------------------------------------------------------------------------------------------


def _with_password(files: Files) -> None:
    key = load_pem_private_key(files.key.read_bytes(), password=None)
    files.key.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret")))


def _of_other_type(files: Files) -> None:
    key = ed25519.Ed25519PrivateKey.generate()
    files.key.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))


def _to_be(files: Files) -> None:
    files.write(files.authority.issue("localhost", starts=datetime.now(UTC) + DAY))


UNUSABLE: Final[Mapping[str, tuple[Callable[[Files], object], str]]] = {
    "no such certificate": (lambda files: files.cert.unlink(), r"server\.pem: cannot be read: No such file"),
    "no such key": (lambda files: files.key.unlink(), r"server\.key: cannot be read: No such file"),
    "no such authorities": (lambda files: files.client_ca.unlink(), r"clients\.pem: cannot be read: No such file"),
    "an empty file": (lambda files: files.cert.write_bytes(b""), r"server\.pem: is empty"),
    "a key in its place": (lambda files: files.cert.write_bytes(files.key.read_bytes()), "has no certificate in PEM"),
    "DER": (lambda files: files.cert.write_bytes(b"\x30\x82\x01"), "has no certificate in PEM"),
    "a certificate as key": (lambda files: files.key.write_bytes(files.cert.read_bytes()), "has no private key in PEM"),
    "a key with a password": (_with_password, "is protected by a password"),
    "a key of another type": (_of_other_type, "is no RSA key, and no EC key on P-256 or P-384"),
    "another key": (
        lambda files: files.key.write_bytes(files.authority.issue("localhost").key),
        r"server\.key: is not the key of the certificate in .*server\.pem",
    ),
    "expired": (_expired, "is valid from .* to .* UTC, and not now"),
    "not valid yet": (_to_be, "is valid from .* to .* UTC, and not now"),
    "no authorities": (lambda files: files.client_ca.write_bytes(b"x"), r"clients\.pem: has no certificate in PEM"),
}


@pytest.mark.parametrize(("spoil", "reason"), UNUSABLE.values(), ids=UNUSABLE)
async def test_files_that_cannot_be_used_are_refused_at_the_start(
    settings: Settings, files: Files, spoil: Callable[[Files], object], reason: str
) -> None:
    own = files.settings(settings, mutual=True)
    spoil(files)
    with pytest.raises(UnusableFileError, match=reason):
        await App.start(own)
    assert not own.database.exists()  # type: ignore[union-attr]


async def test_the_command_refuses_them_as_settings(tmp_path: Path, files: Files) -> None:
    files.write()
    files.key.write_bytes(files.authority.issue("localhost").key)
    options = ("--tls-cert", str(files.cert), "--tls-key", str(files.key), "--database", f"sqlite:///{tmp_path}/x.db")
    config = _config(tmp_path)
    served, checked = await asyncio.gather(
        run("serve", "--listen", "127.0.0.1:0", *options), run("config", "check", config, *options)
    )
    assert served == checked == (2, "", f"--tls-key: {files.key}: is not the key of the certificate in {files.cert}\n")


def _config(folder: Path) -> str:
    path = folder / "ringback.yaml"
    path.write_text("dialer: none")
    return str(path)


def _settings(**fields: Any) -> Settings:
    return Settings(**{"listen": Listen("0.0.0.0", 1)} | fields)


CERT, KEY, CA = Path("c.pem"), Path("c.key"), Path("ca.pem")
TOGETHER: Final[Mapping[str, tuple[dict[str, Any], str | None]]] = {
    "nothing": ({}, "there is no TLS.*--insecure"),
    "plain text": ({"insecure": True}, "there are no identities.*--open"),
    "everybody": ({"open": True}, "there is no TLS.*--insecure"),
    "plain text for everybody": ({"insecure": True, "open": True}, None),
    "plain text with identities": ({"insecure": True, "access": RULES}, None),
    "TLS": ({"tls_cert": CERT, "tls_key": KEY}, "there are no identities.*--open"),
    "TLS for clients with certificates": ({"tls_cert": CERT, "tls_key": KEY, "tls_client_ca": CA}, "--open"),
    "TLS for everybody": ({"tls_cert": CERT, "tls_key": KEY, "open": True}, None),
    "TLS with identities": ({"tls_cert": CERT, "tls_key": KEY, "access": RULES}, None),
    "a certificate only": ({"tls_cert": CERT}, "--tls-key"),
    "a key only": ({"tls_key": KEY}, "--tls-cert"),
    "authorities only": ({"tls_client_ca": CA}, "--tls-cert"),
    "loopback": ({"listen": Listen("127.0.0.1", 1)}, None),
    "a socket": ({"listen": UnixSocket(Path("s"))}, None),
    "loopback with half of TLS": ({"listen": Listen("[::1]", 1), "tls_cert": CERT}, "--tls-key"),
}


@pytest.mark.parametrize(("fields", "refusal"), TOGETHER.values(), ids=TOGETHER)
def test_which_settings_go_together(fields: dict[str, Any], refusal: str | None) -> None:
    if refusal is None:
        _settings(**fields)
    else:
        with pytest.raises(SettingError, match=refusal):
            _settings(**fields)


# --- The end of the server -------------------------------------------------------------------------------------------


async def test_a_server_that_speaks_tls_drains_like_any_other(settings: Settings, files: Files) -> None:
    """A watch ends with its last token, and without an error."""
    app = await App.start(files.settings(settings, access=RULES))
    async with files.channel(app) as channel:
        watch: Any = Api.on(channel).callbacks.WatchCallbacks(pb.WatchCallbacksRequest(), metadata=[bearer(CRM)])
        await watch.read()
        stopping = asyncio.create_task(app.stop())
        last = await watch.read()
        assert last.resume_token
        assert await watch.read() is grpc.aio.EOF
        assert await watch.code() is StatusCode.OK
        await stopping
