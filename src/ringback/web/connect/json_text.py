"""JSON as it is sent, before anything is made of it (RFC 8259).

Strict where `json` is not: an object keeps all its pairs, so that a name that comes twice can be refused, and there are
no NaN, no numbers of any length, and no more values than a message of the contract can have.
"""

import json
import re
from collections.abc import Iterator
from typing import Final, Never

from ringback.domain.errors import UndecodableRequest

# More than a batch of 1000 requests has with all their fields and labels. In memory each value takes many times the
# bytes that it has in a text, so what has more is refused before it is parsed.
MAX_VALUES: Final = 300_000
_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
# No integer of the contract has more digits, and each digit more takes longer to convert.
_MAX_DIGITS: Final = 40
_SEPARATORS: Final = (b"{", b"[", b",")
# A string, or a character that stands between values.
_TOKEN: Final = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"?|[{\[,]', re.DOTALL)


class JsonObject(tuple[tuple[str, object], ...]):
    """The pairs of an object, in their order."""

    __slots__ = ()


class TooLong(float):
    """A number that is of no use, whatever its digits are."""


def read_json(data: bytes | bytearray) -> object:
    """Return the value that a text has. Raise `UndecodableRequest`."""
    data = data.removeprefix(_BYTE_ORDER_MARK)
    if _has_too_many_values(data):
        _refuse(f"has more than {MAX_VALUES} values")
    try:
        text = data.decode()
    except UnicodeDecodeError as fault:
        _refuse(f"is not UTF-8, from byte {fault.start} on")
    try:
        return _DECODER.decode(text)
    except json.JSONDecodeError as fault:
        _refuse(f"is no JSON, from line {fault.lineno}, column {fault.colno} on" if text.strip() else "is empty")
    except RecursionError:
        _refuse("is nested too deeply")


def _has_too_many_values(data: bytes | bytearray) -> bool:
    if sum(map(data.count, _SEPARATORS)) <= MAX_VALUES:
        return False
    return sum(1 for _ in _separators(data)) > MAX_VALUES


def _separators(data: bytes | bytearray) -> Iterator[None]:
    """Return what separates values, as far as it has to be counted. Strings are looked at, too, as many as may be."""
    found = strings = 0
    for token in _TOKEN.finditer(data):
        if token[0].startswith(b'"'):
            strings += 1
        if not token[0].startswith(b'"') or strings > 2 * MAX_VALUES:
            found += 1
            yield
        if found > MAX_VALUES:
            return


def _integer(digits: str) -> int | TooLong:
    return int(digits) if len(digits) <= _MAX_DIGITS else TooLong("inf")


def _no_constant(_: str) -> Never:
    _refuse("has NaN or Infinity, which JSON has not")


def _refuse(description: str) -> Never:
    raise UndecodableRequest(description)


_DECODER: Final = json.JSONDecoder(object_pairs_hook=JsonObject, parse_int=_integer, parse_constant=_no_constant)
