"""The search in everything that is stored, in parts. A part reads so many rows, whatever is in them."""

from typing import Final

from ringback.domain.erasure import SEPARATORS


def _has_trace(text: str) -> str:
    """Return a condition. What has an escape is found in any case."""
    plain = text
    for separator in SEPARATORS:
        plain = f"replace({plain}, '{separator}', '')"
    return f"(instr({text}, '%') > 0 OR instr(lower({plain}), ?3) > 0)"


SEARCH_CALLBACKS: Final = f"""
    SELECT callback_id, CASE WHEN {_has_trace("body")} THEN body END, lease_expire_us FROM callback
     WHERE callback_id > ?1 ORDER BY callback_id LIMIT ?2
"""  # noqa: S608 - SQL of ours
SEARCH_EVENTS: Final = f"""
    SELECT number, kind, previous_state, previous, lease_expire_us, identity,
           CASE WHEN {_has_trace("(body || coalesce(previous, ''))")} THEN body END
      FROM event WHERE number > ?1 ORDER BY number LIMIT ?2
"""  # noqa: S608 - SQL of ours
EVENT_OWNERS: Final = "SELECT number, callback_id FROM event WHERE number > ? ORDER BY number LIMIT ?"
