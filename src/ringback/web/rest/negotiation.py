"""What of a body a client may send, and what it can take (RFC 9110 sections 8.3 and 12.5.1)."""

from collections.abc import Iterable, Sequence
from email.message import Message
from typing import Final, TypeAlias

Headers: TypeAlias = Iterable[tuple[bytes, bytes]]

JSON: Final = "application/json"
# From the one that says least to the one that says most.
_TAKEN: Final = ("*/*", "application/*", JSON)


def is_json(headers: Headers) -> bool:
    """Return whether the content is said to be JSON in UTF-8, once."""
    said = _values(headers, b"content-type")
    if len(said) != 1:
        return False
    media_type, charset = _parsed(said[0])
    return media_type == JSON and charset.lower() in ("", "utf-8", "utf8")


def takes_json(headers: Headers) -> bool:
    """Return whether the client can take JSON, which it can where it does not say what it takes.

    Of the ranges that JSON is in, the one that says it most exactly counts.
    """
    ranges = [part for value in _values(headers, b"accept") for part in value.split(",") if part.strip()]
    said: dict[int, bool] = {}
    for part in ranges:
        media_type, *parameters = (piece.strip().lower() for piece in part.split(";"))
        if media_type in _TAKEN:
            place = _TAKEN.index(media_type)
            said[place] = said.get(place, False) or not any(_is_zero(parameter) for parameter in parameters)
    return not ranges or (bool(said) and said[max(said)])


def _is_zero(parameter: str) -> bool:
    name, _, value = parameter.partition("=")
    return name.strip() == "q" and set(value.strip()) <= set("0.") and value.strip() != ""


def _parsed(value: str) -> tuple[str, str]:
    """Return the media type in lower case, and the charset."""
    message = Message()
    message["content-type"] = value
    charsets = [value for name, value in message.get_params([]) if name == "charset"]
    if len(charsets) > 1 or not all(isinstance(value, str) for value in charsets):
        # Which one counts is anybody's guess; one in the encoding of RFC 2231 is none that HTTP has.
        return message.get_content_type(), "unknown"
    return message.get_content_type(), charsets[0] if charsets else ""


def _values(headers: Headers, name: bytes) -> Sequence[str]:
    return [value.decode("latin-1") for sent, value in headers if sent.lower() == name]
