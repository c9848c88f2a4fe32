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

# Of each setting three values, none of which is the default.
THREE = {
    "listen": ("127.0.0.1:1", "127.0.0.1:2", "127.0.0.1:3"),
    "database": ("sqlite:////a", "sqlite:////b", "sqlite:////c"),
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
        sources = []
        if flag:
            sources.append((THREE[name][0], Source("flag", setting.flag)))
        if variable:
            sources.append((THREE[name][1], Source("environment", setting.variable)))
        if in_file:
            sources.append((THREE[name][2], Source("file", "config.yaml:2")))
        monkeypatch.setenv(setting.variable, THREE[name][1] if variable else "")
        Path("config.yaml").write_text(f"# of a test\n{name}: {THREE[name][2]}\n" if in_file else "{}")
        flags = {name: THREE[name][0]} if flag else {}
        given = WITH.get(name, {}) if sources else {}
        resolved = resolve({**given, **flags}, "config.yaml").resolved[name]
        text, source = (*sources, (setting.default, Source("default", "")))[0]
        assert resolved.source == source
        assert resolved.value == (() if text is None else setting.parse(text, Path()))


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
        ("sip: {host: a}", "c.yaml:1: sip: unknown; there are listen, database, "),
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
        ("services: none.yaml", "none.yaml: No such file or directory"),
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
    assert caught.value.message.startswith(f"{path}: ")
    assert len(caught.value.message.splitlines()) == 1


def test_all_faults_of_all_sources_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RINGBACK_LAME_DUCK", "long")
    text = """
listen: 0.0.0.0:1
dialer: sip
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
    assert [fault.split(": ")[0] for fault in faults_of("access: a.access\ndialer: sip")] == [
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
