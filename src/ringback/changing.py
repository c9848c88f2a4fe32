"""Read, decide, compare and swap: how every use case changes callbacks."""

from collections.abc import Awaitable, Callable, Sequence

from ringback.domain.callback import Callback
from ringback.ports import Change, RevisionConflict, Store


async def change(
    store: Store, read: Callable[[], Awaitable[Callback]], decide: Callable[[Callback], Callback]
) -> Callback:
    """Store what `decide` makes of what `read` finds, and answer it; `decide` answers its argument for no change.

    When somebody else was faster, reads and decides again: each round one of the competitors gets ahead, so this
    ends. Whatever `decide` raises is raised, and nothing is stored then.
    """
    while True:
        before = await read()
        after = decide(before)
        if after is before:
            return before
        try:
            await store.apply([Change(before, after)])
        except RevisionConflict:
            continue
        return after


async def apply_each(store: Store, changes: Sequence[Change]) -> int:
    """Store those that nobody else was faster with, in one transaction when possible; answers how many."""
    try:
        await store.apply(changes)
    except RevisionConflict:
        if len(changes) == 1:
            return 0
        return sum([await apply_each(store, [change]) for change in changes])
    return len(changes)
