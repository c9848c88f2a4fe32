"""Characters that no text or URI that is stored has: control characters, and what is not seen."""

import re

# C0, DEL and C1: they would garble logs and agents' screens.
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
# Escaped as UTF-8, and also in the overlong form of two bytes, which lenient decoders take. A lone byte such as
# %85 is none: in UTF-8 it is a part of another character, and in Windows-1252 a character that is printed.
_ESCAPED = re.compile("%(?:[01][0-9a-f]|7f|c2%[89][0-9a-f]|c0%[89][0-9a-f]|c1%bf)", re.ASCII | re.IGNORECASE)

# They have no width, or turn the direction of what follows (Unicode, UAX 9): a text with one reads otherwise than it
# is, and an id with one looks like another id.
_UNSEEN = re.compile("[\u061c\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff\U000e0000-\U000e007f]")
# These two have no width either, but belong into words of some scripts and into emoji: between two characters there.
_STRAY_JOINER = re.compile("(?<![^\x00-\x7f\u200c\u200d])[\u200c\u200d]|[\u200c\u200d](?![^\x00-\x7f\u200c\u200d])")


def unseen_in(text: str) -> str | None:
    """Return what is wrong with a text that has a character which is not seen. The text continues a sentence."""
    if text.isascii():
        return None
    found = _UNSEEN.search(text) or _STRAY_JOINER.search(text)
    if found is None:
        return None
    return f"has a character that is not seen (U+{ord(found[0]):04X}) at character {found.start() + 1}"


def control_in_uri(uri: str) -> str | None:
    """Return what is wrong with a URI that has a control character, raw or escaped, or one that is not seen, anywhere.

    The text continues a sentence about the URI. An escape that is escaped itself ("%250d") is plain text.
    """
    if found := CONTROL.search(uri):
        return f"has a control character (U+{ord(found[0]):04X}) at character {found.start() + 1}"
    if found := _ESCAPED.search(uri):
        return f"has an escaped control character ({found[0].upper()}) at character {found.start() + 1}"
    return unseen_in(uri)
