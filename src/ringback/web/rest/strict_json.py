"""JSON objects, read so that no two readers could read them differently (RFC 8259, and I-JSON: RFC 7493).

What is lenient in most readers is refused: a key twice, NaN, a lone surrogate, text after the end.
"""

import codecs
import json
import re
from typing import Any, Final, TypeAlias

from ringback.domain.errors import UndecodableRequest

# A path that begins with this has the contract's names already; handlers have ours.
SENT: Final = "$."
# Of one object. More are refused by their number alone: a body has room for a hundred thousand.
MAX_MEMBERS: Final = 100
# Of all values, also those within others, and of such signs in texts. A valid request has half as many at most. A body
# of nothing else would take a fifth of a second to read, in which nobody else is served.
_MAX_SIGNS: Final = 10_000
_SIGNS: Final = (b"[", b"{", b",", b'"')
# Of values within values. How deep Python's own reader goes depends on its version.
MAX_DEPTH: Final = 32
_STEPS: Final = {"[": 1, "{": 1, "]": -1, "}": -1}
# A text whole, or a bracket.
_STRUCTURE: Final = re.compile(r'[\[\]{}"](?:(?<=")[^"\\]*+(?:\\.[^"\\]*+)*+")?', re.DOTALL)
# More digits than any number of the contract has.
_MAX_DIGITS: Final = 20
_MAX_NAME_LENGTH: Final = 64
_SURROGATE: Final = re.compile(r"[\ud800-\udfff]")
_UNSAFE: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff\u2028\u2029]")


class Members(list[tuple[str, Any]]):
    """The members of one object, as they were sent: in their order, and with those that are there twice."""


class NoNumber:
    """What stands where a number was expected that JSON has not, such as NaN, or one that is too long to be read."""


# None, str, bool, int, float, list, Members or NoNumber.
Value: TypeAlias = Any


def read_members(body: bytes) -> Members:
    """Return the members of the object that a body is. Raise `UndecodableRequest` for what is no JSON, or no object."""
    if sum(body.count(sign) for sign in _SIGNS) > _MAX_SIGNS:
        raise _refused("has too many values")
    value = _parsed(_decoded(body))
    if not isinstance(value, Members):
        raise _refused("is not a JSON object")
    if len(value) > MAX_MEMBERS:
        raise _refused(f"has {len(value)} members; at most {MAX_MEMBERS} are read")
    return value


def shown(name: str) -> str:
    """Return a name that a client sent, so that it can be sent back: short, and valid UTF-8."""
    text = _UNSAFE.sub(lambda found: f"\\u{ord(found[0]):04x}", name[:_MAX_NAME_LENGTH])
    return text if len(name) <= _MAX_NAME_LENGTH else f"{text}…"


def without_braces(guid: str) -> str:
    """Return a GUID without the braces that some programs write around it."""
    return guid[1:-1] if guid.startswith("{") and guid.endswith("}") else guid


def text_fault(text: str) -> str:
    """Return what is wrong with a text of JSON, whatever it is for; "" if nothing is."""
    # Two escapes that make a pair have become one character by now.
    return "has a lone surrogate" if _SURROGATE.search(text) else ""


def _decoded(body: bytes) -> str:
    try:
        text = body.removeprefix(codecs.BOM_UTF8).decode()
    except UnicodeDecodeError as fault:
        raise _refused(f"is not UTF-8: the byte at {fault.start} begins no character") from None
    if not text.strip(" \t\r\n"):
        raise _refused("is empty; a JSON object is required")
    return text


def _parsed(text: str) -> Value:
    _check_depth(text)
    try:
        return _DECODER.decode(text)
    except json.JSONDecodeError as fault:
        raise _refused(f"is no JSON at line {fault.lineno}, column {fault.colno}") from None


def _check_depth(text: str) -> None:
    if text.count("[") + text.count("{") <= MAX_DEPTH:
        return
    depth = 0
    for found in _STRUCTURE.finditer(text):
        depth += _STEPS.get(found[0], 0)
        if depth > MAX_DEPTH:
            raise _refused("is nested too deep")


def _integer(digits: str) -> int | NoNumber:
    return int(digits) if len(digits) <= _MAX_DIGITS else NoNumber()


def _refused(description: str) -> UndecodableRequest:
    return UndecodableRequest(description, f"{SENT}body")


_DECODER: Final = json.JSONDecoder(
    object_pairs_hook=Members, parse_int=_integer, parse_constant=lambda _: NoNumber(), strict=True
)
