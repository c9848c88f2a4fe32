"""What a caller may ask for: every rule at, below and above its limit."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from ringback.domain import request as request_rules
from ringback.domain.control_characters import control_in_uri
from ringback.domain.errors import Fault, InvalidRequest
from ringback.domain.faults import Faults
from ringback.domain.priority import Priority
from ringback.domain.request import CallbackRequest, CheckedRequest, ServiceName, check, parse_guid

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
INSTANT = timedelta(microseconds=1)
DAY = timedelta(days=1)
GUID = "123e4567-e89b-12d3-a456-426614174000"
TEL = "tel:+41785556677"

VALID = CallbackRequest(
    target=TEL, seconds_between_retries=600, service_id=GUID, priority=Priority.NORMAL, caller_id="crm"
)


def asking(**changes: object) -> CallbackRequest:
    return replace(VALID, **changes)


def sip_of_length(length: int) -> str:
    return "sip:" + "a" * (length - len("sip:@x")) + "@x"


def violations(request: CallbackRequest, path: str = "callback_request") -> list[Fault]:
    faults = Faults()
    assert (check(request, NOW, faults.under(path)) is None) == bool(faults.violations)
    return faults.violations


def found(request: CallbackRequest, path: str = "callback_request") -> dict[str, str]:
    return {v.field: v.description for v in violations(request, path)}


# Words of Persian and emoji have joiners in them.
PERSIAN = "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645"
FAMILY = "\U0001f469\u200d\U0001f467 \u2764\ufe0f\u200d\U0001f525"
KEYCAP, IDEOGRAPH = "press 1\ufe0f\u20e3", "\u845b\U000e0100 \u260e\ufe0f"

ACCEPTED: Mapping[str, tuple[object, ...]] = {
    "target": (TEL, "tel: +41 78 555 66 77", "sip:alice@example.com", "sips:alice@example.com", sip_of_length(255)),
    "alternative_target": ("", TEL, "sip:alice@example.com", sip_of_length(255)),
    "max_retries": (None, 0, 1, 99, 100),
    "seconds_between_retries": (0, 1, 604799, 604800),
    "service_id": (GUID, GUID.upper()),
    "incoming_service_sip_uri": ("", "sip:support@example.com", sip_of_length(255)),
    "priority": (*Priority, *range(1, 10)),
    "context_url": (
        "",
        "https://crm.example.com/tickets/17?tab=1#top",
        "http://localhost:8080",
        "HTTPS://CRM.EXAMPLE.COM",
        "https://[2001:db8::1]/",
        "https://x/?q=%20%25%2F%C3%BC%E5%85%AC",  # the last has the octet 85, which is no C1 there
        "https://x/?q=%250d%250A",
        "https://x/" + "a" * 2038,
    ),
    "due_date": (None, datetime(1970, 1, 1, tzinfo=UTC), NOW, NOW + 366 * DAY),
    "supervisor": ("", "Ruth Müller", "a" * 128),
    "description": (
        "",
        "a" * 150,
        "\u00fc" * 150,
        "\U0001f4de" * 150,
        PERSIAN,
        FAMILY,
        KEYCAP,
        IDEOGRAPH,
        "press 1\ufe0f\u20e3",
        "\u845b\U000e0100 \u260e\ufe0f",
    ),
    "external_task_id": ("", "Task #1 / Zürich", "a" * 128),
    "caller_id": ("", "crm", "A-z_0.9", "CRM Zurich +41 a@b/c", "a" * 128),
    "expire_time": (None, NOW + INSTANT, NOW + 732 * DAY),
    "labels": (
        {},
        {"team": ""},
        {"k" * 63: "v" * 128, "\U0001f4de" * 63: "\U0001f4de" * 128},
        {f"key-{n}": "x" for n in range(16)},
    ),
}

REQUIRED_SECONDS = "is required (0 is a value)"
TOO_LONG_TARGET = "is longer than 255 characters"
NO_URL = "is not an https: or http: URL"
NO_GUID = "is not a GUID such as 123e4567-e89b-12d3-a456-426614174000"
CHARACTERS = "may contain letters A-Z and a-z, digits, blanks and + . - _ @ / only"
CONTROL = "contains a control character"

REFUSED: tuple[tuple[str, object, str], ...] = (
    ("target", "", "is required"),
    ("target", " ", "is empty"),
    ("target", "+41785556677", "must start with sip:, sips: or tel:"),
    ("target", sip_of_length(256), TOO_LONG_TARGET),
    ("alternative_target", " ", "is empty"),
    ("alternative_target", sip_of_length(256), TOO_LONG_TARGET),
    ("max_retries", -1, "-1 is not between 0 and 100"),
    ("max_retries", 101, "101 is not between 0 and 100"),
    ("seconds_between_retries", None, REQUIRED_SECONDS),
    ("seconds_between_retries", -1, "-1 is not between 0 and 604800"),
    ("seconds_between_retries", 604801, "604801 is not between 0 and 604800"),
    ("service_id", "", NO_GUID),
    ("service_id", GUID[:-1], NO_GUID),
    ("service_id", GUID + "0", NO_GUID),
    ("service_id", GUID.replace("-", ""), NO_GUID),
    ("service_id", "{" + GUID + "}", NO_GUID),
    ("service_id", GUID + "\n", NO_GUID),
    ("service_id", GUID.replace("1", "\uff11"), NO_GUID),
    ("incoming_service_sip_uri", TEL, "must start with sip: or sips:"),
    ("incoming_service_sip_uri", sip_of_length(256), TOO_LONG_TARGET),
    ("priority", 0, "is required"),
    ("priority", 10, "10 is not a known priority"),
    ("priority", -1, "-1 is not a known priority"),
    ("priority", 2**31 - 1, "2147483647 is not a known priority"),
    ("context_url", "crm.example.com", NO_URL),
    ("context_url", "ftp://example.com", NO_URL),
    ("context_url", "javascript:alert(1)", NO_URL),
    ("context_url", "https://", NO_URL),
    ("context_url", "https:///path", NO_URL),
    ("context_url", "https://user@", NO_URL),
    ("context_url", "https://x:65536/", NO_URL),
    ("context_url", "https://x:0/", NO_URL),
    ("context_url", "https://[::1", NO_URL),
    ("context_url", "https://x/a b", NO_URL),
    ("context_url", "https://x/\n", "has a control character (U+000A) at character 11"),
    ("context_url", "https://x/\x85", "has a control character (U+0085) at character 11"),
    ("context_url", "https://x\r/", "has a control character (U+000D) at character 10"),
    ("context_url", "https://x/a%00", "has an escaped control character (%00) at character 12"),
    ("context_url", "https://x/?a=%0d%0a", "has an escaped control character (%0D) at character 14"),
    ("context_url", "https://x/#%7f", "has an escaped control character (%7F) at character 12"),
    ("context_url", "https://x%1f/", "has an escaped control character (%1F) at character 10"),
    ("context_url", "https://a%09@x/", "has a user or a password in it"),
    ("context_url", "https://user@crm.example/", "has a user or a password in it"),
    ("context_url", "https://user:secret@crm.example/t/1", "has a user or a password in it"),
    ("context_url", "https://@crm.example/", "has a user or a password in it"),
    ("context_url", "https://crm.example/\u202e", "has a character that is not seen (U+202E) at character 21"),
    ("supervisor", "a\u200bb", "has a character that is not seen (U+200B) at character 2"),
    ("description", "\ufeffa", "has a character that is not seen (U+FEFF) at character 1"),
    ("description", "pay \u202e05\u202c", "has a character that is not seen (U+202E) at character 5"),
    ("description", "\u2067a\u2069", "has a character that is not seen (U+2067) at character 1"),
    ("description", "\U0001f469\u200d", "has a character that is not seen (U+200D) at character 2"),
    ("description", "\u06cc\u200c\u200c\u062e", "has a character that is not seen (U+200C) at character 2"),
    ("description", "\U000e0041", "has a character that is not seen (U+E0041) at character 1"),
    ("external_task_id", "\u0915\u094d\u200d\u0937", "has a character that is not seen (U+200D) at character 3"),
    ("external_task_id", "\u260e\ufe0f", "has a character that is not seen (U+FE0F) at character 2"),
    ("description", "a\ufe0f", "has a character that is not seen (U+FE0F) at character 2"),
    ("description", "\ufe0f", "has a character that is not seen (U+FE0F) at character 1"),
    ("description", "a\u00adb", "has a character that is not seen (U+00AD) at character 2"),
    ("description", "a\u2028b", "has a character that is not seen (U+2028) at character 2"),
    ("supervisor", "\u3164", "has a character that is not seen (U+3164) at character 1"),
    ("supervisor", "\u115f\u1160", "has a character that is not seen (U+115F) at character 1"),
    ("supervisor", "\uffa0", "has a character that is not seen (U+FFA0) at character 1"),
    ("external_task_id", "47\u200d11", "has a character that is not seen (U+200D) at character 3"),
    ("context_url", "https://x/%25%0a", "has an escaped control character (%0A) at character 14"),
    ("context_url", "https://x/%C2%9f", "has an escaped control character (%C2%9F) at character 11"),
    ("context_url", "https://x/%c0%8a", "has an escaped control character (%C0%8A) at character 11"),
    ("context_url", "https://x/" + "a" * 2039, "has 2049 characters; at most 2048 are allowed"),
    ("due_date", NOW + 366 * DAY + INSTANT, "is more than 366 days ahead"),
    ("supervisor", "a" * 129, "has 129 characters; at most 128 are allowed"),
    ("supervisor", "a\tb", CONTROL),
    ("description", "\U0001f4de" * 151, "has 151 characters; at most 150 are allowed"),
    ("description", "a\nb", CONTROL),
    ("description", "a\x7fb", CONTROL),
    ("description", "a\x9fb", CONTROL),
    ("external_task_id", "a" * 129, "has 129 characters; at most 128 are allowed"),
    ("external_task_id", "a\x00b", CONTROL),
    ("caller_id", "a" * 129, "has 129 characters; at most 128 are allowed"),
    ("caller_id", "a,b", CHARACTERS),
    ("caller_id", "a\tb", CHARACTERS),
    ("caller_id", "zürich", CHARACTERS),
    ("caller_id", "crm\n", CHARACTERS),
    ("expire_time", NOW, "is in the past"),
    ("expire_time", NOW - INSTANT, "is in the past"),
    ("expire_time", NOW + 732 * DAY + INSTANT, "is more than 732 days ahead"),
    ("labels", {f"key-{n:02}": "x" for n in range(17)}, "has 17 pairs; at most 16 are allowed"),
    ("labels", {"": "x"}, "has an empty key"),
)


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in ACCEPTED.items() for value in values])
def test_accepted(name: str, value: object) -> None:
    assert found(asking(**{name: value})) == {}


@pytest.mark.parametrize(("name", "value", "description"), REFUSED)
def test_refused(name: str, value: object, description: str) -> None:
    refusals = violations(asking(**{name: value}))
    assert {v.field for v in refusals} == {f"callback_request.{name}"}
    assert any(description in v.description for v in refusals), refusals


def test_every_field_has_a_limit_that_is_tested() -> None:
    names = set(CallbackRequest.__struct_fields__) - {"service_sip"}  # below, with the service
    assert set(ACCEPTED) == names == {name for name, *_ in REFUSED}


# --- The service: one of two fields ----------------------------------------------------------------------------


@pytest.mark.parametrize("service_sip", ["sip:support@example.com", "sips:support@example.com", sip_of_length(255)])
def test_a_service_named_by_its_address(service_sip: str) -> None:
    assert found(asking(service_id=None, service_sip=service_sip)) == {}


@pytest.mark.parametrize(
    ("service_sip", "description"),
    [
        (None, {"callback_request.service": "is required: set service_id or service_sip"}),
        ("", {"callback_request.service_sip": "is empty"}),
        (sip_of_length(256), {"callback_request.service_sip": TOO_LONG_TARGET}),
    ],
)
def test_a_service_named_badly(service_sip: str | None, description: dict[str, str]) -> None:
    assert found(asking(service_id=None, service_sip=service_sip)) == description


def test_a_service_is_no_telephone_number() -> None:
    assert list(found(asking(service_id=None, service_sip=TEL))) == ["callback_request.service_sip"]


# --- Labels ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ({"k" * 64: "x"}, {f"labels['{'k' * 63}'].key": "has 64 characters; at most 63 are allowed"}),
        ({"team": "v" * 129}, {"labels['team']": "has 129 characters; at most 128 are allowed"}),
        ({"team": "a\nb"}, {"labels['team']": CONTROL}),
        ({"te\nam": "a"}, {"labels['te\\nam'].key": CONTROL}),
        ({"b": "\n", "a": "\n"}, {"labels['a']": CONTROL, "labels['b']": CONTROL}),
    ],
)
def test_a_label_is_named_by_its_key(labels: dict[str, str], expected: dict[str, str]) -> None:
    assert found(asking(labels=labels), path="r") == {f"r.{name}": text for name, text in expected.items()}


# --- Expiry and due date ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("due_in", "expire_in", "description"),
    [
        (DAY, DAY + INSTANT, None),
        (DAY, DAY, "is not after due_date"),
        (DAY, DAY - INSTANT, "is not after due_date"),
        (-DAY, INSTANT, None),  # a past due date means now
        (-DAY, timedelta(0), "is in the past"),
        (366 * DAY, 732 * DAY, None),
    ],
)
def test_expiry_comes_after_the_due_date(due_in: timedelta, expire_in: timedelta, description: str | None) -> None:
    request = asking(due_date=NOW + due_in, expire_time=NOW + expire_in)
    assert found(request).get("callback_request.expire_time") == description


# --- All at once -----------------------------------------------------------------------------------------------


def test_all_violations_in_one_go_in_the_order_of_the_fields() -> None:
    bad = CallbackRequest(
        target="mailto:alice@example.com",
        alternative_target="0785556677",
        max_retries=101,
        service_id="7",
        incoming_service_sip_uri="x",
        priority=99,
        context_url="x",
        due_date=NOW + 367 * DAY,
        supervisor="\n",
        description="a" * 151,
        external_task_id="a" * 129,
        caller_id="a|b",
        expire_time=NOW,
        labels={"": "x"},
    )
    assert [v.field.removeprefix("callback_request.") for v in violations(bad)] == [
        "target",
        "alternative_target",
        "max_retries",
        "seconds_between_retries",
        "service_id",
        "incoming_service_sip_uri",
        "priority",
        "context_url",
        "due_date",
        "supervisor",
        "description",
        "external_task_id",
        "caller_id",
        "expire_time",
        "labels",
    ]


def test_an_empty_request_lacks_what_is_required() -> None:
    assert found(CallbackRequest()) == {
        "callback_request.target": "is required",
        "callback_request.seconds_between_retries": REQUIRED_SECONDS,
        "callback_request.service": "is required: set service_id or service_sip",
        "callback_request.priority": "is required",
    }


def test_a_field_can_have_two_violations() -> None:
    request = asking(description="\n" * 151)
    assert [v.description for v in violations(request)] == [
        "has 151 characters; at most 150 are allowed",
        CONTROL,
    ]


def test_the_path_is_that_of_the_request() -> None:
    path = "requests[3].callback_request"
    assert violations(asking(priority=0), path) == [Fault(f"{path}.priority", "is required")]
    assert str(InvalidRequest(violations(asking(priority=0), path))) == f"{path}.priority: is required"


text = st.text(max_size=300)
requests = st.builds(
    CallbackRequest,
    target=text,
    alternative_target=text,
    max_retries=st.none() | st.integers(-(2**31), 2**31 - 1),
    seconds_between_retries=st.none() | st.integers(-(2**31), 2**31 - 1),
    service_id=st.none() | text,
    service_sip=st.none() | text,
    incoming_service_sip_uri=text,
    priority=st.integers(-(2**31), 2**31 - 1),
    context_url=st.builds(
        "".join, st.lists(st.sampled_from(["http", "s", ":", "//", "x", "[", "]", "@", "?", "\u2100"]))
    ),
    due_date=st.none() | st.datetimes(timezones=st.just(UTC)),
    supervisor=text,
    description=text,
    external_task_id=text,
    caller_id=text,
    expire_time=st.none() | st.datetimes(timezones=st.just(UTC)),
    labels=st.dictionaries(text, text, max_size=3),
)


@given(requests)
def test_whatever_is_sent_is_judged(request: CallbackRequest) -> None:
    """The check never raises, and names no field that a request does not have."""
    names = set(CallbackRequest.__struct_fields__) | {"service"}
    for violation in violations(request):
        assert violation.field.removeprefix("callback_request.").partition("[")[0] in names
        assert violation.description


# --- Comparing -------------------------------------------------------------------------------------------------

OTHER: Mapping[str, object] = {
    "target": "sip:bob@example.com",
    "alternative_target": TEL,
    "max_retries": 0,
    "seconds_between_retries": 0,
    "service_id": None,
    "service_sip": "sip:support@example.com",
    "incoming_service_sip_uri": "sip:support@example.com",
    "priority": Priority.LOW,
    "context_url": "https://x",
    "due_date": NOW,
    "supervisor": "Ruth",
    "description": "x",
    "external_task_id": "x",
    "caller_id": "",
    "expire_time": NOW,
    "labels": {"team": "red"},
}


@given(st.sets(st.sampled_from(sorted(OTHER))))
def test_differing_fields(names: set[str]) -> None:
    changed = asking(**{name: OTHER[name] for name in names})
    in_order = tuple(name for name in CallbackRequest.__struct_fields__ if name in names)
    assert VALID.differing_fields(changed) == changed.differing_fields(VALID) == in_order
    assert (changed == VALID) == (not names)


def test_every_field_is_compared() -> None:
    assert set(OTHER) == set(CallbackRequest.__struct_fields__)


def test_requests_are_compared_as_sent() -> None:
    """Unset and the default are not the same, nor are two ways to write a number; a priority is its number."""
    assert VALID.differing_fields(asking(target="tel: +41785556677")) == ("target",)
    assert asking(max_retries=None).differing_fields(asking(max_retries=3)) == ("max_retries",)
    assert asking(due_date=None).differing_fields(asking(due_date=None)) == ()
    assert asking(priority=5).differing_fields(asking(priority=Priority.NORMAL)) == ()
    assert asking(labels={"a": "1", "b": "2"}).differing_fields(asking(labels={"b": "2", "a": "1"})) == ()


# --- What is dialled -------------------------------------------------------------------------------------------


def test_the_alternative_target_is_used_instead_of_the_target() -> None:
    assert read_of(VALID).target.uri == TEL
    assert read_of(asking(alternative_target="SIP:bob@Example.com")).target.uri == "sip:bob@example.com"


def test_the_service_is_named_by_id_or_by_address() -> None:
    assert read_of(asking(service_id=GUID.upper())).service == ServiceName("service_id", GUID)
    by_address = asking(service_id=None, service_sip="sip:Support@Example.com")
    assert read_of(by_address).service == ServiceName("service_sip", "sip:Support@example.com")


def read_of(request: CallbackRequest) -> CheckedRequest:
    checked = check(request, NOW, Faults())
    assert checked is not None
    return checked


@given(st.uuids())
def test_a_guid_has_one_form(guid: object) -> None:
    assert parse_guid(str(guid).upper()) == str(guid)


@given(st.from_regex(request_rules._PLAIN_URL, fullmatch=True))
def test_what_looks_like_a_plain_url_is_one(url: str) -> None:
    parts = urlsplit(url)
    assert parts.scheme in ("http", "https")
    assert parts.hostname
    assert parts.port is None
    assert control_in_uri(url) is None
