"""Where a setting comes from: each source goes before the next, and all faults of all sources are named at once."""

import itertools
import re
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from ringback.application.limits import LimitRules, Limits
from ringback.cli.settings.sources import CONFIG_VARIABLE, BadSettings, Configuration, Source, resolve
from ringback.cli.settings.table import SETTINGS
from ringback.web.door.session_keys import new_session_key

# Of each setting three values, none of which is the default.
THREE = {
    "listen": ("127.0.0.1:1", "127.0.0.1:2", "127.0.0.1:3"),
    "http": ("127.0.0.1:1", "127.0.0.1:2", "127.0.0.1:3"),
    "http_host": ("a.example", "b.example,c.example", "c.example"),
    "http_origin": ("https://a.example", "https://b.example", "http://localhost:3000"),
    "http_session_key": ("a.keys", "b.keys", "c.keys"),
    "http_session_hours": ("1", "2", "3"),
    "database": ("sqlite:////a", "sqlite:////b", "sqlite:////c"),
    "must_exist": ("yes", "no", "yes"),
    "dialer": ("none", "simulated", "none"),
    "services": ("a.yaml", "b.yaml", "c.yaml"),
    "access": ("a.access", "b.access", "c.access"),
    "limits": ("a.limits", "off", "c.limits"),
    "dial_rules": ("a.rules", "b.rules", "c.rules"),
    "tls_cert": ("a.pem", "b.pem", "c.pem"),
    "tls_key": ("a.key", "b.key", "c.key"),
    "tls_client_ca": ("a.pem", "b.pem", "c.pem"),
    "insecure": ("yes", "no", "yes"),
    "open": ("yes", "no", "yes"),
    "reflection": ("no", "yes", "no"),
    "simulated_ring": ("1", "2", "3"),
    "simulated_talk": ("2", "3", "4"),
    "keep_ended_days": ("1", "2", "3"),
    "keep_events_hours": ("1", "2", "3"),
    "lame_duck": ("1", "2", "3"),
    "log_level": ("debug", "error", "warning"),
    "log_libraries": ("yes", "no", "yes"),
    "log_format": ("json", "text", "json"),
    "traces": ("otlp", "console", "none"),
    "sip_listen": ("127.0.0.1:1", "127.0.0.1:2", "127.0.0.1:3"),
    "sip_advertise": ("a.example", "b.example", "c.example:5080"),
    "sip_transport": ("tcp", "tls", "tcp"),
    "sip_proxy": ("sip:a.example", "sip:b.example", "sip:c.example"),
    "sip_service_proxy": ("sip:a.example", "sip:b.example", "sip:c.example"),
    "sip_customer_proxy": ("sip:a.example", "sip:b.example", "sip:c.example"),
    "sip_username": ("a", "b", "c"),
    "sip_password": ("a", "b", "c"),
    "sip_password_file": ("a.secret", "b.secret", "c.secret"),
    "sip_auth_realm": ("a", "b", "c"),
    "sip_tls_ca": ("a.pem", "b.pem", "c.pem"),
    "sip_tls_cert": ("a.pem", "b.pem", "c.pem"),
    "sip_tls_key": ("a.key", "b.key", "c.key"),
    "sip_identity": ("sip:a@cc.example", "sip:b@cc.example", "tel:+41445556677"),
    "sip_display_name": ("a", "b", "c"),
    "sip_asserted_identity": ("sip:a@cc.example", "sip:b@cc.example", "tel:+41445556677"),
    "sip_headers": ("{X-A: 1}", "{X-B: 2}", "{X-C: 3}"),
    "sip_method": ("refer", "refer", "refer"),
    "sip_early_media": ("no", "yes", "no"),
    "sip_codecs": ("PCMA", "PCMU", "G722,telephone-event"),
    "sip_ring_timeout_service": ("1", "2", "3"),
    "sip_max_call_duration": ("60", "120", "180"),
    "sip_probe_interval": ("60", "120", "180"),
    "sip_options_interval": ("10", "20", "30"),
    "sip_max_concurrent_calls": ("1", "2", "3"),
    "sip_calls_per_second": ("1", "3", "4"),
    "sip_number_format": ("e164_no_plus", "national", "national"),
    "sip_register": ("sip:a.example", "sip:b.example", "sip:c.example"),
    "sip_register_expires": ("60", "120", "180"),
    "sip_trace": ("yes", "no", "yes"),
    "sip_trace_redact": ("no", "yes", "no"),
    "sip_drain_timeout": ("1", "2", "3"),
    "http_dialer_url": ("http://a.example/", "http://b.example/", "https://c.example/x"),
    "http_dialer_secret_file": ("a.secret", "b.secret", "c.secret"),
    "http_dialer_listen": ("127.0.0.1:1", "127.0.0.1:2", "127.0.0.1:3"),
    "http_dialer_report_url": ("http://a.example/", "http://b.example/", "https://c.example/x"),
    "http_dialer_timeout": ("1", "2", "3"),
}

