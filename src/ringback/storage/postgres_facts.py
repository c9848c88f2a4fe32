"""What is seen of a PostgreSQL database, and how: a value and a function that can be had without the driver."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from msgspec import Struct

from ringback.domain.service import Service

LONG_TRANSACTION_S: Final = 300.0


class Standby(Struct, frozen=True):
    """A standby, as the primary sees it. Without the right to see more, there is its name only."""

    name: str
    state: str | None
    sync_state: str | None
    lag_s: float | None


class PostgresFacts(Struct, frozen=True, kw_only=True):
    """What a database is, and what it has."""

    version_number: int
    version: str
    encoding: str
    is_standby: bool
    clock: datetime
    """The clock of the database, at the middle of the question."""
    asked_at: datetime
    """The clock of this machine at that moment."""
    took_s: float
    size_bytes: int
    connections_allowed: int
    connections: int
    transaction_age: int
    durability: dict[str, str]
    schema_version: int
    """0 for a database that is empty."""
    newest_schema: int
    services: Sequence[Service]
    may_create: bool
    tables_without_rights: Sequence[str]
    tables_of_others: Sequence[str]
    long_transactions: int
    longest_transaction_s: float
    prepared_transactions: int
    standbys: Sequence[Standby]
