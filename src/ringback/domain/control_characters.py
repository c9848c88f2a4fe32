"""Characters that no text or URI that is stored has: control characters, and what is not seen."""

import re

# C0, DEL and C1: they would garble logs and agents' screens.
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
# Escaped as UTF-8, and also in the overlong form of two bytes, which lenient decoders take. A lone byte such as
# %85 is none: in UTF-8 it is a part of another character, and in Windows-1252 a character that is printed.
_ESCAPED = re.compile("%(?:[01][0-9a-f]|7f|c2%[89][0-9a-f]|c0%[89][0-9a-f]|c1%bf)", re.ASCII | re.IGNORECASE)

# They have no width, are blank, break a line, or turn the direction of what follows (Unicode, UAX 9 and the property
# Default_Ignorable_Code_Point): a text with one reads otherwise than it is, and an id with one looks like another id.
_UNSEEN = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\u3164\ufeff"
    "\uffa0\ufff0-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e007f]"
)
# These two have no width either, but belong into words of some scripts and into emoji: between two characters there.
_STRAY_JOINER = re.compile("(?<![^\x00-\x7f\u200c\u200d])[\u200c\u200d]|[\u200c\u200d](?![^\x00-\x7f\u200c\u200d])")
# These choose the form of the character before them: an ideograph of a name, an emoji, the digit on a key.
_SELECTORS = "\u180b-\u180d\u180f\ufe00-\ufe0f\U000e0100-\U000e01ef"
_STRAY_SELECTOR = re.compile(f'(?<![^\x00-"$-)+-/:-\x7f\u200c\u200d{_SELECTORS}])[{_SELECTORS}]')
_JOINER_OR_SELECTOR = re.compile(f"[\u200c\u200d{_SELECTORS}]")


def is_plain(text: str) -> bool:
    """Return whether all characters are ASCII and printed, as those of nearly all texts are: nothing is wrong then."""
    return text.isascii() and text.isprintable()


def unseen_in(text: str, *, is_id: bool = False) -> str | None:
    """Return what is wrong with a text that has a character which is not seen. The text continues a sentence.

    Joiners and variation selectors are right in what people write: Persian and Indian words, names, emoji. An id is
    compared and not read, so it has none: two that look the same would be two.
    """
    if text.isascii():
        return None
    found = _UNSEEN.search(text)
    if found is None and (first := _JOINER_OR_SELECTOR.search(text)) is not None:
        found = first if is_id else _STRAY_JOINER.search(text) or _STRAY_SELECTOR.search(text)
    if found is None:
        return None
    return f"has a character that is not seen (U+{ord(found[0]):04X}) at character {found.start() + 1}"


def control_in_uri(uri: str) -> str | None:
    """Return what is wrong with a URI that has a control character, raw or escaped, or one that is not seen, anywhere.

    The text continues a sentence about the URI. An escape that is escaped itself ("%250d") is plain text.
    """
    if is_plain(uri) and "%" not in uri:
        return None
    if found := CONTROL.search(uri):
        return f"has a control character (U+{ord(found[0]):04X}) at character {found.start() + 1}"
    if found := _ESCAPED.search(uri):
        return f"has an escaped control character ({found[0].upper()}) at character {found.start() + 1}"
    return unseen_in(uri)