# What else has to be given with it.
WITH: dict[str, dict[str, str | bool | None]] = {
    "tls_cert": {"tls_key": "k"},
    "tls_key": {"tls_cert": "c"},
    "tls_client_ca": {"tls_cert": "c", "tls_key": "k"},
}

ACCESS = f"""
identities:
  crm:
    tokens_sha256: ["{"1" * 64}"]
    grants: [{{role: operator}}]
    limits: {{polls: 7}}
"""


@pytest.fixture(autouse=True)
def in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stand in an empty folder, in an environment without the developer's own settings."""
    for name in [CONFIG_VARIABLE, *(setting.variable for setting in SETTINGS.values())]:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    for name in ("a", "b", "c"):
        Path(f"{name}.yaml").write_text(f"- sip_address: sip:{name}@cc.example\n")
        Path(f"{name}.access").write_text(ACCESS.replace("crm", name))
        Path(f"{name}.limits").write_text("default: {polls: 1}")
        Path(f"{name}.rules").write_text("attempts_per_number_and_day: 3")
        Path(f"{name}.secret").write_text(f"{name}\n")
        Path(f"{name}.secret").chmod(0o600)
        Path(f"{name}.keys").write_text(new_session_key())
        Path(f"{name}.keys").chmod(0o600)


def faults_of(text: str, flags: dict[str, str | bool | None] | None = None) -> list[str]:
    Path("c.yaml").write_text(text)
    with pytest.raises(BadSettings) as caught:
        resolve(flags or {}, "c.yaml")
    return caught.value.message.splitlines()


def given_by(text: str) -> Configuration:
    Path("config.yaml").write_text(text)
    return resolve({}, "config.yaml")


def test_each_setting_is_tested() -> None:
    assert THREE.keys() == SETTINGS.keys()


