"""Callbacks as callers see them that see masked numbers only."""

import re
import unicodedata
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from ringback.domain.callback import Attempt, Callback
from ringback.domain.masked_callback import masked_callback
from ringback.domain.priority import Priority
from ringback.domain.request import CallbackRequest
from ringback.domain.target import Target
from ringback.v1 import callback_pb2 as pb
from ringback.wire.callbacks import write_callback
from tests.world.samples import NOW, new, offer

NUMBER = "41785556677"
TARGET = f"tel:+{NUMBER}"


def with_texts(callback: Callback, text: str) -> Callback:
    """Return the callback with this text wherever a text may be."""
    attempt = Attempt(
        number=1,
        dialer_id=text,
        fencing_token=1,
        start_time=NOW,
        detail=text,
        agent=text,
        disposition=text,
        call_ids=(text, f"1-{text}"),
    )
    return replace(
        callback,
        request=replace(
            callback.request,
            context_url=text,
            supervisor=text,
            description=text,
            external_task_id=text,
            caller_id=text,
            labels={f"k{text}": text},
        ),
        cancel_reason=text,
        attempts=(attempt,),
    )


def to(target: str, *, region: str = "", alternative: str = "", **fields: str) -> Callback:
    request = CallbackRequest(
        target=target,
        alternative_target=alternative,
        seconds_between_retries=1,
        service_id="00000000-0000-4000-8000-000000000001",
        priority=Priority.NORMAL,
        **fields,  # type: ignore[arg-type]
    )
    dialled = Target.parse(alternative or target, region).uri
    return replace(
        new(),
        request=request,
        dial_target=dialled,
        replaced_target=Target.parse(target, region).uri if alternative else "",
    )


def seen(callback: Callback) -> pb.Callback:
    """Return the message without ids and times, which have digits of their own."""
    message = pb.Callback()
    write_callback(masked_callback(callback), message)
    for field in message.DESCRIPTOR.fields:
        if field.name.endswith(("_id", "_time")):
            message.ClearField(field.name)  # type: ignore[arg-type]  # one of its own
    message.callback_request.ClearField("service_id")
    for attempt in message.attempts:
        attempt.ClearField("start_time")
    return message


def tells(text: str, number: str = NUMBER) -> bool:
    """Return whether six digits of the number follow each other, whatever is between them but what hides a digit."""
    rows = ["".join(re.findall("[0-9]", part)) for part in text.split("*")]
    return any(row[at : at + 6] in number for row in rows for at in range(len(row) - 5))


def strings(message: pb.Callback) -> list[str]:
    request = message.callback_request
    attempts = [text for a in message.attempts for text in (a.dialer_id, a.detail, a.agent, a.disposition, *a.call_ids)]
    labels = [text for pair in request.labels.items() for text in pair]
    return [
        *(message.dial_target, message.cancel_reason, message.leased_by, *attempts, *labels),
        *(value for _, value in request.ListFields() if isinstance(value, str)),
    ]


@pytest.mark.parametrize(
    "spelled",
    [
        "+41785556677",
        "0785556677",
        "785556677",
        "0041785556677",
        "+41 (0)78 555 66 77",
        "078/555.66-77",
        "%2B41785556677",
        "%2B41%2078%20555%2066%2077",
        "%34%31%37%38%35%35%35%36%36%37%37",
        "%2534%2531%2537%2538%2535%2535%2535%2536%2536%2537%2537",
        "100%41785556677",
        "0 7 8 5 5 5 6 6 7 7",
        "078<b>555</b>66&nbsp;77",
        "7.7.6.6.5.5.5.8.7.1.4.e164.arpa",
        "".join(chr(ord("\N{FULLWIDTH DIGIT ZERO}") + int(digit)) for digit in "0785556677"),
        "".join(unicodedata.lookup(f"ARABIC-INDIC DIGIT {unicodedata.name(d).split()[1]}") for d in "0785556677"),
        "a0785556677b0785556677",
        "555667",
    ],
)
@pytest.mark.parametrize("target", [TARGET, f"sip:+{NUMBER}@gateway.example", "sip:0785556677@gateway.example"])
def test_a_number_of_the_callback_is_hidden_in_every_text_however_it_is_spelled(spelled: str, target: str) -> None:
    message = seen(with_texts(to(target), f"call {spelled} please"))
    for text in strings(message):
        assert not tells("".join(str(unicodedata.digit(sign, sign)) for sign in text)), text
    assert message.callback_request.description.startswith("call ")
    assert message.callback_request.description.endswith(" please")


@pytest.mark.parametrize(
    "spelled",
    [
        "&#55;&#56;&#53;&#53;&#53;&#54;",
        "&#x37;&#X38;&#0053;&#x0035;&#53&#54;",
        r"\u0037\u0038\u0035\u0035\u0035\u0036",
        r"\x37\x38\x35\u{35}\u{35}\u{36}",
        "七八五五五六",
        "⑦⑧⑤⑤⑤⑥",
    ],
)
def test_a_number_is_hidden_in_the_escapes_and_signs_of_other_writers(spelled: str) -> None:
    assert seen(with_texts(to(TARGET), f"call {spelled}")).callback_request.description == "call ******"


def test_what_is_escaped_and_no_digit_stays() -> None:
    text = r"a&#107;b &#0; \u0041 %2F 1%202 &amp; ½"
    assert seen(with_texts(to(TARGET), text)).callback_request.description == text


