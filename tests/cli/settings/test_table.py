"""The table of settings: what each takes and refuses, and that nothing else than a refusal comes out."""

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringback.cli.access_file.limits import load_limits
from ringback.cli.access_file.load import load_access
from ringback.cli.dial_rules_file import load_rules
from ringback.cli.settings.table import SETTINGS, of_server
from ringback.cli.yaml_file import FaultyFileError
from ringback.config import Listen, Settings, UnixSocket
from ringback.dialers.http_settings import HttpDialerSettings
from ringback.dialers.sip.settings import SipSettings
from ringback.ports.location import PostgresUrl
from ringback.ports.values import Retention

HERE = Path()
ACCESS = Path(__file__).with_name("access.yaml")
DIAL_RULES = Path(__file__).with_name("dial_rules.yaml")
LIMITS = Path(__file__).with_name("limits.yaml")
TAKEN: Mapping[str, list[tuple[str, Any]]] = {
    "listen": [
        ("h:0", Listen("h", 0)),
        ("[::1]:65535", Listen("[::1]", 65535)),
        ("unix:ringback.sock", UnixSocket(Path("ringback.sock"))),
        ("unix:///run/ringback.sock", UnixSocket(Path("/run/ringback.sock"))),
    ],
    "http": [("h:0", Listen("h", 0)), ("[::1]:8080", Listen("[::1]", 8080))],
    "http_host": [
        (
            "Desk.Example., *.cc.example,192.0.2.7, 2001:DB8::7,[::1]",
            ("desk.example", "*.cc.example", "192.0.2.7", "2001:db8::7", "::1"),
        ),
        ("a.example,a.example", ("a.example",)),
    ],
    "http_origin": [
        ("https://Desk.Example:443, http://localhost:3000", ("https://desk.example", "http://localhost:3000")),
    ],
    "http_session_key": [],
    "http_session_hours": [("0.5", timedelta(minutes=30)), ("7d", timedelta(days=7))],
    "database": [
        ("sqlite:///a.db", Path("a.db")),
        ("sqlite:////a.db", Path("/a.db")),
        ("postgresql://h/db", PostgresUrl("postgresql://h/db")),
    ],
    "dialer": [("none", "none"), ("simulated", "simulated"), ("sip", "sip")],
    "services": [("/dev/null", [])],
    "access": [(str(ACCESS), load_access(ACCESS))],
    "dial_rules": [(str(DIAL_RULES), load_rules(DIAL_RULES))],
    "limits": [(str(LIMITS), load_limits(LIMITS)), ("off", "off")],
    "tls_cert": [("c.pem", Path("c.pem")), ("/etc/c.pem", Path("/etc/c.pem"))],
    "tls_key": [("c.key", Path("c.key"))],
    "tls_client_ca": [("ca.pem", Path("ca.pem"))],
    "open": [("yes", True)],
    "must_exist": [("yes", True), ("no", False)],
    "reflection": [("no", False), ("yes", True)],
    "insecure": [("yes", True), ("TRUE", True), ("1", True), ("off", False), ("0", False), ("No", False)],
    "simulated_ring": [("0", timedelta(0)), (".5", timedelta(seconds=0.5)), ("250ms", timedelta(seconds=0.25))],
    "simulated_talk": [("600", timedelta(minutes=10)), ("1h30m", timedelta(minutes=90)), ("1d", timedelta(days=1))],
    "keep_ended_days": [("0.5", timedelta(hours=12)), ("4w", timedelta(days=28)), ("3660", timedelta(days=3660))],
    "keep_events_hours": [("1", timedelta(hours=1)), ("7d", timedelta(days=7))],
    "lame_duck": [("0", timedelta(0)), ("60", timedelta(minutes=1))],
    "log_level": [("debug", "debug"), ("error", "error")],
    "log_libraries": [("yes", True), ("no", False)],
    "log_format": [("text", "text"), ("json", "json")],
    "traces": [("none", "none"), ("console", "console"), ("otlp", "otlp")],
    "sip_listen": [("h:0", ("h", 0)), ("[::1]:5060", ("::1", 5060))],
    "sip_advertise": [("h", "h"), ("192.0.2.7:5060", "192.0.2.7:5060"), ("[2001:db8::7]", "[2001:db8::7]")],
    "sip_transport": [("tcp", "tcp"), ("udp", "udp"), ("tls", "tls")],
    "sip_proxy": [("sip:SBC.example:5061;transport=TLS;lr", "sip:sbc.example:5061;transport=tls;lr")],
    "sip_service_proxy": [("sips:pbx.example", "sips:pbx.example")],
    "sip_customer_proxy": [("sip:[2001:db8::7]", "sip:[2001:db8::7]")],
    "sip_username": [("ringback", "ringback")],
    "sip_password": [("hush", "hush"), (" h u s h ", " h u s h ")],
    "sip_password_file": [],
    "sip_auth_realm": [("sbc, example", "sbc, example")],
    "sip_tls_ca": [("ca.pem", Path("ca.pem"))],
    "sip_tls_cert": [("c.pem", Path("c.pem"))],
    "sip_tls_key": [("c.key", Path("c.key"))],
    "sip_identity": [("sip:cc@cc.example", "sip:cc@cc.example"), ("tel:+41 44 555 66 77", "tel:+41445556677")],
    "sip_display_name": [("Zürich Rückruf", "Zürich Rückruf")],
    "sip_asserted_identity": [("tel:+41445556677", "tel:+41445556677")],
    "sip_headers": [("{X-Tenant: 7, X-Queue: 'a: b'}", {"X-Tenant": "7", "X-Queue": "a: b"}), ("{}", {})],
    "sip_method": [("refer", "refer"), ("bridge", "bridge")],
    "sip_early_media": [("no", False)],
    "sip_codecs": [("pcmu, PCMA", ("PCMU", "PCMA")), ("opus,telephone-event", ("opus", "telephone-event"))],
    "sip_ring_timeout_service": [("20", timedelta(seconds=20))],
    "sip_max_call_duration": [("2h", timedelta(hours=2))],
    "sip_probe_interval": [("60", timedelta(minutes=1))],
    "sip_options_interval": [("30", timedelta(seconds=30))],
    "sip_max_concurrent_calls": [("1", 1), ("1000", 1000)],
    "sip_calls_per_second": [("0.5", 0.5), ("50", 50.0)],
    "sip_number_format": [("national", "national"), ("e164_no_plus", "e164_no_plus")],
    "sip_register": [("sip:registrar.example", "sip:registrar.example")],
    "sip_register_expires": [("600", timedelta(minutes=10))],
    "sip_trace": [("yes", True)],
    "sip_trace_redact": [("no", False)],
    "sip_drain_timeout": [("0", timedelta(0)), ("5m", timedelta(minutes=5))],
    "http_dialer_url": [("https://gateway.example/calls?tenant=7", "https://gateway.example/calls?tenant=7")],
    "http_dialer_secret_file": [],
    "http_dialer_listen": [("[::1]:0", ("::1", 0))],
    "http_dialer_report_url": [("http://192.0.2.7:8093/", "http://192.0.2.7:8093/")],
    "http_dialer_timeout": [("5", timedelta(seconds=5))],
}
NO_LENGTHS = ["nan", "inf", "-inf", "-1", "+1", "1e3", "1_0", "0x1", "1:30", "٣", "1 s", "s", "1y", "9" * 5000]
REFUSED: Mapping[str, list[str]] = {
    "listen": ["50051", "h:", ":1", "h:65536", "h:-1", "h:٣", "h:" + "1" * 5000, "unix:", "unix://h/s", "unix:a,b"],
    "http": ["8080", "h:", ":1", "h:65536", "::1:8080", "unix:ringback.sock", "http://h:1", "h:1/"],
    "http_host": [
        "a.example:8080",
        "https://a.example",
        "*",
        "*.",
        "a b",
        "a.example,",
        "u@a",
        "a/b",
        "\u00e4.example",
        "a.*",
    ],
    "http_origin": [
        "*",
        "null",
        "a.example",
        "https://a.example/",
        "https://*.example",
        "ftp://a",
        "https://a,",
        "https://u@a",
    ],
    "http_session_key": ["/nowhere/at/all", "/tmp", "a\0b", "/dev/zero", "/dev/null", str(ACCESS)],
    "http_session_hours": [*NO_LENGTHS, "0", "59s", "32d"],
    "database": ["a.db", "sqlite:", "sqlite:///", "mysql://h/db"],
    "dialer": ["None", "SIP", "simulated "],
    "services": ["/nowhere/at/all.yaml", "/tmp", "a\0b", "/dev/zero"],
    "access": ["/nowhere/at/all.yaml", "/tmp", "a\0b", "/dev/zero", "/dev/null"],
    "dial_rules": ["/nowhere/at/all.yaml", "/tmp", "a\0b", "/dev/zero", "/dev/null", "off"],
    "limits": ["/nowhere/at/all.yaml", "/tmp", "a\0b", "/dev/zero", "/dev/null", "no", "OFF"],
    "tls_cert": ["a\0b"],
    "tls_key": ["a\0b"],
    "tls_client_ca": ["a\0b"],
    "open": ["maybe"],
    "must_exist": ["maybe"],
    "reflection": ["none"],
    "insecure": ["maybe", "2", "yes please"],
    "simulated_ring": [*NO_LENGTHS, "86401", "25h"],
    "simulated_talk": [*NO_LENGTHS, "86401", "25h"],
    "keep_ended_days": [*NO_LENGTHS, "0", "59m", "3661"],
    "keep_events_hours": [*NO_LENGTHS, "0.9", "999999"],
    "lame_duck": [*NO_LENGTHS, "61", "2m"],
    "log_level": ["INFO", "trace"],
    "log_libraries": ["debug", "2"],
    "log_format": ["JSON", "logfmt"],
    "traces": ["OTLP", "yes", "stdout"],
    "sip_listen": ["h", "unix:a", ":5060", "h:65536", "::1:5060"],
    "sip_advertise": ["h:65536", "h:0", "::1", "a b", "sip:h", "ä.example", "a;lr", "a?b=c", "u@h", "h:٣"],
    "sip_transport": ["UDP", "ws"],
    "sip_proxy": [
        "sbc.example",
        "sip:h;transport=ws",
        "sip:h;transport",
        "tel:+41445556677",
        "sip:u@sbc.example",
        "sip:h?a=b",
        "sip:",
    ],
    "sip_service_proxy": ["sip:u:p@h"],
    "sip_customer_proxy": ["sip:h:0"],
    "sip_username": ["a\nb", " a", "x" * 256],
    "sip_password": ["a\nb"],
    "sip_password_file": ["/nowhere/at/all", "/tmp", "a\0b", "/dev/zero"],
    "sip_auth_realm": ["a\0b"],
    "sip_tls_ca": ["a\0b"],
    "sip_tls_cert": ["a\0b"],
    "sip_tls_key": ["a\0b"],
    "sip_identity": ["cc.example", "tel:044", "sip:u:p@h"],
    "sip_display_name": ["a\r\nb"],
    "sip_asserted_identity": ["mailto:a@b"],
    "sip_headers": ["X: 1", "[a]", "{From: x}", "{i: x}", "{X: [1]}", "{X: ", "{a b: 1}", "{X: &a b}"],
    "sip_method": ["REFER", "iii"],
    "sip_early_media": ["maybe"],
    "sip_codecs": ["AMR", "PCMA,", "PCMA,pcma", "telephone-event"],
    "sip_ring_timeout_service": [*NO_LENGTHS, "0", "301"],
    "sip_max_call_duration": [*NO_LENGTHS, "9", "25h"],
    "sip_probe_interval": [*NO_LENGTHS, "0", "25h"],
    "sip_options_interval": [*NO_LENGTHS, "0"],
    "sip_max_concurrent_calls": ["0", "1001", "-1", "1.5", "٣", "9" * 5000],
    "sip_calls_per_second": ["0", "1001", "-1", "nan", "inf", "1e2"],
    "sip_number_format": ["E164", "00"],
    "sip_register": ["registrar.example"],
    "sip_register_expires": [*NO_LENGTHS, "59"],
    "sip_trace": ["maybe"],
    "sip_trace_redact": ["maybe"],
    "sip_drain_timeout": [*NO_LENGTHS, "2h"],
    "http_dialer_url": [
        "gateway.example",
        "ftp://h/",
        "http://",
        "http://u:p@h/",
        "http://h/#a",
        "http://h:0/",
        "http://ü/",
    ],
    "http_dialer_secret_file": ["/nowhere/at/all", "/tmp", "a\0b", "/dev/zero"],
    "http_dialer_listen": ["h"],
    "http_dialer_report_url": ["http://h:x/", "http://[::1/", "http://h/ a"],
    "http_dialer_timeout": [*NO_LENGTHS, "0", "61"],
}