@pytest.mark.parametrize("name", SETTINGS)
def test_flag_before_environment_before_file_before_default(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    setting = SETTINGS[name]
    for flag, variable, in_file in itertools.product((True, False), repeat=3):
        if setting.is_secret and (flag or in_file):
            continue  # it has neither
        sources = []
        if flag:
            sources.append((THREE[name][0], Source("flag", setting.flag)))
        if variable:
            sources.append((THREE[name][1], Source("environment", setting.variable)))
        if in_file:
            sources.append((THREE[name][2], Source("file", "config.yaml:2")))
        monkeypatch.setenv(setting.variable, THREE[name][1] if variable else "")
        entry = f"{setting.key_in_section}: {THREE[name][2]}"
        text = f"{setting.section}:\n  {entry}" if setting.section else f"# of a test\n{entry}"
        Path("config.yaml").write_text(f"{text}\n" if in_file else "{}")
        flags = {name: THREE[name][0]} if flag else {}
        given = WITH.get(name, {}) if sources else {}
        resolved = resolve({**given, **flags}, "config.yaml").resolved[name]
        written, source = (*sources, (setting.default, Source("default", "")))[0]
        assert resolved.source == source
        assert resolved.value == (() if written is None else setting.parse(written, Path()))


def test_a_password_is_taken_from_its_variable_or_its_file_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """A flag would be seen by every user of the machine. What is refused is not repeated."""
    assert faults_of("sip: {username: u, password: hush}") == [
        "c.yaml:1: sip.password: is not taken from this file: give it in RINGBACK_SIP_PASSWORD, or in a file of its own"
    ]
    monkeypatch.setenv("RINGBACK_SIP_PASSWORD", "hush")
    settings = resolve({"sip_username": "u"}, None).settings
    assert settings.sip.password == "hush"
    assert "hush" not in repr(settings)
    assert faults_of("sip: {username: u, password_file: a.secret}") == [
        "c.yaml:1: sip.password_file: there is a password in RINGBACK_SIP_PASSWORD, too: give one"
    ]
    monkeypatch.delenv("RINGBACK_SIP_PASSWORD")
    from_file = resolve({"sip_username": "u", "sip_password_file": "a.secret"}, None)
    assert from_file.settings.sip.password == "a"
    assert "'a'" not in repr(from_file["sip_password_file"])


@pytest.mark.parametrize(
    ("mode", "content", "fault"),
    [
        (0o644, b"hush", "can be read or changed by every user of this machine: chmod o-rw "),
        (0o602, b"hush", "can be read or changed by every user of this machine: chmod o-rw "),
        (0o600, b"", "must have one line with the secret, and nothing else"),
        (0o600, b"hush\nhush\n", "must have one line with the secret, and nothing else"),
        (0o600, b"hush" * 2000, "must have one line with the secret, and nothing else"),
        (0o600, b"\xff", "must have one line with the secret, and nothing else"),
    ],
)
def test_a_file_with_a_secret(mode: int, content: bytes, fault: str) -> None:
    Path("secret").write_bytes(content)
    Path("secret").chmod(mode)
    [line] = faults_of("sip: {username: u, password_file: secret}")
    assert line.startswith(f"c.yaml:1: sip.password_file: 'secret' {fault}")
    assert "hush" not in line


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("listen: 127.0.0.1", "sip.listen: '127.0.0.1' is not HOST:PORT, such as 192.0.2.7:5060 or [2001:db8::7]:5060"),
        ("host: a", "sip.host: unknown; there are listen, advertise, "),
        ("password-file: a", "sip.password-file: is written password_file, with _ and not -"),
        ("order: customer-first", "sip.order: a service says it: its first_leg"),
        ("ring_timeout_customer: 45", "sip.ring_timeout_customer: a service says it: its ring_timeout"),
        ("allowed_prefixes: '+41'", "sip.allowed_prefixes: the dial rules say it: --dial-rules FILE, "),
        ("proxy: sbc.example:5061", "sip.proxy: 'sbc.example:5061' must start with sip: or sips:; such as sip:"),
        ("proxy: 'sip:u@sbc.example'", "sip.proxy: 'sip:u@sbc.example' has more than a host, a port and parameters"),
        ("headers: {X-A: 1, From: x}", "sip.headers.From: is set by the dialer itself"),
        ("headers: {v: x}", "sip.headers.v: is set by the dialer itself"),
        ("headers: {'X A': x}", "sip.headers.X A: is no name of a header"),
        ('headers: {X-A: "a\\r\\nVia: b"}', "sip.headers.X-A: has a control character, or a blank at an end"),
        ("headers: {X-A: 1, x-a: 1}", "sip.headers: has a header twice"),
        ("codecs: [PCMA, AMR]", "sip.codecs: 'AMR' is none of PCMA, PCMU, "),
        ("codecs: [telephone-event]", "sip.codecs: has no codec for speech, such as PCMA, "),
    ],
)
def test_faults_of_the_section_of_the_sip_dialer(text: str, fault: str) -> None:
    [line] = faults_of(f"dialer: none\nsip:\n  {text}")
    assert line.startswith(f"c.yaml:3: {fault}")


def test_a_setting_of_a_section_stands_in_it(monkeypatch: pytest.MonkeyPatch) -> None:
    assert faults_of("sip_listen: 127.0.0.1:5060") == ["c.yaml:1: sip_listen: stands in a section: sip: {listen: …}"]
    assert faults_of("sip: 7") == ["c.yaml:1: sip: must be a mapping"]
    monkeypatch.setenv("RINGBACK_SIP_ORDER", "customer-first")
    assert faults_of("{}") == ["RINGBACK_SIP_ORDER: a service says it: its first_leg"]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("listen: 127.0.0.1:0", "http_dialer.url: orders have to go somewhere: give --http-dialer-url"),
        ("url: http://a.example", "http_dialer.secret_file: orders and reports are signed: "),
        (
            "{url: http://a.example, secret_file: a.secret, listen: 0.0.0.0:80}",
            "c.yaml:3: http_dialer.listen: the gateway cannot report to 0.0.0.0: ",
        ),
        (
            "{url: http://a.example, secret_file: a.secret}",
            "c.yaml:3: http_dialer.secret_file: a secret of less than 16 characters can be guessed",
        ),
    ],
)
def test_settings_of_the_http_dialer_that_do_not_go_together(text: str, fault: str) -> None:
    assert faults_of(f"dialer: http\nhttp_dialer:\n  {text}")[0].startswith(fault)


