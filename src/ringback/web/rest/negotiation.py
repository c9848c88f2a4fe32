"""What of a body a client may send, and what it can take (RFC 9110 sections 8.3 and 12.5.1)."""

from collections.abc import Iterable, Sequence
from email.message import Message
from typing import Final, TypeAlias

Headers: TypeAlias = Iterable[tuple[bytes, bytes]]

JSON: Final = "application/json"
_TAKEN: Final = frozenset({"*/*", "application/*", JSON})


def is_json(headers: Headers) -> bool:
    """Return whether the content is said to be JSON in UTF-8, once."""
    said = _values(headers, b"content-type")
    if len(said) != 1:
        return False
    media_type, charset = _parsed(said[0])
    return media_type == JSON and charset.lower() in ("", "utf-8", "utf8")


def takes_json(headers: Headers) -> bool:
    """Return whether the client can take JSON, which it can where it does not say what it takes."""
    ranges = [part for value in _values(headers, b"accept") for part in value.split(",") if part.strip()]
    return not ranges or any(_is_wanted(part) for part in ranges)


def _is_wanted(media_range: str) -> bool:
    media_type, *parameters = (part.strip().lower() for part in media_range.split(";"))
    return media_type in _TAKEN and not any(_is_zero(parameter) for parameter in parameters)


def _is_zero(parameter: str) -> bool:
    name, _, value = parameter.partition("=")
    return name.strip() == "q" and set(value.strip()) <= set("0.") and value.strip() != ""


def _parsed(value: str) -> tuple[str, str]:
    """Return the media type in lower case, and the charset."""
    message = Message()
    message["content-type"] = value
    charset = message.get_param("charset", "")
    # One in the encoding of RFC 2231 is none that HTTP has.
    return message.get_content_type(), charset if isinstance(charset, str) else "unknown"


def _values(headers: Headers, name: bytes) -> Sequence[str]:
    return [value.decode("latin-1") for sent, value in headers if sent.lower() == name]
