"""The Call-IDs of an attempt: by these its call is found in the traces of a PBX or an SBC."""

import re
from collections.abc import Sequence
from typing import Final

MAX_CALL_IDS: Final = 4
"""Of one report, and of an attempt."""
MAX_CALL_ID_LENGTH: Final = 255
# Wider than RFC 3261 section 25.1 (callid), since other networks have names for their calls, too.
_CALL_ID: Final = re.compile(f"[!-~]{{1,{MAX_CALL_ID_LENGTH}}}")


def call_id_violation(call_id: str) -> str | None:
    """Return what is wrong with a Call-ID, as the end of a sentence about it; None when nothing is."""
    if _CALL_ID.fullmatch(call_id):
        return None
    return f"is not 1 to {MAX_CALL_ID_LENGTH} characters of ASCII without blanks"


def joined(known: Sequence[str], reported: Sequence[str]) -> tuple[str, ...]:
    """Return the Call-IDs in the order in which they became known, none twice, and at most `MAX_CALL_IDS`."""
    return tuple(dict.fromkeys((*known, *reported)))[:MAX_CALL_IDS]