@pytest.mark.parametrize(
    ("flags", "fault"),
    [
        ({"sip_tls_cert": "c"}, "--sip-tls-cert: a certificate needs its key: give it with --sip-tls-key"),
        ({"sip_tls_key": "k"}, "--sip-tls-key: a key needs its certificate: give it with --sip-tls-cert"),
        ({"sip_username": "u"}, "--sip-username: a user needs a password: "),
        ({"sip_password_file": "a.secret"}, "sip.password: a password needs its user: "),
        ({"sip_auth_realm": "r"}, "--sip-auth-realm: there are no credentials for the realm: "),
        ({"sip_register": "sip:r.example"}, "--sip-register: a trunk that wants a registration gets the calls, too: "),
        (
            {"sip_register": "sip:r.example", "sip_proxy": "sip:r.example"},
            "--sip-register: what is to be registered? give a username or an identity",
        ),
        ({"sip_listen": "127.0.0.1:65535"}, "--sip-listen: TLS has the port after this one, and 65535 is the last: "),
        ({"sip_proxy": "sips:p.example;transport=udp"}, "--sip-proxy: sips:p.example;transport=udp is to be secure, "),
    ],
)
def test_settings_of_the_sip_dialer_that_do_not_go_together(flags: dict[str, str | bool | None], fault: str) -> None:
    """They are looked at when the SIP dialer is chosen."""
    assert faults_of("{}", flags | {"dialer": "sip"})[0].startswith(fault)
    assert resolve(flags, None).settings.dialer == "simulated"


def test_all_that_does_not_go_together_is_said_at_once() -> None:
    section = "{username: u, tls_key: k, register: 'sip:r.example'}"
    starts = [fault.partition(": ")[2].partition(": ")[0] for fault in faults_of(f"dialer: sip\nsip: {section}")]
    assert starts == ["sip.tls_key", "sip.username", "sip.register"]


def test_a_flag_can_turn_off_what_another_source_turns_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RINGBACK_INSECURE", "1")
    assert resolve({"insecure": False}, None)["insecure"] is False
    assert resolve({"insecure": None}, None)["insecure"] is True


