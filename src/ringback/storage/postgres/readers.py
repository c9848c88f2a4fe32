"""Connections that read. Each question goes to the one with the least to do."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Final, Self, TypeVar

from ringback.storage.postgres.connection import Link, Work
from ringback.storage.postgres.dsn import Address

R = TypeVar("R")

READ_LIMIT_S: Final = 3.0


class Readers:
    """A few reading connections to one database."""

    def __init__(self, links: list[Link]) -> None:
        self._links = links

    @classmethod
    @asynccontextmanager
    async def open(cls, address: Address, count: int) -> AsyncIterator[Self]:
        async with AsyncExitStack() as stack:
            links = []
            for _ in range(count):
                link = await Link.open(address)
                stack.push_async_callback(link.close)
                links.append(link)
            yield cls(links)

    async def read(self, query: Work[R]) -> R:
        return await min(self._links, key=lambda link: link.load).run(query, READ_LIMIT_S)
