"""A callback as a caller sees it that may see masked numbers only, in whatever field somebody has written one.

Digits of the callback's own numbers are hidden wherever six or more of them follow each other in a text: whatever
stands between them, with or without the country code, forwards or backwards, and percent-escaped or not.
"""

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final
from urllib.parse import unquote

from msgspec.structs import replace

from ringback.domain.callback import Attempt, Callback
from ringback.domain.masking import hide_numbers, masked
from ringback.domain.target import InvalidTarget, Target, user_part

_HIDDEN: Final = "*"
# So many digits of a number in a row tell it.
_TELLING: Final = 6
# Of a short number, such as an extension, all digits in a row are hidden, from so many on.
_SHORTEST: Final = 3
_DIGITS: Final = range(10)
# How often digits are hidden that have joined up.
_PASSES: Final = 4
# A digit that is escaped, in a URL (once or more often), in HTML, or in JSON; or anything else that is in a URL.
_ESCAPE: Final = re.compile(
    "%(?:25)*(?:3(?P<url>[0-9])|[0-9A-Fa-f]{2})"
    "|&#0{0,6}+(?:[xX]0{0,6}+3(?P<entity>[0-9])|(?P<code>4[89]|5[0-7]))(?![0-9A-Fa-f]);?"
    r"|\\[uUxX]\{?0{0,6}+3(?P<literal>[0-9])\}?"
)
_EXTENSION: Final = re.compile("ext=([0-9]+)", re.IGNORECASE)
# A digit, with its place in the text.
_Digit = tuple[str, int, int]


def masked_callback(callback: Callback) -> Callback:
    """Return the callback with masked numbers, and without the names of SIP users."""
    request = callback.request
    alternative = bool(request.alternative_target)
    hide = without_numbers(callback)
    return replace(
        callback,
        request=replace(
            request,
            target=_masked_as_sent(request.target, callback.replaced_target if alternative else callback.dial_target),
            alternative_target=masked(callback.dial_target) if alternative else "",
            incoming_service_sip_uri=_masked_incoming(request.incoming_service_sip_uri, hide),
            context_url=hide(request.context_url),
            supervisor=hide(request.supervisor),
            description=hide(request.description),
            external_task_id=hide(request.external_task_id),
            caller_id=hide(request.caller_id),
            labels={hide(key): hide(value) for key, value in request.labels.items()},
        ),
        first_request=None,
        dial_target=masked(callback.dial_target),
        replaced_target=masked(callback.replaced_target),
        cancel_reason=hide(callback.cancel_reason),
        attempts=tuple([_masked_attempt(attempt, hide) for attempt in callback.attempts]),
        lease=None if callback.lease is None else replace(callback.lease, dialer_id=hide(callback.lease.dialer_id)),
    )


def _masked_as_sent(text: str, canonical: str) -> str:
    """Return a target of the request as its canonical form is masked: how it was spelled would tell more."""
    if canonical:
        return masked(canonical)
    try:
        return masked(Target.parse(text).uri)
    except InvalidTarget:
        return masked(text)


def _masked_incoming(uri: str, hide: Callable[[str], str]) -> str:
    """Return the URI of a session: its user is a service's name, unless it is a number."""
    if not uri:
        return ""
    digits = sum(map(str.isdecimal, unquote(uri.partition("@")[0])))
    return masked(uri) if digits >= _TELLING else hide(uri)


def _masked_attempt(attempt: Attempt, hide: Callable[[str], str]) -> Attempt:
    return replace(
        attempt,
        dialer_id=hide(attempt.dialer_id),
        detail=hide(attempt.detail),
        agent=hide(attempt.agent),
        disposition=hide(attempt.disposition),
        # Some dialers make them of the numbers of a call. Addresses of hosts stay, they lead to no person.
        call_ids=tuple([hide(call_id) for call_id in attempt.call_ids]),
    )


# --- What is to be hidden ----------------------------------------------------------------------------------------


