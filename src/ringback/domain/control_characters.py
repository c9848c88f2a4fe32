"""Control characters: no text or URI that is stored has one."""

import re

# C0, DEL and C1: they would garble logs and agents' screens.
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
# Escaped as UTF-8, and also in the overlong form of two bytes, which lenient decoders take. A lone byte such as
# %85 is none: in UTF-8 it is a part of another character, and in Windows-1252 a character that is printed.
_ESCAPED = re.compile("%(?:[01][0-9a-f]|7f|c2%[89][0-9a-f]|c0%[89][0-9a-f]|c1%bf)", re.ASCII | re.IGNORECASE)


def control_in_uri(uri: str) -> str | None:
    """Return what is wrong with a URI that has a control character, raw or escaped, in any of its parts.

    The text continues a sentence about the URI. An escape that is escaped itself ("%250d") is plain text.
    """
    if found := CONTROL.search(uri):
        return f"has a control character (U+{ord(found[0]):04X}) at character {found.start() + 1}"
    if found := _ESCAPED.search(uri):
        return f"has an escaped control character ({found[0].upper()}) at character {found.start() + 1}"
    return None