def test_each_setting_is_tested() -> None:
    assert SETTINGS.keys() == TAKEN.keys() == REFUSED.keys()


def test_a_socket_of_a_file_lies_beside_the_file() -> None:
    listen = SETTINGS["listen"]
    assert listen.parse("unix:ringback.sock", Path("/etc/x")) == UnixSocket(Path("/etc/x/ringback.sock"))
    assert listen.parse("unix:/run/s", Path("/etc/x")) == UnixSocket(Path("/run/s"))
    for refused in ("unix:", "unix:" + "x" * 97):
        with pytest.raises(ValueError, match="unix:"):
            listen.parse(refused, Path("/etc/x"))


@pytest.mark.parametrize(("name", "text", "value"), [(name, *pair) for name, pairs in TAKEN.items() for pair in pairs])
def test_what_is_taken(name: str, text: str, value: Any) -> None:
    assert SETTINGS[name].parse(text, HERE) == value


@pytest.mark.parametrize(("name", "text"), [(name, text) for name, texts in REFUSED.items() for text in ["", *texts]])
def test_what_is_refused(name: str, text: str) -> None:
    with pytest.raises((ValueError, FaultyFileError)) as caught:
        SETTINGS[name].parse(text, HERE)
    assert len(str(caught.value).splitlines()) == 1