def without_numbers(callback: Callback) -> Callable[[str], str]:
    """Return a function that hides in a text what names the callback's phones. It makes no text longer."""
    users = {user for uri in _targets(callback) if (user := _user_of(uri))}
    numbers = {number for user in users for number in _numbers_in(user)}
    numbers |= {number for uri in _targets(callback) for number in _EXTENSION.findall(unquote(uri))}
    long = sorted(number for number in numbers if len(number) >= _TELLING)
    short = [re.compile(f"(?<![0-9]){number}(?![0-9])") for number in numbers if _SHORTEST <= len(number) < _TELLING]
    needles = "|".join([*long, *(number[::-1] for number in long)])
    names = [user for user in users if len(user) >= _SHORTEST and not _numbers_in(user)]
    name = re.compile("|".join(sorted(map(re.escape, names), key=len, reverse=True)), re.IGNORECASE) if names else None

    def hide(text: str) -> str:
        if not text:
            return text
        if name is not None:
            text = name.sub(_HIDDEN * _SHORTEST, text)
        for pattern in short:
            text = pattern.sub(lambda found: _HIDDEN * len(found[0]), text)
        text = _without_digits_of(needles, text) if needles else text
        return hide_numbers(text)  # also those of others

    return hide


def _targets(callback: Callback) -> Iterator[str]:
    yield callback.dial_target
    yield callback.replaced_target
    for request in (callback.request, callback.sent_request):
        yield request.target
        yield request.alternative_target


def _user_of(target: str) -> str:
    try:
        return unquote(user_part(target)).partition(";")[0]
    except ValueError:
        return ""


def _numbers_in(user: str) -> Iterable[str]:
    """Return the number that a user is; none when it is a name."""
    digits = "".join(filter(str.isdecimal, user))
    letters = any(map(str.isalpha, user))
    return [digits] if digits and (not letters or len(digits) >= _TELLING) else []


# --- Digits in a text --------------------------------------------------------------------------------------------


def _without_digits_of(needles: str, text: str) -> str:
    """Hide every digit that is one of six or more in a row of one of the numbers, until there is none.

    In a text in which there is one time and again, since what is left joins up, all digits are hidden.
    """
    for _ in range(_PASSES):
        found = {place for digits in _readings(text) for place in _telling(needles, digits)}
        if not found:
            return text
        text = _with_hidden(text, found)
    return _with_hidden(text, {(start, end) for digits in _readings(text) for _, start, end in digits})


def _with_hidden(text: str, places: Iterable[tuple[int, int]]) -> str:
    parts: list[str] = []
    done = 0
    for start, end in sorted(places):
        if start >= done:  # or else it is within an escape that is hidden
            parts += text[done:start], _HIDDEN
            done = end
    return "".join([*parts, text[done:]])


def _readings(text: str) -> Iterable[Sequence[_Digit]]:
    """Return the digits of a text, as it stands and with its escapes decoded: which of them is meant is not known."""
    plain = [(str(value), place, place + 1) for place, sign in enumerate(text) if (value := _digit(sign)) is not None]
    if len(plain) < _TELLING:
        return ()
    escapes = list(_ESCAPE.finditer(text))
    if not escapes:
        return (plain,)
    within = {place for found in escapes for place in range(*found.span())}
    outside = [one for one in plain if one[1] not in within]
    decoded = [(sign, *found.span()) for found in escapes if (sign := _escaped_digit(found)) is not None]
    return plain, sorted([*outside, *decoded], key=lambda one: one[1])


def _escaped_digit(found: re.Match[str]) -> str | None:
    return chr(int(found["code"])) if found["code"] else found["url"] or found["entity"] or found["literal"]


def _digit(sign: str) -> int | None:
    if sign.isascii():
        return ord(sign) - ord("0") if sign.isdecimal() else None
    value = unicodedata.numeric(sign, None)  # also where words are written with one sign, as in Chinese
    return int(value) if value is not None and value in _DIGITS else None


def _telling(needles: str, digits: Sequence[_Digit]) -> Iterator[tuple[int, int]]:
    row = "".join(digit for digit, _, _ in digits)
    for start in range(len(row) - _TELLING + 1):
        if row[start : start + _TELLING] in needles:
            for _, begin, end in digits[start : start + _TELLING]:
                yield begin, end
