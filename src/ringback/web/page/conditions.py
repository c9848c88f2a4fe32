"""What a browser says that it has already, and that it takes compressed (RFC 9110, sections 13.1.2 and 12.5.3)."""

from collections.abc import Mapping


def has_already(if_none_match: str, etag: str) -> bool:
    """Return whether the client has the content with this ETag. The comparison is weak."""
    told = [each.strip().removeprefix("W/") for each in if_none_match.split(",")]
    return etag in told or "*" in told


def takes_gzip(accept_encoding: str) -> bool:
    """Return whether the client takes gzip. One that says nothing gets the bytes as they are."""
    said = _qualities(accept_encoding)
    named = [said[coding] for coding in ("gzip", "x-gzip") if coding in said]
    return max(named, default=said.get("*", 0.0)) > 0


def _qualities(accept_encoding: str) -> Mapping[str, float]:
    found = {}
    for part in accept_encoding.lower().split(","):
        coding, *parameters = (piece.strip() for piece in part.split(";"))
        found[coding] = min((_quality(parameter) for parameter in parameters), default=1.0)
    return found


def _quality(parameter: str) -> float:
    """Return what the parameter says. One that is none, or is no number, refuses the coding."""
    name, _, value = parameter.partition("=")
    try:
        return float(value) if name.strip() == "q" else 0.0
    except ValueError:
        return 0.0
