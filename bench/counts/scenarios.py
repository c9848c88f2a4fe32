"""What is counted: creates and whole lives, alone and many at once; events for many watchers; bytes on the disk."""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

from google.protobuf.duration_pb2 import Duration

from bench.counts.counters import KINDS, Counters
from bench.counts.subject import Subject
from ringback.application.access import ANYBODY, Caller
from ringback.application.dispatch.lease_request import LeaseRequest
from ringback.domain.callback import State
from ringback.domain.outcome import Outcome
from ringback.ports.dialer import OutcomeReport
from ringback.v1 import callback_pb2 as cb
from ringback.v1 import callbacks_service_pb2 as pb
from ringback.v1 import dialer_service_pb2 as dialer

Action = Callable[[Subject], Awaitable[object]]
Counts = dict[str, dict[str, int]]

AT_ONCE: Final = 64
WATCHERS: Final = 10
# The least of this many counts: what the server does besides, now and then, only adds.
_TIMES: Final = 5
_STORED: Final = 10_000
_BATCH: Final = 100
_WAIT: Final = Duration(seconds=20)


async def count(counters: Counters, subject: Subject) -> Counts:
    """Count everything but the bytes. Creates are finished before the next thing is counted."""
    lives = {
        "a create, alone": (create, finish),
        "a life, alone": (live, None),
        f"{AT_ONCE} creates at once": (create_many, finish_many),
        f"{AT_ONCE} lives at once": (live_many, None),
    }
    counts = {name: await _least(counters, subject, *actions) for name, actions in lives.items()}
    async with _watching(subject) as watch:
        counts[f"a create, seen by {WATCHERS} watchers"] = await _least(counters, subject, watch, finish)
    return counts


async def _least(counters: Counters, subject: Subject, action: Action, afterwards: Action | None) -> dict[str, int]:
    rounds = []
    for _ in range(_TIMES):
        counters.reset()
        await action(subject)
        rounds.append(counters.read())
        if afterwards is not None:
            await afterwards(subject)
    return {kind: min(counted[kind] for counted in rounds) for kind in KINDS}


async def bytes_per_callback() -> int:
    """Return what a callback adds to the file of a database, with everything that is logged and indexed."""
    with tempfile.TemporaryDirectory() as folder:
        empty, filled = Path(folder) / "empty.db", Path(folder) / "filled.db"
        async with Subject.on(empty):
            pass
        async with Subject.on(filled) as subject:
            for _ in range(_STORED // _BATCH):
                await subject.app.use_cases.creation.create_many(ANYBODY, [subject.command() for _ in range(_BATCH)])
        return (filled.stat().st_size - empty.stat().st_size) // _STORED


# --- One after the other, over gRPC ------------------------------------------------------------------------------


async def create(subject: Subject) -> None:
    async with subject.told(State.QUEUED):
        await subject.create()


async def finish(subject: Subject) -> None:
    """Play the rest of a life."""
    async with subject.told(State.OFFERED):
        poll = dialer.LeaseCallbacksRequest(dialer_id="bench", max_leases=1, wait_duration=_WAIT)
        [lease] = (await subject.dialers.LeaseCallbacks(poll)).leases
    for progress, state in (
        (dialer.ATTEMPT_PROGRESS_DIALING, State.DIALING),
        (dialer.ATTEMPT_PROGRESS_CONNECTED, State.CONNECTED),
    ):
        async with subject.told(state):
            report = dialer.ReportProgressRequest(lease_token=lease.lease_token, progress=progress)
            await subject.dialers.ReportProgress(report)
    async with subject.told(State.COMPLETED):
        outcome = dialer.ReportOutcomeRequest(lease_token=lease.lease_token, outcome=cb.CALL_OUTCOME_ANSWERED)
        await subject.dialers.ReportOutcome(outcome)


async def live(subject: Subject) -> None:
    await create(subject)
    await finish(subject)


# --- Many at once, asked of the use cases in one step of the event loop, so that they are written together ---------


async def create_many(subject: Subject) -> None:
    async with subject.told(State.QUEUED, AT_ONCE):
        await asyncio.gather(
            *(subject.app.use_cases.creation.create(ANYBODY, subject.command()) for _ in range(AT_ONCE))
        )


async def finish_many(subject: Subject) -> None:
    dispatch = subject.app.use_cases.leases
    async with subject.told(State.OFFERED, AT_ONCE):
        assigner = subject.app.use_cases.assigner
        leased = await assigner.lease(ANYBODY, LeaseRequest(dialer_id="bench", max_leases=AT_ONCE))
    tokens = [callback.lease.token for callback in leased if callback.lease is not None]
    report = OutcomeReport(outcome=Outcome.ANSWERED)
    steps: Sequence[tuple[State, Callable[[Caller, str], Awaitable[Any]]]] = (
        (State.DIALING, dispatch.dialing),
        (State.CONNECTED, dispatch.connected),
        (State.COMPLETED, lambda caller, token: dispatch.ended(caller, token, report)),
    )
    for state, step in steps:
        async with subject.told(state, AT_ONCE):
            await asyncio.gather(*(step(ANYBODY, token) for token in tokens))


async def live_many(subject: Subject) -> None:
    await create_many(subject)
    await finish_many(subject)


# --- Watchers ----------------------------------------------------------------------------------------------------


@asynccontextmanager
async def _watching(subject: Subject) -> AsyncIterator[Action]:
    """Open watchers with the same filter; yield a create whose event comes to all of them."""
    request = pb.WatchCallbacksRequest(filter=cb.CallbackFilter(states=[cb.CALLBACK_STATE_QUEUED]))
    streams = [subject.callbacks.WatchCallbacks(request) for _ in range(WATCHERS)]

    async def heard() -> None:
        for stream in streams:
            while not (await stream.read()).events:
                pass

    async def watch(subject: Subject) -> None:
        await create(subject)
        await heard()

    try:
        await asyncio.gather(*(stream.read() for stream in streams))  # the first response comes at once
        yield watch
    finally:
        for stream in streams:
            stream.cancel()
