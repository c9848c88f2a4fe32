"""The file of the server's dial rules: what it may say, and that each fault is told with its line and path."""

from pathlib import Path

import pytest

from ringback.cli.dial_rules_file import load_rules
from ringback.cli.yaml_file import FaultyFileError
from ringback.domain.dial_rules import DEFAULT_RULES, DialRules, PhoneRules, SipRules
from ringback.domain.number_kinds import NumberKind
from ringback.domain.outcome import Outcome
from ringback.domain.quiet_hours import QuietHours

# As the design has it.
SHOWN = """
phone:
  allow: ["+"]                     # prefixes; the longest match of allow and deny wins
  deny: []
  deny_kinds: [premium_rate, shared_cost, satellite, international_network, short_code, emergency, service_code, pager,
               voicemail, personal_number]
sip:
  allow_hosts: ["*"]               # host names, *.suffix, IP networks
  deny_hosts: [loopback, private, link_local]
attempts_per_number_and_day: 20
"""


def read(tmp_path: Path, text: str) -> DialRules:
    path = tmp_path / "rules.yaml"
    path.write_text(text)
    return load_rules(path).rules


def faults(tmp_path: Path, text: str) -> list[str]:
    with pytest.raises(FaultyFileError) as refusal:
        read(tmp_path, text)
    return [fault.removeprefix(f"{tmp_path}/") for fault in refusal.value.faults]


def test_the_defaults_are_those_of_the_design(tmp_path: Path) -> None:
    assert read(tmp_path, SHOWN) == DEFAULT_RULES


def test_what_is_left_out_is_as_in_the_default_rules(tmp_path: Path) -> None:
    rules = read(tmp_path, 'sip: {allow_hosts: ["127.0.0.0/8"]}')
    assert rules.sip == SipRules(allow_hosts=("127.0.0.0/8",), deny_hosts=DEFAULT_RULES.sip.deny_hosts)
    assert rules.phone == DEFAULT_RULES.phone
    assert rules.attempts_per_number_and_day == DEFAULT_RULES.attempts_per_number_and_day


def test_everything(tmp_path: Path) -> None:
    rules = read(
        tmp_path,
        """
phone: {allow: ["+41", "+43"], deny: ["+4190"], deny_kinds: []}
sip: {allow_hosts: [Gw.Example., "*.example", "[::1]", 10.0.0.0/8], deny_hosts: ["*"]}
attempts_per_number_and_day: off
quiet_hours: {from: "21:00", to: "08:00", zone: Europe/Zurich}
min_seconds_between_retries: {BUSY: 30, no_answer: 60}
""",
    )
    assert rules == DialRules(
        phone=PhoneRules(allow=("+41", "+43"), deny=("+4190",)),
        sip=SipRules(allow_hosts=("gw.example", "*.example", "::1/128", "10.0.0.0/8"), deny_hosts=("*",)),
        attempts_per_number_and_day=None,
        quiet_hours=QuietHours(21 * 60, 8 * 60, "Europe/Zurich"),
        min_seconds_between_retries={Outcome.BUSY: 30, Outcome.NO_ANSWER: 60},
    )
    assert NumberKind.EMERGENCY not in rules.phone.deny_kinds


def test_each_fault_has_its_line_and_its_path(tmp_path: Path) -> None:
    found = faults(
        tmp_path,
        """phone:
  allow: []
  deny: ["41", "+41 79"]
  deny_kinds: [premium, null]
sip:
  allow_hosts: [loopback/8, "a b", bücher.example, 0x7f.1, 10.0.0.1/8]
  hosts: [x]
attempts_per_number_and_day: 0
quiet_hours:
  from: "9:00"
  zone: Mars/Olympus
min_seconds_between_retries: {ANSWERED: 1, BUSY: -1}
minimum: 3
""",
    )
    assert [fault.partition(": ")[0] for fault in found] == [
        f"rules.yaml:{line}" for line in (2, 3, 3, 4, 4, 6, 6, 6, 6, 6, 7, 8, 9, 10, 11, 12, 12, 13)
    ]
    assert found[0].startswith("rules.yaml:2: phone.allow: is empty")
    assert found[1].startswith("rules.yaml:3: phone.deny[0]: is not a prefix")
    assert any("quiet_hours.zone: is not a time zone" in fault for fault in found)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "# nothing",
        "[]",
        "phone: []",
        "phone:",
        'quiet_hours: {from: "08:00", to: "08:00"}',
        'quiet_hours: {from: "08:00"}',
        "quiet_hours: off",
        "attempts_per_number_and_day: 10001",
        "attempts_per_number_and_day: many",
        'phone: {deny: ["+41"], deny: ["+43"]}',
        f"phone: {{deny: [{', '.join(['+41'] * 1001)}]}}",
        'phone: {deny: ["+٤١"]}',
    ],
)
def test_files_that_are_refused(tmp_path: Path, text: str) -> None:
    assert faults(tmp_path, text)


@pytest.mark.parametrize("text", ["phone: &a {}", "phone: !!python/object:os.system {}"])
def test_nothing_of_yaml_that_does_more_than_it_says(tmp_path: Path, text: str) -> None:
    assert faults(tmp_path, text)
