"""How often callbacks are encoded for watchers: counted in a server in this process, and the same in each run."""

import asyncio
import tempfile
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, Final

from bench.counts.counters import Counters
from bench.counts.subject import Subject
from bench.watches.figures import Encodes
from ringback.application.access import ANYBODY
from ringback.v1 import callbacks_service_pb2 as pb

WATCHERS: Final = 20
BACKLOG: Final = 1_500
SINGLE: Final = 10


async def encodes() -> Sequence[Encodes]:
    """Count in a server in this process."""
    with tempfile.TemporaryDirectory() as folder, Counters.on() as counters:
        async with Subject.on(Path(folder) / "counted.db") as subject, AsyncExitStack() as stack:
            token = (await subject.callbacks.ListCallbacks(pb.ListCallbacksRequest())).resume_token
            await subject.app.use_cases.creation.create_many(ANYBODY, [subject.command() for _ in range(BACKLOG)])
            request = pb.WatchCallbacksRequest(resume_token=token)
            streams = [subject.callbacks.WatchCallbacks(request) for _ in range(WATCHERS)]
            for stream in streams:
                stack.callback(stream.cancel)
            counters.reset()
            await asyncio.gather(*(_read(stream, BACKLOG) for stream in streams))
            behind = counters.read()["protobuf encodes"]
            counters.reset()
            for _ in range(SINGLE):
                await subject.app.use_cases.creation.create(ANYBODY, subject.command())
                await asyncio.gather(*(_read(stream, 1) for stream in streams))
            single = counters.read()["protobuf encodes"]
    return [
        Encodes("a backlog", WATCHERS, BACKLOG, behind),
        Encodes("single events", WATCHERS, SINGLE, single),
    ]


async def _read(stream: Any, events: int) -> None:
    while events > 0:
        events -= len((await stream.read()).events)
