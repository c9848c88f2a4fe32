"""A network between a store and its database that can be cut, and that can lose the response to a COMMIT."""

import asyncio
from contextlib import suppress
from typing import Self


class Proxy:
    """Passes on what comes, until it is told to stop."""

    def __init__(self, port: int, source: str | None = None) -> None:
        """Connect to the port from an address of this machine, such as 127.0.0.2."""
        self._port = port
        self._source = None if source is None else (source, 0)
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._swallowing = False
        # Set when a COMMIT went through whose response will not.
        self.swallowed = asyncio.Event()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        self.cut()
        await self._server.wait_closed()

    @property
    def port(self) -> int:
        assert self._server is not None
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    def cut(self) -> None:
        """Cut all connections, in the middle of whatever they carry."""
        for writer in self._writers:
            writer.transport.abort()

    def swallow_next_commit(self) -> None:
        """Let the next COMMIT reach the database, and nothing come back on its connection."""
        self._swallowing = True

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            inner_reader, inner_writer = await asyncio.open_connection("127.0.0.1", self._port, local_addr=self._source)
            self._writers |= {writer, inner_writer}
            silent = asyncio.Event()
            await asyncio.gather(
                self._pass_on(reader, inner_writer, silent, watched=True),
                self._pass_on(inner_reader, writer, silent, watched=False),
            )

    async def _pass_on(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, silent: asyncio.Event, *, watched: bool
    ) -> None:
        try:
            while data := await reader.read(65536):
                if watched and self._swallowing and b"COMMIT\0" in data:
                    self._swallowing = False
                    silent.set()
                    self.swallowed.set()
                if watched or not silent.is_set():
                    writer.write(data)
                    await writer.drain()
        except OSError:
            pass
        finally:
            self._writers.discard(writer)
            writer.close()
