"""Erasure: which callbacks concern a phone, and what stays of them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from ringback.domain.callback import Attempt, Callback
from ringback.domain.erasure import SEPARATORS, concerns, erased, trace_of
from ringback.domain.faults import Faults
from ringback.domain.filter import CallbackFilter
from ringback.domain.key import ExternalTaskKey
from ringback.domain.planning import plan
from ringback.domain.priority import Priority
from ringback.domain.request import CallbackRequest, check
from ringback.domain.service import Service
from ringback.domain.target import phone_of
from ringback.domain.view import Area, View
from ringback.storage.body import write_callback
from tests.world.samples import NOW, SERVICE, every_state, new

PHONE = "tel:+41785556677"
SPELLINGS = (
    PHONE,
    "tel: +41 78 555 66 77",
    "TEL:+41(78)555-66.77",
    "tel:0785556677",
    "tel:078 555 66 77",
    "tel:0041785556677",
    "sip:+41785556677@gateway.example;user=phone",
    "sips:+41-78-555-66-77@other.example:5070;transport=tls",
    "sip:%2B%34%31785556677@gateway.example",
)
SWISS = replace(SERVICE, default_region="CH")


def to(target: str, alternative: str = "", service: Service = SWISS) -> Callback:
    request = CallbackRequest(
        target=target,
        alternative_target=alternative,
        seconds_between_retries=1,
        service_id=service.service_id,
        priority=Priority.NORMAL,
        caller_id="crm",
    )
    accepted = check(request, NOW, Faults(), region=service.default_region)
    assert accepted is not None
    return plan(accepted, service=service, callback_id="id", request_id="", now=NOW)


@pytest.mark.parametrize("spelled", SPELLINGS)
def test_a_phone_is_concerned_however_it_is_spelled(spelled: str) -> None:
    assert concerns(to(spelled), PHONE, "CH")


@pytest.mark.parametrize("spelled", SPELLINGS)
def test_also_where_it_is_not_what_is_dialled(spelled: str) -> None:
    replaced, other = to(spelled, "sip:anna@example.com"), to("sip:anna@example.com")
    assert concerns(replaced, PHONE, "CH")
    assert concerns(to("sip:anna@example.com", spelled), PHONE, "CH")
    assert concerns(replace(replaced, replaced_target=""), PHONE, "CH")
    for first in (to(spelled).request, to("sip:anna@example.com", spelled).request):
        assert concerns(replace(other, first_request=first), PHONE, "CH")
    assert not concerns(other, PHONE, "CH")


def test_a_national_number_of_a_service_that_is_gone_may_be_this_one() -> None:
    first = replace(to("sip:anna@example.com"), first_request=to("tel:0785556677").request)
    assert concerns(first, PHONE, "")
    assert not concerns(first, PHONE, "DE")
    assert not concerns(first, "tel:+41785556678", "")


@pytest.mark.parametrize(
    "other",
    ["tel:+41785556678", "tel:+41785556677;ext=1", "sip:+41785556677;ext=1@x.example", "sip:0785556677@x.example"],
)
def test_another_phone_is_not_concerned(other: str) -> None:
    assert not concerns(to(other), PHONE, "CH")


@pytest.mark.parametrize("spelled", SPELLINGS)
def test_every_spelling_has_the_trace(spelled: str) -> None:
    for callback in (to(spelled), to(spelled, "sip:anna@example.com"), to("sip:anna@example.com", spelled)):
        assert_traced(callback, PHONE)


def assert_traced(callback: Callback, phone: str) -> None:
    body = write_callback(callback)
    plain = body.lower().translate(str.maketrans("", "", SEPARATORS))
    assert "%" in body or trace_of(phone) in plain


@given(
    st.sampled_from(
        ["41785556677", "12125550123", "4930123456", "29012345", "3758105261733", "390612345678", "6834001"]
    ),
    st.lists(st.sampled_from(["", "-", ".", " ", "(", ")"]), min_size=14, max_size=14),
)
def test_a_number_has_its_trace_with_any_separators(number: str, separators: list[str]) -> None:
    target = "tel:+" + "".join(digit + separator for digit, separator in zip(number, separators, strict=False))
    callback = to(target)
    assert_traced(callback, phone_of(callback.dial_target))


@pytest.mark.parametrize(
    "target",
    [
        "sip:anna@example.com",
        "SIPS:anna.b-c@EXAMPLE.com:5070",
        "sip:example.com",
        "sip:anna@[2001:DB8:0::1]",
        "sip:a%26b@x.y",
    ],
)
def test_a_sip_address_has_its_trace(target: str) -> None:
    callback = to(target)
    phone = phone_of(callback.dial_target)
    assert_traced(callback, phone)
    assert concerns(callback, phone, "")


def test_what_stays_has_nothing_but_ids_times_and_the_state() -> None:
    attempt = Attempt(number=1, dialer_id="d", fencing_token=1, start_time=NOW, detail="PERSON", agent="PERSON")
    for callback in every_state():
        full = replace(
            callback,
            request=replace(
                callback.request,
                target="sip:PERSON@example.com",
                description="PERSON",
                context_url="https://PERSON",
                supervisor="PERSON",
                external_task_id="PERSON",
                incoming_service_sip_uri="sip:PERSON@x",
                labels={"PERSON": "PERSON"},
                caller_id="crm",
            ),
            dial_target="sip:PERSON@example.com",
            replaced_target="sip:PERSON@example.com",
            first_request=CallbackRequest(target="PERSON"),
            cancel_reason="PERSON",
            attempts=(attempt,),
        )
        left = erased(full)
        assert "PERSON" not in write_callback(left)
        assert left.erased
        assert not callback.erased
        assert erased(left) == left
        kept = ("callback_id", "service_id", "state", "revision", "create_time", "update_time", "end_time", "due_date")
        assert [getattr(left, name) for name in kept] == [getattr(full, name) for name in kept]
        assert left.request == CallbackRequest(caller_id="crm", priority=callback.request.priority)


def test_a_number_in_the_name_of_a_caller_does_not_stay() -> None:
    callback = to(PHONE)
    callback = replace(callback, request=replace(callback.request, caller_id="crm 0785556677"))
    assert "5556" not in write_callback(erased(callback))


@pytest.mark.parametrize(
    ("wanted", "told"),
    [
        (CallbackFilter(), True),
        (CallbackFilter(states=(new().state,)), True),
        (CallbackFilter(states=(every_state()[-2].state,)), False),
        (CallbackFilter(priorities=(Priority.LOW,)), False),
        (CallbackFilter(caller_ids=("crm",)), True),
        (CallbackFilter(caller_ids=("shop",)), False),
        (CallbackFilter(service_ids=(SERVICE.service_id,)), True),
        (CallbackFilter(service_ids=("another",)), False),
        (CallbackFilter(keys=("id",)), True),
        (CallbackFilter(keys=("another",)), False),
        (CallbackFilter(keys=(ExternalTaskKey(caller_id="crm", external_task_id="1"),)), True),
        (CallbackFilter(keys=(ExternalTaskKey(caller_id="shop", external_task_id="1"),)), False),
        (CallbackFilter(dial_target=PHONE), True),
        (CallbackFilter(dial_target=PHONE, states=(every_state()[-2].state,)), True),
        (CallbackFilter(supervisors=("s",)), True),
        (CallbackFilter(labels={"a": "b"}), True),
        (CallbackFilter(labels={"a": "b"}, service_ids=("another",)), False),
        (CallbackFilter(labels={"a": "b"}, view=View((Area(caller_ids=("shop",)),))), False),
        (CallbackFilter(view=View((Area(caller_ids=("shop",)),))), False),
    ],
)
def test_who_is_told_that_it_is_erased(wanted: CallbackFilter, told: bool) -> None:
    assert wanted.may_have_matched(erased(to(PHONE))) is told
