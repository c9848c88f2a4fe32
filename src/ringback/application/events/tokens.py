"""Page and resume tokens: positions that a client keeps, opaque, and bound to the database and the filter."""

import base64
import binascii
import hashlib
import struct
import zlib
from dataclasses import dataclass
from uuid import UUID

from ringback.domain.callback import State
from ringback.domain.errors import PageTokenInvalid, ResumeTokenInvalid
from ringback.domain.filter import CallbackFilter
from ringback.domain.view import EVERYTHING

_PAGE, _RESUME, _HISTORY = b"P", b"R", b"H"
# kind, database, filter, event number, callback id or zeros; a checksum follows.
_LAYOUT = struct.Struct(">c8s8sQ16s")
_CHECKSUM = struct.Struct(">I")
_NO_ID = bytes(16)
# The largest event number that a token may hold: SQL integers are signed.
_MAX_NUMBER = 2**63 - 1


@dataclass(frozen=True, slots=True)
class PageToken:
    """The next page holds callbacks with an id below `before_id`; the first page was read after event `number`."""

    number: int
    before_id: str


@dataclass(frozen=True, slots=True)
class ResumeToken:
    """The watcher has everything up to event `number`.

    Within a snapshot this holds for the callbacks with ids up to `snapshot_after`; the others are still to come.
    """

    number: int
    snapshot_after: str | None = None


class Tokens:
    """The format of the tokens of one database and one filter."""

    def __init__(self, database_id: str, wanted: CallbackFilter) -> None:
        self._database = bytes.fromhex(database_id)
        self._filter = hashlib.sha256(_canonical(wanted).encode()).digest()[:8]

    def write_page(self, token: PageToken) -> str:
        return self._write(_PAGE, token.number, UUID(token.before_id).bytes)

    def read_page(self, text: str) -> PageToken:
        """Read a page token. Raise `PageTokenInvalid`."""
        try:
            number, position = self._read(_PAGE, text)
        except ValueError as fault:
            raise PageTokenInvalid(f"page_token {fault}") from None
        return PageToken(number, str(UUID(bytes=position)))

    def write_resume(self, token: ResumeToken) -> str:
        if token.snapshot_after is None:
            return self._write(_RESUME, token.number, _NO_ID)
        # A snapshot that has just begun has sent no callback: its boundary is the smallest id there is, less one.
        position = UUID(token.snapshot_after).bytes if token.snapshot_after else _BEFORE_ALL
        return self._write(_RESUME, token.number, position)

    def read_resume(self, text: str) -> ResumeToken:
        """Read a resume token. Raise `ResumeTokenInvalid`."""
        try:
            number, position = self._read(_RESUME, text)
        except ValueError as fault:
            raise ResumeTokenInvalid(f"resume_token {fault}") from None
        if position == _NO_ID:
            return ResumeToken(number)
        return ResumeToken(number, "" if position == _BEFORE_ALL else str(UUID(bytes=position)))

    def write_history(self, number: int, callback_id: str) -> str:
        """Write the token of the events of a callback after this one."""
        return self._write(_HISTORY, number, UUID(callback_id).bytes)

    def read_history(self, text: str, callback_id: str) -> int:
        """Return the number of the event that a token of this callback was written for. Raise `PageTokenInvalid`."""
        try:
            number, position = self._read(_HISTORY, text)
            if position != UUID(callback_id).bytes:
                raise ValueError("belongs to another callback")  # noqa: TRY301 - like all that may be wrong with it
        except ValueError as fault:
            raise PageTokenInvalid(f"page_token {fault}") from None
        return number

    def _write(self, kind: bytes, number: int, position: bytes) -> str:
        payload = _LAYOUT.pack(kind, self._database, self._filter, number, position)
        raw = payload + _CHECKSUM.pack(zlib.crc32(payload))
        return base64.urlsafe_b64encode(raw).decode().rstrip("=")

    def _read(self, kind: bytes, text: str) -> tuple[int, bytes]:
        """Return the number and the position. Raise `ValueError`, which says what is wrong with the token."""
        try:
            raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        except (binascii.Error, ValueError):
            raise ValueError("is malformed") from None
        payload, checksum = raw[: _LAYOUT.size], raw[_LAYOUT.size :]
        if len(payload) != _LAYOUT.size or checksum != _CHECKSUM.pack(zlib.crc32(payload)):
            raise ValueError("is malformed")
        found_kind, database, filter_digest, number, position = _LAYOUT.unpack(payload)
        if found_kind != kind:
            raise ValueError("is a token of another kind")
        if database != self._database:
            raise ValueError("comes from another database")
        if filter_digest != self._filter:
            raise ValueError("belongs to another filter")
        if number > _MAX_NUMBER:
            raise ValueError("is malformed")
        return number, position


def _canonical(wanted: CallbackFilter) -> str:
    """Write a filter as a text, the same for ever: clients keep tokens across upgrades of the server.

    It is the text that version 0.1 wrote for a filter, whatever the filter looks like today.
    """
    numbers = {state: number for number, state in enumerate(State, start=1)}
    states = tuple(_Verbatim(f"<State.{state.name}: {numbers[state]}>") for state in wanted.states)
    text = (
        f"CallbackFilter(keys={wanted.keys!r}, caller_ids={wanted.caller_ids!r}, service_ids={wanted.service_ids!r}, "
        f"states={states!r}, priorities={wanted.priorities!r}, supervisors={wanted.supervisors!r}, "
        f"labels={dict(wanted.labels)!r}, due_after={wanted.due_after!r}, due_before={wanted.due_before!r}, "
        f"dial_target={wanted.dial_target!r})"
    )
    if wanted.service_sips:  # not the ids of them: they may change, and the token stays valid
        text += f" service_sips={wanted.service_sips!r}"
    # What later versions added is written only where a filter has it.
    if wanted.external_task_ids:
        text += f" external_task_ids={wanted.external_task_ids!r}"
    if wanted.end_after is not None or wanted.end_before is not None:
        text += f" end_after={wanted.end_after!r} end_before={wanted.end_before!r}"
    view = wanted.view
    if view.areas != EVERYTHING.areas or not view.shows_identities:  # as granted, for the same reason
        text += f" view={[(area.caller_ids, area.services, area.masked) for area in wanted.view.areas]!r}"
    # A label map has no order; everything else in a filter has.
    return f"({text}, {sorted(wanted.labels.items())!r})" if wanted.labels else text


class _Verbatim(str):
    """A text that is its own `repr`, for use within the `repr` of a tuple."""

    __slots__ = ()
    __repr__ = str.__str__


# No callback has this id: version and variant bits are not those of a UUIDv7.
_BEFORE_ALL = b"\xff" * 16