@pytest.mark.long
@pytest.mark.parametrize(
    "text", ["%37%38%35%35%35%36" * 20_000, "785" * 20_000 + "556" * 20_000], ids=lambda text: text[:9]
)
def test_a_text_that_is_all_digits_is_read_a_few_times_however_long_it_is(text: str) -> None:
    """It would not end otherwise: each row of six that is hidden may join up others."""
    assert set(seen(to(TARGET, context_url=text)).callback_request.context_url) == {"*"}


@pytest.mark.parametrize(
    ("target", "region", "shown"),
    [
        (TARGET, "", "tel:+41 78 *** ** 77"),
        ("tel: +41 78 555 66 77", "", "tel:+41 78 *** ** 77"),
        ("TEL:+41(78)555-66-77", "", "tel:+41 78 *** ** 77"),
        ("tel:0785556677", "CH", "tel:+41 78 *** ** 77"),
        ("tel:+41785556677;ext=1234", "", "tel:+41 78 *** ** 77"),
        (
            "SIPS:+41785556677@Gateway.Example;user=phone?Subject=0785556677",
            "",
            "sips:+41 78 *** ** 77@gateway.example",
        ),
        ("sip:%2B%34%3178-555-66-77@gateway.example", "", "sip:+41 78 *** ** 77@gateway.example"),
        ("sip:anna.muster@example.com", "", "sip:***@example.com"),
    ],
)
def test_targets_are_shown_in_one_form(target: str, region: str, shown: str) -> None:
    message = seen(to(target, region=region))
    assert (message.callback_request.target, message.dial_target) == (shown, shown)
    assert message.callback_request.alternative_target == ""


def test_both_targets_are_masked() -> None:
    message = seen(to("tel:0785556677", region="CH", alternative="sip:anna@example.com"))
    request = message.callback_request
    assert request.target == "tel:+41 78 *** ** 77"
    assert request.alternative_target == message.dial_target == "sip:***@example.com"


def test_a_replaced_target_is_hidden_in_texts_and_so_is_the_one_of_an_earlier_request() -> None:
    callback = to("sip:anna@example.com")
    callback = replace(callback, first_request=replace(callback.request, target=TARGET))
    assert not any(map(tells, strings(seen(with_texts(callback, "was 078 555 66 77")))))


def test_the_name_of_a_sip_user_is_hidden_in_texts() -> None:
    message = seen(with_texts(to("sip:anna.muster@example.com"), "sip:Anna.Muster@example.com is away"))
    assert all("muster" not in text.lower() for text in strings(message))


def test_a_short_number_and_an_extension_are_hidden_in_texts_too() -> None:
    for target in ("sip:1234@pbx.example", "tel:+41785556677;ext=1234"):
        assert seen(with_texts(to(target), "extension 1234")).callback_request.description == "extension ****"


def test_numbers_of_others_are_hidden_too_and_what_is_no_number_stays() -> None:
    message = seen(with_texts(to(TARGET), "+44 20 7946 0958, order 4711 of 2026-11-29"))
    assert message.callback_request.description == "+** ** **** **58, order 4711 of 2026-11-29"


@pytest.mark.parametrize(
    ("uri", "shown"),
    [
        ("sip:support@cc.example", "sip:support@cc.example"),
        ("sip:+41785556677@cc.example;x=y", "sip:+41 78 *** ** 77@cc.example"),
        ("sip:support@cc.example?From=0785556677", "sip:support@cc.example?From=**********"),
    ],
)
def test_the_service_session_is_masked_where_it_has_a_number(uri: str, shown: str) -> None:
    callback = to(TARGET, incoming_service_sip_uri=uri)
    assert seen(callback).callback_request.incoming_service_sip_uri.replace("0***", "****") == shown


def test_the_dialer_that_has_it_is_masked() -> None:
    leased = offer(to(TARGET), dialer_id=f"softphone-{NUMBER}", at=NOW)
    assert seen(leased).leased_by == "softphone-***********"


SEPARATORS = st.text(alphabet=" -./()+_x%&;:'\"@#\N{NO-BREAK SPACE}", max_size=3)


@given(st.data(), st.sampled_from(["41785556677", "12125550123", "4930123456", "29012345", "8613912345678"]))
def test_no_six_digits_of_the_number_survive_whatever_is_between_them(data: st.DataObject, number: str) -> None:
    part = data.draw(st.sampled_from([number, number[1:], number[2:], "0" + number[2:], "00" + number]))
    spelled = "".join(digit + data.draw(SEPARATORS) for digit in part)
    before, after = data.draw(st.text(max_size=20)), data.draw(st.text(max_size=20))
    written = with_texts(to(f"tel:+{number}"), f"{before}{spelled}{after}")
    message = seen(written)
    for text, original in zip(strings(message), strings(pb_of(written)), strict=True):
        assert not tells(text, number)
        assert len(text) <= max(len(original), 255)
    assert len(message.callback_request.description) <= len(written.request.description)


def pb_of(callback: Callback) -> pb.Callback:
    message = pb.Callback()
    write_callback(callback, message)
    message.callback_request.ClearField("service_id")
    return message


def test_nothing_else_changes() -> None:
    callback = with_texts(to(TARGET), "nothing")
    shown = masked_callback(callback)
    same = replace(
        shown,
        request=replace(shown.request, target=callback.request.target),
        dial_target=callback.dial_target,
    )
    assert same == callback
    assert shown.expire_time - callback.expire_time == timedelta(0)
