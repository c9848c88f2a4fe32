"""What moves: the tables, the same in every dialect, and the facts about a database.

Not the leader, what dialers ask for, and the probes: they mean nothing once the servers have stopped.
"""

from dataclasses import dataclass
from typing import Final, NamedTuple

from ringback.storage.call_row import CALL_COLUMNS
from ringback.storage.callback_row import CALLBACK_COLUMNS
from ringback.storage.event_row import EVENT_COLUMNS
from ringback.storage.label_row import LABEL_COLUMNS
from ringback.storage.outcome_row import OUTCOME_COLUMNS


@dataclass(frozen=True, slots=True)
class Table:
    title: str
    name: str
    columns: tuple[str, ...]
    key: tuple[str, ...]

    @property
    def column_list(self) -> str:
        return ", ".join(self.columns)

    @property
    def select(self) -> str:
        """Return the query of all rows by key. All dialects compare texts by code points, so the order is the same."""
        return f"SELECT {self.column_list} FROM {self.name} ORDER BY {', '.join(self.key)}"  # noqa: S608 - ours


CALLBACKS: Final = Table("callbacks", "callback", CALLBACK_COLUMNS, ("callback_id",))
EVENTS: Final = Table("events", "event", ("number", *EVENT_COLUMNS), ("number",))
SERVICES: Final = Table("services", "service", ("service_id", "sip_address", "revision", "body"), ("service_id",))
_TURNS: Final = Table("turns", "service_turn", ("service_id", "credits", "revision"), ("service_id",))
_LABELS: Final = Table("labels", "callback_label", LABEL_COLUMNS, LABEL_COLUMNS)

_KEPT_PHONES: Final = Table("kept phones", "kept_phone", ("phone", "until_us"), ("phone",))
_DIALLED: Final = Table("dial-outs", "dialled", ("phone", "at_us"), ("phone", "at_us"))
_KEPT_CALLS: Final = Table("kept calls", "kept_call", CALL_COLUMNS, ("callback_id", "lease_fencing"))
_OUTCOMES: Final = Table("outcomes", "outcome_count", OUTCOME_COLUMNS, OUTCOME_COLUMNS[:-1])

# In the order in which they are filled: a turn refers to its service.
TABLES: Final = (SERVICES, _TURNS, CALLBACKS, _LABELS, _KEPT_PHONES, _DIALLED, _KEPT_CALLS, _OUTCOMES, EVENTS)
# A database with rows in any of these is not empty.
CONTENT: Final = (CALLBACKS, EVENTS, SERVICES)


class About(NamedTuple):
    """The facts about a database, which each dialect stores in its own way."""

    # Moves as well: resume tokens are bound to it.
    database_id: str
    services_version: int
    clock_jumps: int
    # The log has everything after `oldest` up to `newest`, also when that is nothing.
    oldest: int
    newest: int
