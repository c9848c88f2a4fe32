"""Services and their updates: nothing is lost, nothing is invented, and every fault has its path."""

from collections.abc import Callable, Mapping
from datetime import timedelta

import pytest
from google.protobuf.duration_pb2 import Duration
from hypothesis import given, settings
from hypothesis import strategies as st

from ringback.domain.control_characters import unseen_in
from ringback.domain.dial_rules import DialRules, PhoneRules, SipRules
from ringback.domain.faults import Faults
from ringback.domain.number_kinds import NumberKind
from ringback.domain.opening_hours import OpeningHours, OpeningPeriod
from ringback.domain.outcome import Outcome
from ringback.domain.quiet_hours import QuietHours
from ringback.domain.service import FirstLeg, RetryRule, Service, TargetPolicy
from ringback.v1 import callback_pb2 as pb
from ringback.v1 import directory_service_pb2 as directory_pb
from ringback.wire.services import merge_service, read_service, write_service
from tests.world.wire import ID, SERVICE_ID, TIMES, at, fields, timestamp


def spans(low: timedelta, high: timedelta) -> st.SearchStrategy[timedelta]:
    return st.timedeltas(min_value=low, max_value=high)


PERIODS = st.builds(
    lambda day, minutes: OpeningPeriod(day, min(minutes), max(minutes)),
    st.integers(1, 7),
    st.sets(st.integers(0, 1440), min_size=2, max_size=2),
)
RULES = st.builds(
    RetryRule,
    retry=st.none() | st.booleans(),
    min_delay=spans(timedelta(0), timedelta(days=7)),
    max_retries=st.none() | st.integers(0, 100),
)
PREFIXES = st.lists(st.sampled_from(["+", "+41", "+1900"]), unique=True, max_size=3).map(tuple)
HOSTS = ["*", "h.example", "*.example", "203.0.113.0/24", "2001:db8::/32", "127.0.0.1/32"]
DIAL_RULES = st.builds(
    DialRules,
    phone=st.builds(
        PhoneRules,
        allow=PREFIXES.filter(bool),
        deny=PREFIXES,
        deny_kinds=st.frozensets(st.sampled_from(NumberKind)),
    ),
    sip=st.builds(
        SipRules,
        allow_hosts=st.lists(st.sampled_from(HOSTS), unique=True, min_size=1).map(tuple),
        deny_hosts=st.lists(st.sampled_from([*HOSTS, "loopback", "private"]), unique=True).map(tuple),
    ),
    attempts_per_number_and_day=st.none() | st.integers(1, 10_000),
    quiet_hours=st.none()
    | st.builds(QuietHours, st.integers(0, 719), st.integers(720, 1440), st.sampled_from(["target", "Europe/Zurich"])),
).filter(lambda rules: rules.quiet_hours is None or rules.quiet_hours.to_minute - rules.quiet_hours.from_minute < 1440)
ADDRESSES = st.sampled_from(["", "tel:+41445556677", "sip:a@b.example", "sips:+41445556677@b.example;user=phone"])
SERVICES = st.builds(
    Service,
    service_id=st.uuids().map(str),
    sip_address=st.sampled_from(["sip:sales@example.com", "sips:support@example.com:5061"]),
    display_name=st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=128).filter(
        lambda text: unseen_in(text) is None
    ),
    max_concurrent_calls=st.integers(0, 10_000),
    paused=st.booleans(),
    default_max_retries=st.integers(0, 100),
    ring_timeout=spans(timedelta(seconds=1), timedelta(minutes=5)),
    max_queue_time=spans(timedelta(minutes=1), timedelta(days=366)),
    opening_hours=st.builds(
        OpeningHours,
        time_zone=st.sampled_from(["UTC", "Europe/Zurich", "America/New_York"]),
        periods=st.lists(PERIODS, max_size=5).map(tuple),
        closed_dates=st.frozensets(st.dates(), max_size=5),
    ),
    retry_rules=st.dictionaries(st.sampled_from(list(Outcome)[1:]), RULES),
    first_leg=st.sampled_from(FirstLeg),
    priority_weights=st.tuples(*[st.integers(1, 100)] * 7),
    same_target_policy=st.sampled_from(TargetPolicy),
    caller_line_identity=ADDRESSES,
    caller_line_restricted=st.booleans(),
    agent_address=ADDRESSES,
    max_call_duration=st.none() | spans(timedelta(seconds=10), timedelta(days=1)),
    default_region=st.sampled_from(["", "CH"]),
    dial_rules=DIAL_RULES,
    keep_ended=st.none() | spans(timedelta(hours=1), timedelta(days=3660)),
    create_time=TIMES,
    update_time=TIMES,
    revision=st.integers(1, 2**31),
)
SALES = Service(
    service_id=SERVICE_ID,
    sip_address="sip:sales@example.com",
    display_name="Sales",
    max_concurrent_calls=3,
    paused=True,
    opening_hours=OpeningHours("Europe/Zurich", (OpeningPeriod(1, 480, 1020),)),
    retry_rules={Outcome.BUSY: RetryRule(min_delay=timedelta(minutes=1))},
    create_time=at(0),
    update_time=at(1),
    revision=5,
)


