"""Read, decide, compare and swap: how every use case changes callbacks."""

from collections.abc import Awaitable, Callable, Sequence

from ringback.domain.callback import Callback
from ringback.ports import Change, RevisionConflict, Store


async def change(
    store: Store, read: Callable[[], Awaitable[Callback]], decide: Callable[[Callback], Awaitable[Callback]]
) -> Callback:
    """Store what `decide` makes of what `read` finds, and answer it; `decide` answers its argument for no change.

    When somebody else was faster, reads and decides again: each round one of the competitors gets ahead, so this
    ends. Whatever `decide` raises is raised, and nothing is stored then.
    """
    while True:
        before = await read()
        after = await decide(before)
        if after is before:
            return before
        try:
            await store.apply([Change(before, after)])
        except RevisionConflict:
            continue
        return after


async def apply_each(store: Store, changes: Sequence[Change]) -> int:
    """Store those that nobody else was faster with; answers how many."""
    while changes:
        try:
            await store.apply(changes)
        except RevisionConflict as conflict:
            changes = [c for c in changes if c.before.callback_id not in conflict.callback_ids]
        else:
            break
    return len(changes)