def test_the_environment_names_the_file_and_the_flag_goes_before(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("one.yaml").write_text("dialer: none")
    Path("other.yaml").write_text("dialer: simulated")
    monkeypatch.setenv(CONFIG_VARIABLE, "one.yaml")
    assert resolve({}, None).resolved["dialer"] == ("none", Source("file", "one.yaml:1"))
    assert resolve({}, "other.yaml").resolved["dialer"] == ("simulated", Source("file", "other.yaml:1"))


def test_services_in_the_file_or_beside_it() -> None:
    (one,) = given_by("services:\n  - {sip_address: 'sip:in@cc.example', ring_timeout: 20s}")["services"]
    assert (one.service.sip_address, one.named) == ("sip:in@cc.example", ("sip_address", "ring_timeout"))
    (other,) = given_by("services: a.yaml")["services"]
    assert other.service.sip_address == "sip:a@cc.example"
    Path("etc").mkdir()
    Path("etc/config.yaml").write_text("services: ../b.yaml\ndatabase: sqlite:///data.db")
    beside = resolve({}, "etc/config.yaml")
    assert beside["services"][0].service.sip_address == "sip:b@cc.example"
    assert beside["database"] == Path("etc/data.db")


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "c.yaml:1: is empty; "),
        ("# nothing yet\n", "c.yaml:1: is empty; "),
        ("\n- listen", "c.yaml:2: must be a mapping"),
        ("listen", "c.yaml:1: must be a mapping"),
        ("lisen: h:1", "c.yaml:1: lisen: unknown; is listen meant?"),
        ("tls: {cert: a}", "c.yaml:1: tls: unknown; is tls_key meant?"),
        ("xyz: {host: a}", "c.yaml:1: xyz: unknown; there are listen, http, http_host, "),
        ("lame-duck: 1", "c.yaml:1: lame-duck: is written lame_duck, with _ and not -"),
        ("config: a.yaml", "c.yaml:1: config: unknown; "),
        ("dialer: none\n\ndialer: none", "c.yaml:3: dialer: is here twice"),
        ("? [a, b]\n: 1", "c.yaml:1: a key must be a single word"),
        ('"a\\nb\\e[0m": 1', "c.yaml:1: 'a\\nb\\x1b[0m': unknown; "),
        ("listen: [h:1]", "c.yaml:1: listen: must be a single value"),
        ("listen: {h: 1}", "c.yaml:1: listen: must be a single value"),
        ("listen:", "c.yaml:1: listen: is empty; "),
        ("listen: ~", "c.yaml:1: listen: is empty; "),
        ("dialer: ''", "c.yaml:1: dialer: is empty; "),
        ("services:", "c.yaml:1: services: is empty; "),
        ("services: {}", "c.yaml:1: services: must be a single value"),
        ("services: none.yaml", "c.yaml:1: services: none.yaml: No such file or directory"),
        ("lame_duck: .nan", "c.yaml:1: lame_duck: '.nan' is no length of time from 0s to 1m: "),
        ("lame_duck: .inf", "c.yaml:1: lame_duck: '.inf' is no length of time from 0s to 1m: "),
        ('dialer: "\\ud800"', "c.yaml:1: dialer: has half of a character (a surrogate)"),
        ("dialer: " + "x" * 10_000, "c.yaml:1: dialer: 'xxx"),
        ("a: &a [x, x]\nb: *a", "c.yaml:1: anchors (&) and aliases (*) are not taken"),
        ("services: &a\n  - *a", "c.yaml:1: anchors (&) and aliases (*) are not taken"),
        ("listen: !!python/name:os.system h:1", "c.yaml:1: tags (!) are not taken"),
        ("services:\n  " + "[" * 1000, "c.yaml:2: is nested too deep"),
        ("listen: a\0b", "c.yaml:1: the character U+0000 is not allowed"),
        (
            "listen: h:1\n---\nlisten: h:2",
            "c.yaml:2: expected a single document in the stream but found another document",
        ),
        ("listen: h:1\n  dialer: none", "c.yaml:2: mapping values are not allowed here"),
        ("dialer: none\nservices: [", "c.yaml:2: expected the node content, but found '<stream end>'"),
        ("%YAML 3.0\n---\n{}", "c.yaml:1: found incompatible YAML document (version 1.* is required)"),
    ],
)
def test_a_fault_of_a_file_is_one_line_with_its_place(text: str, fault: str) -> None:
    (line,) = faults_of(text)
    assert line.startswith(fault)
    assert len(line) < 600


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b"listen: h:1\n# caf\xe9", "c.yaml:2: is not in UTF-8"),
        ("listen: h:1".encode("utf-16"), "c.yaml:1: is not in UTF-8"),
        (b" " * (4 * 1024**2 + 1), "c.yaml: is larger than 4 MiB"),
    ],
)
def test_a_file_that_is_no_text(content: bytes, fault: str) -> None:
    Path("c.yaml").write_bytes(content)
    with pytest.raises(BadSettings) as caught:
        resolve({}, "c.yaml")
    assert caught.value.message == fault


def test_a_byte_order_mark_is_no_part_of_the_first_key() -> None:
    assert given_by("\ufeffdialer: none")["dialer"] == "none"


@pytest.mark.parametrize("path", ["none.yaml", ".", "a.yaml/b", "a\0b"])
def test_a_file_that_is_none(path: str) -> None:
    with pytest.raises(BadSettings) as caught:
        resolve({}, path)
    assert caught.value.message.startswith(f"{path}: " if path.isprintable() else f"{path!r}: ")
    assert len(caught.value.message.splitlines()) == 1


def test_all_faults_of_all_sources_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RINGBACK_LAME_DUCK", "long")
    text = """
listen: 0.0.0.0:1
dialer: pigeon
keep_ended_days: 0
services:
  - sip_address: sip:a@cc.example
    ring_timeout: 1h
    time_zone: Europe/Zürich
    retry_rules: {busy: {max_retries: 1000}}
    openin_hours: {mon: 8:00-9:00}
  - service_id: 01890a5d-ac96-774b-bcce-b302099a8057
    default_max_retries: 101
  - display_name: nobody
"""
    assert [fault.split(": ")[:2] for fault in faults_of(text, {"log_level": "loud"})] == [
        ["c.yaml:3", "dialer"],
        ["c.yaml:4", "keep_ended_days"],
        ["c.yaml:10", "services[0].openin_hours"],
        ["c.yaml:7", "services[0].ring_timeout"],
        ["c.yaml:8", "services[0].time_zone"],
        ["c.yaml:9", "services[0].retry_rules"],
        ["c.yaml:12", "services[1].default_max_retries"],
        ["c.yaml:13", "services[2]"],
        ["RINGBACK_LAME_DUCK", "'long' is no length of time from 0s to 1m"],
        ["--log-level", "'loud' is none of debug, info, warning, error"],
        ["c.yaml:2", "listen"],
    ]


