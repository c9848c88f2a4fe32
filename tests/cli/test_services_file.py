"""Services files: what they may contain, and how their faults are reported."""

import re
from pathlib import Path

import pytest
from google.protobuf.duration_pb2 import Duration

from ringback.cli.services_file import ServicesFileError, load, parse
from ringback.v1 import callback_pb2 as cb
from ringback.v1 import directory_service_pb2 as pb

WHOLE = """
- service_id: 01890a5d-ac96-774b-bcce-b302099a8057
  sip_address: sip:support@cc.example
  display_name: Support
  max_concurrent_calls: 3
  paused: yes
  default_max_retries: 0
  ring_timeout: 20s
  max_queue_time: 7d
  time_zone: Europe/Zurich
  opening_hours:
    fri-mon: 18:00-20:00
    Wednesday: [8:00-12:00, 13:00-24:00]
  closed_dates: [2026-12-25]
  retry_rules:
    busy: {min_delay: 2m, max_retries: 5}
    NO_ANSWER: {retry: no}
  first_leg: target
  priority_weights: [9, 8, 7, 6, 5, 4, 3]
  same_target_policy: return-existing
  agent_address: sip:support-agents@pbx.example
  max_call_duration: 45m
  caller_line_identity: tel:+41445556677
  caller_line_restricted: true
  default_region: CH
  dial_rules:
    phone: {allow: ["+41"], deny: ["+4190"], deny_kinds: [mobile]}
    sip: {allow_hosts: ["*.example", 203.0.113.0/24], deny_hosts: [private]}
    attempts_per_number_and_day: 3
    quiet_hours: {from: "21:00", to: "08:00"}
  keep_ended: 90d
- sip_address: sip:sales@cc.example
"""

BAD = """
- sip_address: sip:support@cc.example
  ring_timeot: 20s
  ring_timeout: 20
  paused: maybe
  display_name: [a]
  opening_hours:
    mon-fry: 08:00-12:00
    sat: 8-12
  retry_rules:
    bussy:
      min_dely: 2s
  closed_dates: 2026-12-25
- max_concurrent_calls: lots
  max_concurrent_calls: 3
- sales
"""


def test_every_setting() -> None:
    (support, named), (sales, sales_named) = parse(WHOLE, "services.yaml")
    assert support == pb.Service(
        service_id="01890a5d-ac96-774b-bcce-b302099a8057",
        sip_address="sip:support@cc.example",
        display_name="Support",
        max_concurrent_calls=3,
        paused=True,
        default_max_retries=0,
        ring_timeout=Duration(seconds=20),
        max_queue_time=Duration(seconds=7 * 86400),
        time_zone="Europe/Zurich",
        opening_hours=[
            pb.OpeningPeriod(day_of_week=day, open_time=open_time, close_time=close_time)
            for day, open_time, close_time in [
                (pb.DAY_OF_WEEK_FRIDAY, "18:00", "20:00"),
                (pb.DAY_OF_WEEK_SATURDAY, "18:00", "20:00"),
                (pb.DAY_OF_WEEK_SUNDAY, "18:00", "20:00"),
                (pb.DAY_OF_WEEK_MONDAY, "18:00", "20:00"),
                (pb.DAY_OF_WEEK_WEDNESDAY, "08:00", "12:00"),
                (pb.DAY_OF_WEEK_WEDNESDAY, "13:00", "24:00"),
            ]
        ],
        closed_dates=["2026-12-25"],
        retry_rules=[
            pb.RetryRule(outcome=cb.CALL_OUTCOME_BUSY, min_delay=Duration(seconds=120), max_retries=5),
            pb.RetryRule(outcome=cb.CALL_OUTCOME_NO_ANSWER, retry=False),
        ],
        first_leg=pb.FIRST_LEG_TARGET,
        priority_weights=[9, 8, 7, 6, 5, 4, 3],
        same_target_policy=pb.TARGET_POLICY_RETURN_EXISTING,
        agent_address="sip:support-agents@pbx.example",
        max_call_duration=Duration(seconds=2700),
        caller_line_identity="tel:+41445556677",
        caller_line_restricted=True,
        default_region="CH",
        dial_rules=pb.DialRules(
            phone=pb.PhoneRules(allow=["+41"], deny=["+4190"], deny_kinds=["mobile"]),
            sip=pb.SipRules(allow_hosts=["*.example", "203.0.113.0/24"], deny_hosts=["private"]),
            attempts_per_number_and_day=3,
            quiet_hours=pb.QuietHours(to="08:00", **{"from": "21:00"}),
        ),
        keep_ended=Duration(seconds=90 * 86400),
    )
    assert set(named) == {field.name for field in pb.Service.DESCRIPTOR.fields} - {
        "create_time",
        "update_time",
        "etag",
    }
    assert sales == pb.Service(sip_address="sip:sales@cc.example")
    assert sales_named == ("sip_address",)


def test_opening_hours_as_a_list() -> None:
    [(service, _)] = parse("- {sip_address: sip:a@b.example, opening_hours: [mon: 8:00-9:00, sun: 9:00-10:00]}", "f")
    days = [period.day_of_week for period in service.opening_hours]
    assert days == [pb.DAY_OF_WEEK_MONDAY, pb.DAY_OF_WEEK_SUNDAY]


def test_all_faults_with_their_lines() -> None:
    with pytest.raises(ServicesFileError) as caught:
        parse(BAD, "bad.yaml")
    faults = [fault.split(": ")[:2] for fault in str(caught.value).splitlines()]
    assert faults == [
        ["bad.yaml:3", "[0].ring_timeot"],
        ["bad.yaml:4", "[0].ring_timeout"],
        ["bad.yaml:5", "[0].paused"],
        ["bad.yaml:6", "[0].display_name"],
        ["bad.yaml:8", "[0].opening_hours.mon-fry"],
        ["bad.yaml:9", "[0].opening_hours.sat"],
        ["bad.yaml:12", "[0].retry_rules.bussy.min_dely"],
        ["bad.yaml:11", "[0].retry_rules.bussy"],
        ["bad.yaml:13", "[0].closed_dates"],
        ["bad.yaml:15", "[1].max_concurrent_calls"],
        ["bad.yaml:14", "[1].max_concurrent_calls"],
        ["bad.yaml:14", "[1]"],
        ["bad.yaml:16", "[2]"],
        ["bad.yaml:16", "[2]"],
    ]


@pytest.mark.parametrize("text", ["a: [", "services: []", "- !!python/object:os.system {}"])
def test_what_is_no_list_of_services(text: str) -> None:
    with pytest.raises(ServicesFileError, match=r"^f"):
        parse(text, "f")


def test_an_empty_file_wants_nothing() -> None:
    assert parse("# nothing yet\n", "f") == []


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(ServicesFileError, match="No such file"):
        load(tmp_path / "services.yaml")
    (tmp_path / "latin.yaml").write_bytes(b"\xff")
    with pytest.raises(ServicesFileError, match=r":1: is not in UTF-8"):
        load(tmp_path / "latin.yaml")


def test_the_file_of_make_run_has_the_service_of_the_command_that_it_shows() -> None:
    root = Path(__file__).parents[2]
    [recipe] = re.findall(r"^run:.*\n((?:\t.*\n)+)", (root / "Makefile").read_text(), re.MULTILINE)
    [file] = re.findall(r"--services (\S+)", recipe)
    [service] = re.findall(r"ringback create \S+ --service (\S+)", recipe)
    assert service in {wanted.service.sip_address for wanted in load(root / file)}
