"""One server with so many callbacks waiting, and what is asked of it."""

import os
import random
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from itertools import count, cycle
from pathlib import Path
from typing import Any, Final, Self

from google.protobuf.duration_pb2 import Duration

from bench.backlog import SERVICES, service_id
from bench.processes import ServerProcess, serving
from bench.sqlite_backlog import SqliteBacklog
from ringback.client import insecure_channel
from ringback.v1 import callback_pb2 as cb
from ringback.v1 import callbacks_service_pb2 as pb
from ringback.v1 import dialer_service_pb2 as dialer
from ringback.v1.callbacks_service_pb2_grpc import CallbacksServiceStub
from ringback.v1.dialer_service_pb2_grpc import DialerServiceStub

BATCH: Final = 100
_LEASE: Final = Duration(seconds=600)
_AT_ONCE: Final = Duration()
# Far beyond the numbers of those that wait.
_NUMBERS: Final = count(10**11)
# No more than each of 999 services has when ten thousand wait: the same page at every size.
_SMALL_PAGE: Final = 4


class Subject:
    """A server on a filled database, and a client of it."""

    def __init__(self, server: ServerProcess, channel: Any, backlog: SqliteBacklog) -> None:
        self.server = server
        self._backlog = backlog
        self._callbacks: Any = CallbacksServiceStub(channel)
        self._dialers: Any = DialerServiceStub(channel)
        # Two or three wait for each when ten thousand wait: a service that is drawn again too soon has none.
        self._small_services = cycle(service_id(n) for n in random.sample(range(1, SERVICES), SERVICES - 1))
        self._some_ids: list[str] = []
        self._leased: list[str] = []

    @classmethod
    @asynccontextmanager
    async def on(cls, path: Path, backlog: SqliteBacklog) -> AsyncIterator[Self]:
        async with (
            serving(1, f"sqlite:///{path}", "--dialer", "none") as [server],
            insecure_channel(server.address) as channel,
        ):
            yield cls(server, channel, backlog)

    @property
    def operations(self) -> Mapping[str, Callable[[], Awaitable[object]]]:
        of_quarter = cb.CallbackFilter(service_ids=[service_id(0)], states=[cb.CALLBACK_STATE_SCHEDULED])
        return {
            "create": self.create,
            f"create {BATCH} in one call": self._create_batch,
            "lease one": lambda: self.lease(service_id(0), 1),
            "lease ten": lambda: self.lease(service_id(0), 10),
            "lease one, small service": lambda: self.lease(next(self._small_services), 1),
            "get by id": lambda: self._get(cb.CallbackKey(callback_id=self._some_ids.pop())),
            "get by the caller's id": lambda: self._get(cb.CallbackKey(external_task=self._some_task())),
            "cancel": self._cancel,
            "page of 50": lambda: self._list(cb.CallbackFilter(), 50),
            "page of 50, of a quarter": lambda: self._list(of_quarter, 50),
            f"page of {_SMALL_PAGE}, small service": lambda: self._list(
                cb.CallbackFilter(service_ids=[_small_service()]), _SMALL_PAGE
            ),
        }

    async def prepare(self, samples: int) -> None:
        """Fetch what so many operations need to know, and give back what was leased."""
        self._some_ids = list(self._backlog.some_ids(samples))
        leased, self._leased = self._leased, []
        if leased:
            await self._dialers.ReleaseLeases(dialer.ReleaseLeasesRequest(lease_tokens=leased))

    async def create(self) -> None:
        await self._callbacks.CreateCallback(new_request())

    async def lease(self, wanted: str, most: int) -> None:
        response = await self._dialers.LeaseCallbacks(
            dialer.LeaseCallbacksRequest(
                dialer_id="bench",
                service_ids=[wanted],
                max_leases=most,
                lease_duration=_LEASE,
                wait_duration=_AT_ONCE,
            )
        )
        self._leased += [lease.lease_token for lease in response.leases]
        if len(response.leases) < min(most, 1):
            raise RuntimeError(f"nobody was leased for {wanted}, with {self._backlog.count:,} waiting")

    def cpu_s(self) -> float:
        """Return what the server's threads have computed. Of those that live: there are none that come and go."""
        threads = Path(f"/proc/{self.server.pid}/task").iterdir()
        return sum(int((thread / "schedstat").read_text().split()[0]) for thread in threads) / 1e9

    def disk_bytes(self) -> int:
        """Return what the server has read that was not in memory."""
        found = re.search(r"^read_bytes: (\d+)", Path(f"/proc/{self.server.pid}/io").read_text(), re.MULTILINE)
        assert found is not None
        return int(found[1])

    def resident_bytes(self) -> int:
        pages = int(Path(f"/proc/{self.server.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")

    async def _create_batch(self) -> None:
        requests = [new_request() for _ in range(BATCH)]
        await self._callbacks.BatchCreateCallbacks(pb.BatchCreateCallbacksRequest(requests=requests))

    async def _get(self, key: cb.CallbackKey) -> None:
        await self._callbacks.GetCallback(pb.GetCallbackRequest(key=key))

    async def _cancel(self) -> None:
        key = cb.CallbackKey(callback_id=self._some_ids.pop())
        await self._callbacks.CancelCallback(pb.CancelCallbackRequest(key=key, reason="rang in"))

    async def _list(self, wanted: cb.CallbackFilter, page_size: int) -> None:
        response = await self._callbacks.ListCallbacks(pb.ListCallbacksRequest(filter=wanted, page_size=page_size))
        if len(response.callbacks) < page_size:
            raise RuntimeError(f"a page of {len(response.callbacks)} instead of {page_size}")

    def _some_task(self) -> cb.ExternalTaskKey:
        number = random.randint(1, self._backlog.count)  # noqa: S311 - not a secret
        return cb.ExternalTaskKey(caller_id="crm", external_task_id=f"task-{number:012}")


def new_request() -> pb.CreateCallbackRequest:
    """Return a request like those that wait; every second one is due within a month."""
    number = next(_NUMBERS)
    request = cb.CallbackRequest(
        target=f"sip:answer@{number:012}.example",
        service_id=_small_service(),
        seconds_between_retries=60,
        priority=cb.Priority.ValueType(1 + number % 9),
        context_url=f"https://crm.example/cases/{number:012}",
        description="Wants to know where the order is",
        external_task_id=f"task-{number:012}",
        caller_id="crm",
    )
    if number % 2:
        request.due_date.FromSeconds(int(time.time()) + random.randint(3600, 30 * 86_400))  # noqa: S311 - not a secret
    return pb.CreateCallbackRequest(callback_request=request)


def _small_service() -> str:
    return service_id(random.randrange(1, SERVICES))  # noqa: S311 - not a secret