def test_settings_that_do_not_go_together_name_the_one_to_mend(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(BadSettings, match=r"^--listen: 0\.0\.0\.0:1 can be reached from other machines"):
        resolve({"listen": "0.0.0.0:1"}, None)
    # Whether it may be reached is not known while the switch itself is wrong.
    assert len(faults_of("listen: 0.0.0.0:1\ninsecure: maybe")) == 1
    monkeypatch.setenv("RINGBACK_INSECURE", "true")
    assert faults_of("listen: 0.0.0.0:1")[0].endswith("or allow everybody everything with --open")
    assert given_by("listen: 0.0.0.0:1\nopen: yes").settings.insecure
    with pytest.raises(BadSettings, match=r"^--tls-key: a key needs its certificate: give it with --tls-cert$"):
        resolve({"tls_key": "k"}, None)
    assert faults_of("\ntls_cert: c") == ["c.yaml:2: tls_cert: a certificate needs its key: give it with --tls-key"]


def test_a_conflict_is_a_line_however_long_its_values_are() -> None:
    [fault] = faults_of(f"http: {'x' * 70_000}:1")
    assert fault.startswith("c.yaml:1: http: xxx")
    assert len(fault) < 600


@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.binary()
    | st.lists(st.sampled_from([*SETTINGS, *": -?[]{}&*!|>'\"%@`#,\n~", "\n  ", "- ", ": "]))
    .map("".join)
    .map(str.encode)
)
def test_any_file_is_read_or_refused_in_plain_lines(content: bytes) -> None:
    Path("c.yaml").write_bytes(content)
    try:
        assert resolve({}, "c.yaml").resolved.keys() == SETTINGS.keys()
    except BadSettings as refusal:
        lines = refusal.message.splitlines()
        assert lines
        # Each begins with the file, which is another one where it is a services file that cannot be read.
        assert all(re.match(r"\S+: .", line) and line.isprintable() for line in lines)


# --- The access file and the limits file -----------------------------------------------------------------------------


def limits_of(**flags: str) -> LimitRules | None:
    return resolve(flags, None).settings.limits


def test_limits_are_those_of_the_limits_file_or_else_of_the_access_file_or_else_the_default() -> None:
    Path("limits.yaml").write_text("default: {polls: 2}\nidentities: {a: {polls: 3}}")
    assert limits_of() == LimitRules()
    assert limits_of(limits="a.limits") == LimitRules(default=Limits(polls=1))
    assert limits_of(access="a.access") == LimitRules(identities={"a": Limits(polls=7)})
    both = LimitRules(default=Limits(polls=2), identities={"a": Limits(polls=3)})
    assert limits_of(access="a.access", limits="limits.yaml") == both
    assert limits_of(access="a.access", limits="off") is None
    assert limits_of(limits="off") is None


@pytest.mark.parametrize("access", [{}, {"access": "b.access"}])
def test_limits_of_an_identity_that_there_is_not(access: dict[str, str]) -> None:
    Path("limits.yaml").write_text("default: {polls: 2}\nidentities:\n  a: {polls: 3}")
    with pytest.raises(BadSettings) as caught:
        resolve(access | {"limits": "limits.yaml"}, None)
    assert caught.value.message == "--limits: limits.yaml:3: identities.a: is no identity of the access file"


def test_all_faults_of_an_access_file_that_a_config_file_names() -> None:
    Path("a.access").write_text("identities:\n  crm: {grants: [{role: boss}], tokens_sha256: [x]}")
    assert [fault.split(": ")[0] for fault in faults_of("access: a.access\ndialer: pigeon")] == [
        "a.access:2",
        "a.access:2",
        "c.yaml:2",
    ]


def test_an_access_file_that_cannot_be_read_is_not_as_if_there_were_none() -> None:
    Path("empty.access").write_text("")
    for path in ("none.access", "empty.access"):
        assert faults_of(f"access: {path}")
        with pytest.raises(BadSettings):
            resolve({"access": path}, None)