@given(st.sampled_from([*SETTINGS]), st.text() | st.floats().map(str) | st.integers().map(str))
def test_any_text_is_taken_or_refused(name: str, text: str) -> None:
    setting = SETTINGS[name]
    try:
        value = setting.parse(text, HERE)
    except (ValueError, FaultyFileError):
        return
    assert setting.kind.show(value) is not None


def test_the_defaults_are_those_of_the_server() -> None:
    """The table says them for the help and the manual; tests and benchmarks start servers without it."""
    values = {name: setting.parse(setting.default, HERE) for name, setting in SETTINGS.items() if setting.default}
    assert of_server(values) == Settings()


def test_what_the_server_takes() -> None:
    """Each setting reaches the server, under its own name."""
    values = {name: SETTINGS[name].parse(pairs[0][0], HERE) for name, pairs in TAKEN.items() if pairs}
    assert of_server(values) == Settings(
        listen=Listen("h", 0),
        http=Listen("h", 0),
        http_hosts=("desk.example", "*.cc.example", "192.0.2.7", "2001:db8::7", "::1"),
        http_origins=("https://desk.example", "http://localhost:3000"),
        http_session=timedelta(minutes=30),
        database=Path("a.db"),
        must_exist=True,
        dialer="none",
        tls_cert=Path("c.pem"),
        tls_key=Path("c.key"),
        tls_client_ca=Path("ca.pem"),
        open=True,
        reflection=False,
        insecure=True,
        access=load_access(ACCESS).rules,
        limits=load_limits(LIMITS).rules,
        dial_rules=load_rules(DIAL_RULES).rules,
        simulated_ring=timedelta(0),
        simulated_talk=timedelta(minutes=10),
        retention=Retention(ended_callbacks=timedelta(hours=12), events=timedelta(hours=1)),
        lame_duck=timedelta(0),
        sip=SipSettings(
            listen=("h", 0),
            advertise="h",
            transport="tcp",
            proxy="sip:sbc.example:5061;transport=tls;lr",
            service_proxy="sips:pbx.example",
            customer_proxy="sip:[2001:db8::7]",
            username="ringback",
            password="hush",
            auth_realm="sbc, example",
            tls_ca=Path("ca.pem"),
            tls_cert=Path("c.pem"),
            tls_key=Path("c.key"),
            identity="sip:cc@cc.example",
            display_name="Zürich Rückruf",
            asserted_identity="tel:+41445556677",
            headers={"X-Tenant": "7", "X-Queue": "a: b"},
            method="refer",
            early_media=False,
            codecs=("PCMU", "PCMA"),
            ring_timeout_service=timedelta(seconds=20),
            max_call_duration=timedelta(hours=2),
            probe_interval=timedelta(minutes=1),
            options_interval=timedelta(seconds=30),
            max_concurrent_calls=1,
            calls_per_second=0.5,
            number_format="national",
            register="sip:registrar.example",
            register_expires=timedelta(minutes=10),
            trace=True,
            trace_redact=False,
            drain_timeout=timedelta(0),
        ),
        http_dialer=HttpDialerSettings(
            url="https://gateway.example/calls?tenant=7",
            listen=("::1", 0),
            report_url="http://192.0.2.7:8093/",
            timeout=timedelta(seconds=5),
        ),
    )


def test_a_relative_path_starts_at_the_folder_of_its_file() -> None:
    folder = Path("/etc/ringback")
    assert SETTINGS["database"].parse("sqlite:///a.db", folder) == folder / "a.db"
    assert SETTINGS["database"].parse("sqlite:////a.db", folder) == Path("/a.db")
    with pytest.raises(FaultyFileError, match=r"^/etc/ringback/none\.yaml: No such file"):
        SETTINGS["services"].parse("none.yaml", folder)