def written(service: Service) -> directory_pb.Service:
    message = directory_pb.Service()
    write_service(service, message)
    return message


def everything(message: directory_pb.Service) -> directory_pb.UpdateServiceRequest:
    request = directory_pb.UpdateServiceRequest(service=message)
    request.update_mask.paths.append("*")
    return request


@settings(deadline=None)
@given(SERVICES)
def test_a_service_comes_back_as_it_was(service: Service) -> None:
    faults = Faults()
    message = directory_pb.Service.FromString(written(service).SerializeToString())
    # Reading makes a draft; its identity and history come from the service that it is merged into.
    assert merge_service(everything(message), service, faults) == service
    assert fields(faults) == []


def test_a_new_service_gets_its_defaults() -> None:
    faults = Faults()
    draft = read_service(directory_pb.Service(sip_address="SIP:Sales@EXAMPLE.com"), faults)
    assert fields(faults) == []
    assert draft == Service(
        service_id="",
        sip_address="sip:Sales@example.com",
        create_time=draft.create_time,
        update_time=draft.update_time,
    )
    expected = directory_pb.Service(
        sip_address="sip:Sales@example.com",
        max_concurrent_calls=10,
        default_max_retries=3,
        ring_timeout=Duration(seconds=30),
        max_queue_time=Duration(seconds=7 * 86_400),
        time_zone="UTC",
        first_leg=directory_pb.FIRST_LEG_AGENT,
        priority_weights=[7, 6, 5, 4, 3, 2, 1],
        same_target_policy=directory_pb.TARGET_POLICY_ALLOW,
        create_time=timestamp(draft.create_time),
        update_time=timestamp(draft.update_time),
        etag="1",
    )
    assert written(draft) == expected


def test_the_address_of_agents_is_normalised_like_a_target() -> None:
    faults = Faults()
    sent = directory_pb.Service(
        sip_address="sip:s@example.com", agent_address="tel: 044 555 66 77", default_region="ch"
    )
    assert read_service(sent, faults).agent_address == "tel:+41445556677"
    assert fields(faults) == []


def test_zero_is_a_value_of_its_own() -> None:
    faults = Faults()
    draft = read_service(
        directory_pb.Service(
            service_id=SERVICE_ID.upper(),
            sip_address="sip:s@example.com",
            max_concurrent_calls=0,
            default_max_retries=0,
            retry_rules=[directory_pb.RetryRule(outcome=pb.CALL_OUTCOME_BUSY, retry=False, max_retries=0)],
        ),
        faults,
    )
    assert fields(faults) == []
    assert (draft.service_id, draft.max_concurrent_calls, draft.default_max_retries) == (SERVICE_ID, 0, 0)
    assert draft.retry_rules == {Outcome.BUSY: RetryRule(retry=False, max_retries=0)}


def set_rules(message: directory_pb.Service, *rules: directory_pb.RetryRule) -> None:
    del message.retry_rules[:]
    message.retry_rules.extend(rules)


def set_weights(message: directory_pb.Service, *weights: int) -> None:
    message.priority_weights[:] = weights


Spoil = Callable[[directory_pb.Service], object]
BUSY = pb.CALL_OUTCOME_BUSY

