"""A kept call as a row of the table `kept_call`."""

from typing import Final

from ringback.ports.calls import KeptCall
from ringback.storage.body import time_of, time_us
from ringback.storage.callback_row import Row

CALL_COLUMNS: Final = ("callback_id", "lease_fencing", "dialer", "owner", "kept_until_us", "body")


def call_row(call: KeptCall) -> Row:
    return (
        call.callback_id,
        call.fencing_token,
        call.dialer,
        call.owner,
        time_us(call.kept_until),
        call.body.decode(),
    )


def kept_call(callback_id: str, lease_fencing: int, dialer: str, owner: str, kept_until_us: int, body: str) -> KeptCall:
    return KeptCall(callback_id, lease_fencing, dialer, owner, time_of(kept_until_us), body.encode())
