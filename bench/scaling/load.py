"""What clients ask for: creates, so many in flight, spread evenly over the servers."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, Final, Self

from bench.processes import ServerProcess
from ringback.client import insecure_channel
from ringback.v1 import callback_pb2 as cb
from ringback.v1 import directory_service_pb2 as directory
from ringback.v1.callbacks_service_pb2 import CreateCallbackRequest
from ringback.v1.dialer_service_pb2_grpc import DialerServiceStub
from ringback.v1.directory_service_pb2_grpc import DirectoryServiceStub

IN_FLIGHT: Final = 64
_CREATE: Final = "/ringback.v1.CallbacksService/CreateCallback"


class Load:
    """Clients of some servers. Responses are not looked at: clients share the cores with what is measured."""

    def __init__(self, channels: Sequence[Any]) -> None:
        self._channels = channels
        self.dialers: Sequence[Any] = [DialerServiceStub(channel) for channel in channels]
        self._creates = [channel.unary_unary(_CREATE) for channel in channels]

    @classmethod
    @asynccontextmanager
    async def on(cls, servers: Sequence[ServerProcess]) -> AsyncIterator[Self]:
        async with AsyncExitStack() as stack:
            yield cls([await stack.enter_async_context(insecure_channel(server.address)) for server in servers])

    async def add_services(self, count: int, **settings: Any) -> Sequence[str]:
        """Create this many services. Return their ids."""
        stub: Any = DirectoryServiceStub(self._channels[0])
        services = [directory.Service(sip_address=f"sip:{n}@cc.example", **settings) for n in range(count)]
        responses = [await stub.CreateService(directory.CreateServiceRequest(service=service)) for service in services]
        return [response.service.service_id for response in responses]

    async def create(self, requests: Iterable[bytes]) -> float:
        """Create all callbacks. Return how many seconds it took; raise what a server refuses."""
        waiting = iter(requests)
        begun = time.perf_counter()
        async with asyncio.TaskGroup() as clients:
            for client in range(IN_FLIGHT):
                clients.create_task(self._ask(self._creates[client % len(self._creates)], waiting))
        return time.perf_counter() - begun

    async def _ask(self, create: Any, requests: Iterator[bytes]) -> None:
        for request in requests:
            await create(request)


def requests(count: int, service_ids: Sequence[str], due_s: float = 0) -> Sequence[bytes]:
    """Return creates for one service after the other, each to its own target. `postgres_backlog.py` stores the same."""
    made = []
    for number in range(count):
        request = cb.CallbackRequest(
            target=f"sip:answer@{number:012}.example",
            service_id=service_ids[number % len(service_ids)],
            seconds_between_retries=60,
            priority=cb.PRIORITY_NORMAL,
            context_url=f"https://crm.example/cases/{number:012}",
            description="Wants to know where the order is",
            external_task_id=f"task-{number:012}",
            caller_id="crm",
        )
        if due_s:
            request.due_date.FromMicroseconds(int((time.time() + due_s) * 1e6))
        made.append(CreateCallbackRequest(callback_request=request).SerializeToString())
    return made
