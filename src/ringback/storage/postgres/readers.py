"""The connections that read: a few that are kept, and one for each query that takes long."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import Self, TypeVar

import psycopg

from ringback.domain.errors import StorageUnavailable
from ringback.storage.operations import COUNT_LIMIT_S, READ_LIMIT_S
from ringback.storage.postgres.connection import Connection, Link, Work, unavailable
from ringback.storage.postgres.dsn import Address

R = TypeVar("R")


class LinkPool:
    """A few links that read. Each query goes to the one with the least to do.

    Not `psycopg_pool`: a hanging connection would still have to be cut, and work be kept from being cancelled in the
    middle, so it takes more code; the writer and the listener need a link in any case. Measured with two connections,
    it costs the same per `get` alone and 9 % more with 16 at a time (139 instead of 127 µs of CPU). Its pauses between
    attempts to connect grow: after a crash of 8 s it reads again 5.7 s late, after one of 20 s 8.8 s. With a
    `reconnect_timeout` of 1 s that is within a second, as here, but each refusal takes a second; here it comes as
    soon as the attempt to connect has failed.
    """

    def __init__(self, links: Sequence[Link]) -> None:
        self._links = links

    @classmethod
    @asynccontextmanager
    async def open(cls, address: Address, count: int, on_connect: Work[None] | None = None) -> AsyncIterator[Self]:
        async with AsyncExitStack() as stack:
            links = []
            for _ in range(count):
                link = await Link.open(address, on_connect)
                stack.push_async_callback(link.close)
                links.append(link)
            yield cls(links)

    async def read(self, query: Work[R]) -> R:
        return await min(self._links, key=lambda link: link.load).run(query, READ_LIMIT_S)


class LinkForEach:
    """A connection for each query that takes long, so that it holds up no other."""

    def __init__(self, address: Address, on_connect: Work[None]) -> None:
        self._address = address
        self._on_connect = on_connect
        self._links: set[Link] = set()
        self._closed = False

    async def close(self) -> None:
        """Cut short what is under way."""
        self._closed = True
        await asyncio.gather(*(link.close() for link in self._links))

    async def read(self, query: Work[R]) -> R:
        if self._closed:
            raise StorageUnavailable("the database is closed")
        try:
            link = await Link.open(self._address, self._begin)
        except (psycopg.Error, TimeoutError) as error:
            raise unavailable(error) from error
        self._links.add(link)
        try:
            if self._closed:  # meanwhile
                raise StorageUnavailable("the database is closed")
            return await link.run(query, COUNT_LIMIT_S)
        finally:
            self._links.discard(link)
            await link.close()

    async def _begin(self, connection: Connection) -> None:
        await self._on_connect(connection)
        await _notice_when_cut(connection)


async def _notice_when_cut(connection: Connection) -> None:
    """Have the database give up a statement whose client has gone, instead of finishing it."""
    with suppress(psycopg.ProgrammingError, psycopg.NotSupportedError):  # PostgreSQL 13, and other engines
        await connection.execute("SET client_connection_check_interval = '100ms'")
