"""Erasure of a phone: which callbacks concern it, and what stays of those when everything about it is deleted."""

import re
from typing import Final

import phonenumbers

from ringback.domain.callback import Callback, dialled_phone
from ringback.domain.masked_callback import without_numbers
from ringback.domain.request import CallbackRequest
from ringback.domain.target import InvalidTarget, Target

SEPARATORS: Final = " -.()"
"""What may be between the signs of a target, wherever one is written; see `trace_of`."""

# The end of a number: what comes before it depends on whether it is dialled at home, abroad, or as it once was.
_TRACE_DIGITS: Final = 6
_GLOBAL: Final = re.compile(r"tel:(\+[0-9]+)")


def trace_of(phone: str) -> str:
    """Return a text that is in every spelling of the phone, in lower case and without separators.

    Only a spelling with an escape ("%") may be without it. Many other targets may have it, too.
    """
    if number := _GLOBAL.match(phone):
        return str(phonenumbers.parse(number[1]).national_number)[-_TRACE_DIGITS:]
    address = phone.partition(":")[2].lower().translate(str.maketrans("", "", SEPARATORS))
    return address.partition("[")[0]  # an IPv6 address has many spellings


def concerns(callback: Callback, phone: str, region: str) -> bool:
    """Return whether one of the callback's targets rings this phone: it need not be the one that is dialled.

    `region` is the default region of its service, "" when that is not known.
    """
    request, first = callback.request, callback.first_request
    if phone in (dialled_phone(callback.dial_target), dialled_phone(callback.replaced_target)):
        return True
    # A target that is replaced has no canonical form where an earlier version stored it.
    sent = [request.target] if request.alternative_target and not callback.replaced_target else []
    sent += [first.target, first.alternative_target] if first is not None else []
    return any(_rings(text, phone, region) for text in sent if text)


def _rings(text: str, phone: str, region: str) -> bool:
    """Return whether a target as it was sent rings the phone; where the region is not known, whether it may."""
    try:
        return Target.parse(text, region or _region_of(phone)).phone == phone
    except InvalidTarget:  # an earlier version accepted it
        return False


def _region_of(phone: str) -> str:
    number = _GLOBAL.match(phone)
    return phonenumbers.region_code_for_number(phonenumbers.parse(number[1])) or "" if number else ""


def erased(callback: Callback) -> Callback:
    """Return what stays of a callback: its ids, times and state. Whom it was for, and every text, does not.

    The log has it in place of each of its versions, so that those who follow the log from any point end up without it.
    """
    request = callback.request
    return Callback(
        callback_id=callback.callback_id,
        service_id=callback.service_id,
        request=CallbackRequest(priority=request.priority, caller_id=without_numbers(callback)(request.caller_id)),
        dial_target="",
        max_attempts=callback.max_attempts,
        state=callback.state,
        revision=callback.revision,
        create_time=callback.create_time,
        update_time=callback.update_time,
        due_date=callback.due_date,
        ready_time=callback.ready_time,
        next_attempt_time=callback.next_attempt_time,
        expire_time=callback.expire_time,
        queue_time=callback.queue_time,
        end_time=callback.end_time,
        cancel_time=callback.cancel_time,
        # What counts the open callbacks of each has counted this one.
        identity=callback.identity,
    )
