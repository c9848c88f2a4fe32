"""A server in this process, on an empty database, and a client of it."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any, Final, Self

from ringback.app import App
from ringback.application.callbacks.create import CreateCommand
from ringback.client import insecure_channel
from ringback.config import Listen, Settings
from ringback.domain.callback import State
from ringback.domain.faults import Faults
from ringback.ports.values import LoggedEvent
from ringback.v1 import callback_pb2 as cb
from ringback.v1 import callbacks_service_pb2 as pb
from ringback.v1.callbacks_service_pb2_grpc import CallbacksServiceStub
from ringback.v1.dialer_service_pb2_grpc import DialerServiceStub
from ringback.v1.directory_service_pb2 import CreateServiceRequest, Service
from ringback.v1.directory_service_pb2_grpc import DirectoryServiceStub
from ringback.wire.callbacks import read_request

_PATIENCE_S: Final = 30


class Subject:
    """The server, with one service that takes as many calls as there are."""

    def __init__(self, app: App, channel: Any) -> None:
        self.app = app
        self.callbacks: Any = CallbacksServiceStub(channel)
        self.dialers: Any = DialerServiceStub(channel)
        self.directory: Any = DirectoryServiceStub(channel)
        self.service_id = ""
        self._numbers = count(1)
        # How many callbacks have come to each state, as the listeners of the feed are told.
        self._reached: Counter[State] = Counter()
        self._told = asyncio.Event()
        app.use_cases.feed.listen(self._on_events)

    @classmethod
    @asynccontextmanager
    async def on(cls, database: Path) -> AsyncIterator[Self]:
        settings = Settings(listen=Listen("127.0.0.1", 0), database=database, dialer="none", lame_duck=timedelta(0))
        async with await App.start(settings) as app, insecure_channel(f"127.0.0.1:{app.port}") as channel:
            subject = cls(app, channel)
            service = Service(sip_address="sip:bench@cc.example", max_concurrent_calls=10_000)
            response = await subject.directory.CreateService(CreateServiceRequest(service=service))
            subject.service_id = response.service.service_id
            yield subject

    @asynccontextmanager
    async def told(self, state: State, times: int = 1) -> AsyncIterator[None]:
        """Leave the block when this many more have come to the state, and the listeners of the feed know it."""
        wanted = self._reached[state] + times
        yield
        async with asyncio.timeout(_PATIENCE_S):
            while self._reached[state] < wanted:
                self._told.clear()
                await self._told.wait()

    async def create(self, **fields: Any) -> cb.Callback:
        request = pb.CreateCallbackRequest(callback_request=self.request(**fields))
        callback: cb.Callback = (await self.callbacks.CreateCallback(request)).callback
        return callback

    def request(self, **fields: Any) -> cb.CallbackRequest:
        number = next(self._numbers)
        return cb.CallbackRequest(
            target=f"sip:answer@{number:012}.example",
            service_id=self.service_id,
            seconds_between_retries=60,
            priority=cb.PRIORITY_NORMAL,
            context_url=f"https://crm.example/cases/{number:012}",
            external_task_id=f"task-{number:012}",
            caller_id="crm",
            **fields,
        )

    def command(self) -> CreateCommand:
        """Return a request as the use cases take it."""
        return CreateCommand(read_request(self.request(), Faults()))

    def _on_events(self, events: Sequence[LoggedEvent]) -> None:
        self._reached.update(event.callback.state for event in events)
        self._told.set()
