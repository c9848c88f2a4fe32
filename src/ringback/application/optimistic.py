"""Read, decide, compare and swap: how every use case changes callbacks."""

from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from itertools import pairwise

from ringback.domain.callback import Callback
from ringback.domain.errors import RingbackError
from ringback.ports.errors import RevisionConflict
from ringback.ports.store import CallbackStore
from ringback.ports.values import Change


async def change(
    store: CallbackStore,
    read: Callable[[], Awaitable[Callback]],
    decide: Callable[[Callback], Awaitable[Sequence[Callback]]],
    remembered: Callback | None = None,
    as_change: Callable[[Callback, Callback], Change] = Change,
) -> Callback:
    """Store the versions that `decide` makes of what `read` finds, and return the last; no versions mean no change.

    When another writer was faster, read and decide again: each round one of the competitors succeeds, so this ends.
    Raise what `decide` raises, and store nothing then. A callback that is `remembered` saves the first read. It may
    be out of date: then nothing is decided by it, since the store compares revisions, and a refusal or a "nothing
    to change" is decided again after a read. `as_change` adds the conditions of a step from one version to the next.
    """
    if remembered is not None:
        with suppress(RevisionConflict, RingbackError):
            if versions := await decide(remembered):
                return await _store_versions(store, remembered, versions, as_change)
    while True:
        before = await read()
        versions = await decide(before)
        if not versions:
            return before
        with suppress(RevisionConflict):
            return await _store_versions(store, before, versions, as_change)


async def _store_versions(
    store: CallbackStore,
    before: Callback,
    versions: Sequence[Callback],
    as_change: Callable[[Callback, Callback], Change],
) -> Callback:
    await store.apply([as_change(earlier, later) for earlier, later in pairwise([before, *versions])])
    return versions[-1]


async def apply_each(store: CallbackStore, changes: Sequence[Change]) -> Sequence[Change]:
    """Store the changes with which no other writer was faster, and return those."""
    while changes:
        try:
            await store.apply(changes)
        except RevisionConflict as conflict:
            changes = [c for c in changes if c.before.callback_id not in conflict.callback_ids]
        else:
            break
    return changes
