"""Header fields of a SIP message: ordered, names without case, short names equal long ones (RFC 3261 section 7.3)."""

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Final

# RFC 3261 section 7.3.3 and the registrations since (IANA, "SIP Parameters", header fields).
COMPACT: Final = {
    "a": "accept-contact",
    "b": "referred-by",
    "c": "content-type",
    "d": "request-disposition",
    "e": "content-encoding",
    "f": "from",
    "i": "call-id",
    "j": "reject-contact",
    "k": "supported",
    "l": "content-length",
    "m": "contact",
    "n": "identity-info",
    "o": "event",
    "r": "refer-to",
    "s": "subject",
    "t": "to",
    "u": "allow-events",
    "v": "via",
    "x": "session-expires",
    "y": "identity",
}

# Possessive, as all repetitions here: a peer sends what it likes, and nothing is tried twice. An open quote or angle
# bracket reaches to the end, so that a broken element never becomes several.
_ELEMENT: Final = re.compile(r'(?:[^,"<]++|"(?:[^"\\]++|\\.?)*+(?:"|\Z)|<[^>]*+(?:>|\Z))*+', re.DOTALL)
# A token (section 25.1), as the names of headers and methods are.
NAME: Final = re.compile(r"[A-Za-z0-9\-.!%*_+`'~]++")
# A line break would begin another header. NUL is allowed as quoted-pair only (section 25.1). Of the surrogates only
# those can be sent that stand for bytes of a peer which are not UTF-8.
_FORBIDDEN: Final = re.compile(r"[\r\n\ud800-\udc7f\udd00-\udfff]|(?<!\\)\x00")


class Headers:  # noqa: PLW1641 - it changes, so it has no hash
    """Pairs of name and value in their order. A value is kept as written, but for folded lines."""

    __slots__ = ("_fields",)

    def __init__(self, items: Iterable[tuple[str, str]] = ()) -> None:
        self._fields = [_field(name, value) for name, value in items]

    @classmethod
    def of_lines(cls, items: Iterable[tuple[str, str]]) -> "Headers":
        """Return headers that were lines of a message: their names are tokens, and no value has a line end."""
        headers = cls()
        headers._fields = [(_key(name), name, value) for name, value in items]
        return headers

    def names(self) -> list[str]:
        """Return the name of each line, in lower case and in its long form."""
        return [key for key, _, _ in self._fields]

    def items(self) -> list[tuple[str, str]]:
        return [(name, value) for _, name, value in self._fields]

    def copy(self) -> "Headers":
        copy = Headers()
        copy._fields = self._fields.copy()
        return copy

    def get(self, name: str) -> str | None:
        """Return the first header line of this name."""
        key = _key(name)
        for known, _, value in self._fields:
            if known == key:
                return value
        return None

    def lines(self, name: str) -> list[str]:
        key = _key(name)
        return [value for known, _, value in self._fields if known == key]

    def values(self, name: str) -> list[str]:
        """Return the elements of a comma-separated header, over all its lines. Empty ones are left out.

        Headers in which commas separate something else (WWW-Authenticate, Date, Subject) need `lines`.
        """
        return [element for line in self.lines(name) for element in split(line)]

    def add(self, name: str, value: str) -> None:
        """Append a line. Raise `ValueError` for a value that would end the line, and for a name that is no token."""
        self._fields.append(_field(name, value))

    def prepend(self, name: str, value: str) -> None:
        """Put a line before all others, as a Via is put. Raise `ValueError` as `add` does."""
        self._fields.insert(0, _field(name, value))

    def set(self, name: str, value: str) -> None:
        """Replace all lines of this name by one, at the place of the first. Raise `ValueError` as `add` does."""
        field = _field(name, value)
        places = [place for place, (known, _, _) in enumerate(self._fields) if known == field[0]]
        if not places:
            self._fields.append(field)
            return
        self._fields[places[0]] = field
        for place in reversed(places[1:]):
            del self._fields[place]

    def remove(self, name: str) -> None:
        key = _key(name)
        self._fields = [field for field in self._fields if field[0] != key]

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and self.get(name) is not None

    def __len__(self) -> int:
        return len(self._fields)

    def __eq__(self, other: object) -> bool:
        """Return whether the same names, in whatever form, have the same values in the same order."""
        if not isinstance(other, Headers):
            return NotImplemented
        return [field[::2] for field in self._fields] == [field[::2] for field in other._fields]

    def __repr__(self) -> str:
        # Values have telephone numbers and credentials (`trace.redacted` shows them without).
        return f"Headers({', '.join(name for _, name, _ in self._fields)})"


def first_of(text: str) -> str:
    """Return the first element of a header value; see `split`."""
    found = _ELEMENT.match(text)
    return found[0].strip(" \t") if found else ""


def split(text: str) -> list[str]:
    """Return the comma-separated elements of a header value; commas in quotes and in <> separate nothing."""
    elements, place = [], 0
    while place <= len(text):
        found = _ELEMENT.match(text, place)
        end = found.end() if found else len(text)
        if element := text[place:end].strip(" \t"):
            elements.append(element)
        place = end + 1
    return elements


def is_token(text: str) -> bool:
    """Return whether a text is a token."""
    return NAME.fullmatch(text) is not None


@lru_cache(maxsize=1024)  # messages have the same few names
def _key(name: str) -> str:
    key = name.lower()
    return COMPACT.get(key, key)


def _field(name: str, value: str) -> tuple[str, str, str]:
    if not is_token(name):
        raise ValueError("The name of a header is no token.")
    if _FORBIDDEN.search(value):
        raise ValueError(f"The value of {name} has a line break, a NUL, or half of a character.")
    return _key(name), name, value
