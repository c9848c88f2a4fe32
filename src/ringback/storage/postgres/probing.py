"""Whether the database takes writes."""

from collections.abc import Sequence

from ringback.storage.postgres.transaction import Operation, Transaction


async def _probe(transaction: Transaction, requests: Sequence[None]) -> list[Exception | None]:
    """A write that means nothing."""
    await transaction.send("UPDATE ringback SET probes = probes + 1")
    return [None for _ in requests]


probe = Operation(_probe)
