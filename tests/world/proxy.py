"""A network between a store and its database: it can be cut, fall silent, and lose or delay a COMMIT."""

import asyncio
from contextlib import suppress
from typing import Self


class Proxy:
    """Passes on what comes, until it is told otherwise."""

    def __init__(self, port: int, source: str | None = None) -> None:
        """Connect to the port from an address of this machine, such as 127.0.0.2."""
        self._port = port
        self._source = None if source is None else (source, 0)
        self._server: asyncio.Server | None = None
        self._clients: set[asyncio.StreamWriter] = set()
        self._inner: set[asyncio.StreamWriter] = set()
        self._swallowing = False
        self._holding = False
        self._released = asyncio.Event()
        # Set while what comes is passed on.
        self._speaking = asyncio.Event()
        self._speaking.set()
        # Set when a COMMIT went through whose response will not.
        self.swallowed = asyncio.Event()
        # Set when a COMMIT has come that waits to be let through.
        self.held = asyncio.Event()
        # Whether new connections are ended at once; and something for each that was.
        self.refuses = False
        self.refused: asyncio.Queue[None] = asyncio.Queue()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        self.speak()
        self.release()
        self.cut()
        await self._server.wait_closed()

    @property
    def port(self) -> int:
        assert self._server is not None
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    def cut(self) -> None:
        """Cut all connections, in the middle of whatever they carry."""
        self.cut_clients()
        for writer in self._inner:
            writer.transport.abort()

    def cut_clients(self) -> None:
        """Cut the side of the clients only: of a COMMIT that is held, the database does not see that they have gone."""
        for writer in self._clients:
            writer.transport.abort()

    def silence(self) -> None:
        """Pass nothing on any more, close nothing, and let no new connection get further than to here."""
        self._speaking.clear()

    def speak(self) -> None:
        """Go on, with what has come meanwhile."""
        self._speaking.set()

    def swallow_next_commit(self) -> None:
        """Let the next COMMIT reach the database, and nothing come back on its connection."""
        self._swallowing = True
        self.swallowed.clear()

    def hold_next_commit(self) -> None:
        """Keep the next COMMIT back, and with it its connection to the database, until `release`."""
        self._holding = True
        self._released.clear()
        self.held.clear()

    def release(self) -> None:
        """Let the COMMIT through that was held."""
        self._released.set()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.refuses:
            writer.transport.abort()
            self.refused.put_nowait(None)
            return
        self._clients.add(writer)
        await self._speaking.wait()
        with suppress(OSError):
            inner_reader, inner_writer = await asyncio.open_connection("127.0.0.1", self._port, local_addr=self._source)
            self._inner.add(inner_writer)
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
                if watched and b"COMMIT\0" in data:
                    await self._on_commit(silent)
                await self._speaking.wait()
                if watched or not silent.is_set():
                    writer.write(data)
                    await writer.drain()
        except OSError:
            pass
        finally:
            await self._speaking.wait()  # nor does an end get through
            self._clients.discard(writer)
            self._inner.discard(writer)
            writer.close()

    async def _on_commit(self, silent: asyncio.Event) -> None:
        if self._swallowing:
            self._swallowing = False
            silent.set()
            self.swallowed.set()
        if self._holding:
            self._holding = False
            self.held.set()
            await self._released.wait()