BAD_SERVICES: Mapping[str, tuple[Spoil, list[str]]] = {
    "id": (lambda m: setattr(m, "service_id", "x"), ["service_id"]),
    "no address": (lambda m: m.ClearField("sip_address"), ["sip_address"]),
    "tel: address": (lambda m: setattr(m, "sip_address", "tel:+41785556677"), ["sip_address"]),
    "long name": (lambda m: setattr(m, "display_name", "x" * 129), ["display_name"]),
    "calls below": (lambda m: setattr(m, "max_concurrent_calls", -1), ["max_concurrent_calls"]),
    "calls above": (lambda m: setattr(m, "max_concurrent_calls", 10_001), ["max_concurrent_calls"]),
    "retries": (lambda m: setattr(m, "default_max_retries", 101), ["default_max_retries"]),
    "ring short": (lambda m: m.ring_timeout.FromMilliseconds(999), ["ring_timeout"]),
    "ring long": (lambda m: m.ring_timeout.FromMilliseconds(300_001), ["ring_timeout"]),
    "ring malformed": (lambda m: setattr(m.ring_timeout, "nanos", -1), ["ring_timeout"]),
    "queue short": (lambda m: m.max_queue_time.FromSeconds(59), ["max_queue_time"]),
    "queue long": (lambda m: m.max_queue_time.FromSeconds(366 * 86_400 + 1), ["max_queue_time"]),
    "call short": (lambda m: m.max_call_duration.FromMilliseconds(9_999), ["max_call_duration"]),
    "call long": (lambda m: m.max_call_duration.FromMilliseconds(86_400_001), ["max_call_duration"]),
    "call of no time": (lambda m: m.max_call_duration.SetInParent(), ["max_call_duration"]),
    "agents nowhere": (lambda m: setattr(m, "agent_address", "support"), ["agent_address"]),
    "agents at a local number": (lambda m: setattr(m, "agent_address", "tel:0445556677"), ["agent_address"]),
    "agents far away": (lambda m: setattr(m, "agent_address", "sip:" + "a" * 252), ["agent_address"]),
    "agents with a control character": (lambda m: setattr(m, "agent_address", "sip:a%0D@b.ch"), ["agent_address"]),
    "zone": (lambda m: setattr(m, "time_zone", "Europe/Zuerich"), ["time_zone"]),
    "day": (lambda m: setattr(m.opening_hours[0], "day_of_week", 0), ["opening_hours[0].day_of_week"]),
    "open": (lambda m: setattr(m.opening_hours[0], "open_time", "8:00"), ["opening_hours[0].open_time"]),
    "period without times": (
        lambda m: m.opening_hours.add(day_of_week=directory_pb.DAY_OF_WEEK_MONDAY),
        ["opening_hours[1].open_time", "opening_hours[1].close_time"],
    ),
    "close": (lambda m: setattr(m.opening_hours[0], "close_time", "07:00"), ["opening_hours[0].close_time"]),
    "periods": (lambda m: m.opening_hours.extend([m.opening_hours[0]] * 100), ["opening_hours"]),
    "closed date": (lambda m: m.closed_dates.extend(["2026-12-25", "25.12.2026"]), ["closed_dates[1]"]),
    "closed dates": (lambda m: m.closed_dates.extend(["2026-12-25"] * 1001), ["closed_dates"]),
    "rule for nothing": (lambda m: set_rules(m, directory_pb.RetryRule()), ["retry_rules[0].outcome"]),
    "rule for success": (
        lambda m: set_rules(m, directory_pb.RetryRule(outcome=pb.CALL_OUTCOME_ANSWERED)),
        ["retry_rules[0].outcome"],
    ),
    "two rules for one": (
        lambda m: set_rules(m, directory_pb.RetryRule(outcome=BUSY), directory_pb.RetryRule(outcome=BUSY)),
        ["retry_rules[1].outcome"],
    ),
    "rule's delay": (
        lambda m: set_rules(
            m, directory_pb.RetryRule(outcome=BUSY, min_delay=Duration(seconds=7 * 86_400, nanos=1000))
        ),
        ["retry_rules[0].min_delay"],
    ),
    "rule's negative delay": (
        lambda m: set_rules(m, directory_pb.RetryRule(outcome=BUSY, min_delay=Duration(nanos=-1))),
        ["retry_rules[0].min_delay"],
    ),
    "rule's retries": (
        lambda m: set_rules(m, directory_pb.RetryRule(outcome=BUSY, max_retries=101)),
        ["retry_rules[0].max_retries"],
    ),
    "leg": (lambda m: setattr(m, "first_leg", 3), ["first_leg"]),
    "policy": (lambda m: setattr(m, "same_target_policy", 9), ["same_target_policy"]),
    "few weights": (lambda m: set_weights(m, 1, 2, 3), ["priority_weights"]),
    "many weights": (lambda m: set_weights(m, *[1] * 8), ["priority_weights"]),
    "bad weights": (
        lambda m: set_weights(m, 0, 1, 100, 1, 1, 1, 101),
        ["priority_weights[0]", "priority_weights[6]"],
    ),
}


