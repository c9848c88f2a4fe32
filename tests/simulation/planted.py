"""Bugs that are planted into the server, each of a kind that has cost somebody a callback, for the simulation to find.

Each is a few lines, as a careless change would be, and most are right most of the time.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

import pytest
from msgspec.structs import replace

from ringback.application.access import Caller
from ringback.application.callbacks import change as callback_changes
from ringback.application.callbacks import create
from ringback.application.events.feed import EventFeed
from ringback.application.events.tokens import ResumeToken, Tokens
from ringback.domain import lifecycle
from ringback.domain.callback import Callback, State
from ringback.domain.key import Key
from ringback.domain.planning import plan
from ringback.domain.priority import FRESH_ROUND
from ringback.domain.retry import retry_delay
from ringback.domain.service import Service
from ringback.ports.values import Agenda, LoggedEvent
from ringback.storage.body import write_json
from ringback.storage.sqlite import change, changed_rows
from ringback.storage.sqlite import store as sqlite_store
from ringback.storage.store import SqlStore
from tests.simulation import disk
from tests.simulation.disk import Disk

Plant = Callable[[pytest.MonkeyPatch], None]


def _lose_commits(patch: pytest.MonkeyPatch) -> None:
    """Acknowledge what is not stored: the disk takes one transaction of thirty, and forgets it."""
    commit = Disk.commit
    count = 0

    def forgetful(broken: Disk, *, is_ghost: bool) -> None:
        nonlocal count
        count += 1
        if count % 30 == 0:
            broken.raw.execute("ROLLBACK")
        else:
            commit(broken, is_ghost=is_ghost)

    patch.setattr(Disk, "commit", forgetful)


def _double_leases(patch: pytest.MonkeyPatch) -> None:
    """Hand a dialer's leases out again to its next poll, as if that were a repetition."""

    async def leased_for(store: SqlStore[Any, Any], dialer_id: str, _: str) -> Sequence[Callback]:
        return await store.held_by(dialer_id)

    patch.setattr(SqlStore, "leased_for", leased_for)


def _skip_events(patch: pytest.MonkeyPatch) -> None:
    """Let the followers of the log miss the last of several events that come at once."""
    append = EventFeed._append

    def careless(feed: EventFeed, events: Sequence[LoggedEvent]) -> None:
        append(feed, events[:-1] if len(events) > 3 else events)

    patch.setattr(EventFeed, "_append", careless)


def _forget_kept_phones(patch: pytest.MonkeyPatch) -> None:
    """Do not keep a phone that may still ring."""
    patch.setattr(change, "kept_phone", lambda _: None)


def _retry_too_early(patch: pytest.MonkeyPatch) -> None:
    def hasty(**rules: Any) -> Any:
        delay = retry_delay(**rules)
        return None if delay is None else replace(delay, duration=delay.duration * 0.9)

    patch.setattr(lifecycle, "retry_delay", hasty)


def _retry_too_often(patch: pytest.MonkeyPatch) -> None:
    def stubborn(*, max_attempts: int, **rules: Any) -> Any:
        return retry_delay(max_attempts=max_attempts + 1, **rules)

    patch.setattr(lifecycle, "retry_delay", stubborn)


def _lose_cancels(patch: pytest.MonkeyPatch) -> None:
    """Answer a cancel during a call, and tell nobody else of it."""
    cancel = callback_changes.CallbackChanges.cancel

    async def polite(
        changes: callback_changes.CallbackChanges, caller: Caller, key: Key, reason: str, etag: str
    ) -> Callback:
        callback = await changes._queries.get(caller, key)
        if callback.state is State.DIALING:
            return replace(callback, state=State.CANCELLING)
        return await cancel(changes, caller, key, reason, etag)

    patch.setattr(callback_changes.CallbackChanges, "cancel", polite)


def _compare_no_revisions(patch: pytest.MonkeyPatch) -> None:
    """Store a change whatever has become of the callback since it was read."""
    compared = re.compile(r"revision = (\S+) AND lease_expire_us IS (\S+)")
    for name in ("_update_of", "_update_many_of"):
        update_of = getattr(changed_rows, name)

        def blind(*rows: Any, update_of: Callable[..., str] = update_of, is_counted: bool) -> str:
            return compared.sub(r"coalesce(\1, \2, 1) > 0", update_of(*rows, is_counted=is_counted))

        patch.setattr(changed_rows, name, blind)


def _run_ahead_with_tokens(patch: pytest.MonkeyPatch) -> None:
    """Give watchers tokens for more than they were sent."""
    write_resume = Tokens.write_resume

    def eager(tokens: Tokens, position: ResumeToken) -> str:
        return write_resume(tokens, ResumeToken(position.number + 1, position.snapshot_after))

    patch.setattr(Tokens, "write_resume", eager)


def _forget_turns_at_start(patch: pytest.MonkeyPatch) -> None:
    """Begin every round robin anew when the server starts."""
    newest_of = sqlite_store.newest_of

    def fresh(database: Any) -> sqlite_store.Newest:
        database.execute("UPDATE service_turn SET credits = ?", (write_json(FRESH_ROUND),))
        return newest_of(database)

    patch.setattr(disk, "newest_of", fresh)


def _exceed_capacity(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Service, "capacity", property(lambda service: service.max_concurrent_calls + 1))


def _never_lapse(patch: pytest.MonkeyPatch) -> None:
    """Let no lease be over."""

    agenda = SqlStore.agenda

    async def patient(store: SqlStore[Any, Any], now: datetime, lapse_time: datetime, limit: int) -> Agenda:
        return replace(await agenda(store, now, lapse_time, limit), lapsed=())

    patch.setattr(SqlStore, "agenda", patient)


def _lapse_early(patch: pytest.MonkeyPatch) -> None:
    """Take leases for over while their dialers rely on them."""
    agenda = SqlStore.agenda

    async def impatient(store: SqlStore[Any, Any], now: datetime, lapse_time: datetime, limit: int) -> Agenda:
        return await agenda(store, now, lapse_time + timedelta(seconds=4), limit)

    patch.setattr(SqlStore, "agenda", impatient)


def _forget_request_ids(patch: pytest.MonkeyPatch) -> None:
    def forgetful(*args: Any, **named: Any) -> Callback:
        return plan(*args, **{**named, "request_id": ""})

    patch.setattr(create, "plan", forgetful)


PLANTED: Final[Mapping[str, Plant]] = {
    "a lost commit": _lose_commits,
    "a doubled lease": _double_leases,
    "a skipped event": _skip_events,
    "a forgotten kept phone": _forget_kept_phones,
    "a retry too early": _retry_too_early,
    "a retry too many": _retry_too_often,
    "a lost cancel": _lose_cancels,
    "a missing comparison of revisions": _compare_no_revisions,
    "a token ahead of events": _run_ahead_with_tokens,
    "a round robin that begins anew at a start": _forget_turns_at_start,
    "a place too many": _exceed_capacity,
    "a lease that never lapses": _never_lapse,
    "a lease that lapses early": _lapse_early,
    "a forgotten request id": _forget_request_ids,
}
