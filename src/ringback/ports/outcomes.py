"""What a store keeps of how attempts and callbacks have ended."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from ringback.domain.ends import EndCount


class OutcomeStore(Protocol):
    """How often attempts and callbacks have ended how. Counted with the change by which they ended.

    Neither the deletion of a callback nor its erasure changes the counts: they have no target and no id.
    """

    async def outcomes(
        self, callers_of: Mapping[str, Collection[str] | None], begin: datetime, end: datetime, limit: int
    ) -> Sequence[EndCount]:
        """Return the counts of these services, each of these callers or, for None, of all, up to `limit` of them.

        Of the half hours that begin from `begin` on and before `end`; in the order of services, times and results;
        none that is 0.
        """
        ...