@pytest.mark.parametrize(("spoil", "expected"), BAD_SERVICES.values(), ids=BAD_SERVICES.keys())
def test_bad_services(spoil: Spoil, expected: list[str]) -> None:
    faults = Faults()
    message = written(SALES)
    spoil(message)
    read_service(message, faults.under("service"))
    assert fields(faults) == [f"service.{field}" for field in expected]


def test_all_faults_of_a_service_are_found_at_once() -> None:
    faults = Faults()
    message = written(SALES)
    for spoil in (BAD_SERVICES["no address"], BAD_SERVICES["zone"], BAD_SERVICES["bad weights"]):
        spoil[0](message)
    read_service(message, faults)
    assert fields(faults) == ["sip_address", "time_zone", "priority_weights[0]", "priority_weights[6]"]


# --- Updates ---------------------------------------------------------------------------------------------------


def update(sent: directory_pb.Service, *paths: str) -> tuple[Service, Faults]:
    request = directory_pb.UpdateServiceRequest(service=sent)
    request.update_mask.paths.extend(paths)
    faults = Faults()
    return merge_service(request, SALES, faults), faults


def test_an_update_changes_what_it_names_and_nothing_else() -> None:
    sent = directory_pb.Service(
        service_id=SERVICE_ID, paused=False, display_name="Support", max_concurrent_calls=8, etag="5"
    )
    updated, faults = update(sent, "paused", "display_name")
    assert fields(faults) == []
    expected = written(SALES)
    expected.paused = False
    expected.display_name = "Support"
    assert written(updated) == expected


def test_a_field_that_is_named_but_unset_gets_its_default() -> None:
    updated, faults = update(
        directory_pb.Service(), "max_concurrent_calls", "opening_hours", "time_zone", "retry_rules"
    )
    assert fields(faults) == []
    assert updated.max_concurrent_calls == 10
    assert updated.opening_hours == OpeningHours()
    assert updated.retry_rules == {}
    assert (updated.display_name, updated.paused) == ("Sales", True)


def test_lists_and_messages_are_replaced_as_a_whole() -> None:
    sent = directory_pb.Service(priority_weights=[1] * 7, ring_timeout=Duration(nanos=0, seconds=5))
    updated, faults = update(sent, "priority_weights", "ring_timeout")
    assert fields(faults) == []
    assert (updated.priority_weights, updated.ring_timeout) == ((1,) * 7, timedelta(seconds=5))


def test_a_star_replaces_everything_but_the_identity() -> None:
    sent = directory_pb.Service(
        service_id=ID, sip_address="sip:new@example.com", etag="1", create_time=timestamp(at(50))
    )
    updated, faults = update(sent, "*")
    assert fields(faults) == []
    assert updated == Service(
        service_id=SERVICE_ID,
        sip_address="sip:new@example.com",
        create_time=SALES.create_time,
        update_time=SALES.update_time,
        revision=SALES.revision,
    )


@pytest.mark.parametrize(
    ("paths", "expected"),
    [
        ([], ["update_mask"]),
        (["color"], ["update_mask"]),
        (["ring_timeout.seconds"], ["update_mask"]),
        (["service_id", "create_time", "update_time", "etag"], ["update_mask"] * 4),
        (["paused", "", "*"], ["update_mask"]),
        (["color", "sip_address"], ["update_mask", "service.sip_address"]),
    ],
)
def test_bad_updates(paths: list[str], expected: list[str]) -> None:
    _, faults = update(directory_pb.Service(sip_address="x" if "color" in paths else "sip:a@b.ch"), *paths)
    assert fields(faults) == expected
