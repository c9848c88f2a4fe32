"""Fields of a line of the log, for logs that programs read: `docs/logs.md`."""

from typing import Final

FIELDS: Final = "ringback_fields"
"""The key of `extra` under which a line has them: a mapping of names to texts and numbers. No library has the same."""
