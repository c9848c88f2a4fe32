"""HTTP/2 by hypercorn and h2, with an end for what misuses it."""

import asyncio
from contextlib import suppress
from functools import partial
from typing import Any, Final

import h2.connection
import h2.errors
import h2.events
import h2.exceptions
import h2.settings
from h2.frame_buffer import FrameBuffer
from hypercorn.events import Closed
from hypercorn.protocol.events import Event, Request, StreamClosed
from hypercorn.protocol.h2 import (
    BUFFER_HIGH_WATER,
    BUFFER_LOW_WATER,
    BufferCompleteError,
    H2Protocol,
    StreamBuffer,
)
from hypercorn.utils import filter_pseudo_headers
from hyperframe.frame import Frame

from ringback.web.server_exchange import HttpExchange, exchange_for, exchange_of
from ringback.web.server_refusals import MAX_HEADER_BYTES, fault_in_size, refusal

# Requests at a time on one connection of HTTP/2. Clients hold further ones back.
MAX_STREAMS: Final = 250
# As they are sent, in all frames of a request: how large they are otherwise, is seen when they are decoded.
_MAX_BLOCK_BYTES: Final = 2 * MAX_HEADER_BYTES
# In the head of a frame: the place of its kind, and the one of headers.
_KIND: Final = 3
_HEADERS: Final = b"\x01"
# From so many requests on that a client gave up at once, and more than half of all, it is no client.
_MAX_RESETS: Final = 200
# Of a request whose response has been sent, as over HTTP/1.1.
_REST_BYTES: Final = 4 * 1024 * 1024


class _Rest:
    """What is left of a request whose response has been sent."""

    def __init__(self, since_s: float) -> None:
        self.since_s: Final = since_s
        self.thrown_away = 0


class _Buffer(StreamBuffer):
    """What waits to be sent on a stream. hypercorn's own takes more and more when the client takes nothing at all."""

    async def push(self, data: bytes) -> None:
        if self._complete:
            raise BufferCompleteError
        self.buffer.extend(data)
        await self._is_empty.clear()
        if len(self.buffer) >= BUFFER_HIGH_WATER:
            await self._paused.clear()
            await self._paused.wait()

    async def pop(self, max_length: int) -> bytes:
        data = bytes(self.buffer[:max_length])
        del self.buffer[:max_length]
        if len(self.buffer) < BUFFER_LOW_WATER:
            await self._paused.set()
        if not self.buffer:
            await self._is_empty.set()
        return data


class _Frames(FrameBuffer):
    """Frames of HTTP/2. h2's own lets the headers of a request have 1 MiB, which it keeps, and then decodes at once."""

    @property
    def is_within_headers(self) -> bool:
        """Return whether a block of headers has begun: in this frame, or in those before it."""
        begun = self._data[_KIND : _KIND + 1]
        return bool(self._headers_buffer) or begun == _HEADERS

    def _update_header_buffer(self, f: Frame | None) -> Frame | None:
        frame = super()._update_header_buffer(f)
        if sum(len(each.data) for each in self._headers_buffer) > _MAX_BLOCK_BYTES:
            raise h2.exceptions.DenialOfServiceError("the headers of a request have no end")
        return frame


class _Abused(Exception):  # noqa: N818
    """The client does what no client does."""


class Http2(H2Protocol):
    """HTTP/2: each body waits for its own application alone, and a stream that fails ends no other one."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        settings = h2.settings.SettingCodes
        self.connection.local_settings = h2.settings.Settings(
            client=False,
            initial_values={
                settings.MAX_CONCURRENT_STREAMS: MAX_STREAMS,
                settings.MAX_HEADER_LIST_SIZE: self.config.h2_max_header_list_size,
            },
        )
        self._frames = self.connection.incoming_buffer = _Frames(server=True)
        # Requests that their client gave up.
        self._resets = 0
        # Streams whose response is being sent, while their request is not at its end.
        self._unread: set[int] = set()
        # Those whose response has been sent. What still comes of them is thrown away.
        self._rests: dict[int, _Rest] = {}

    async def _handle_events(self, events: list[h2.events.Event]) -> None:
        try:
            for event in events:
                if isinstance(event, h2.events.DataReceived):
                    await self._take(event)
                else:
                    await super()._handle_events([event])
                if isinstance(event, h2.events.StreamEnded | h2.events.StreamReset):
                    self._unread.discard(event.stream_id)
                    self._rests.pop(event.stream_id, None)
                if isinstance(event, h2.events.StreamReset):
                    self._note_reset()
        except _Abused:
            await self.go_away(h2.errors.ErrorCodes.ENHANCE_YOUR_CALM)
            await self.send(Closed())
        await self._flush()

    async def _priority_updated(self, event: h2.events.PriorityUpdated) -> None:
        """Do nothing: priorities are no more (RFC 9113, 5.3), and a long chain of them is work for each frame sent."""

    def _note_reset(self) -> None:
        """Note that the client gave a request up. Raise `_Abused` if that is all that it does (CVE-2023-44487)."""
        self._resets += 1
        if self._resets > max(_MAX_RESETS, self.keep_alive_requests // 2):
            raise _Abused

    async def _take(self, event: h2.events.DataReceived) -> None:
        stream = self.streams.get(event.stream_id)
        padding = event.flow_controlled_length - len(event.data)
        if stream is None:
            rest = self._rests.get(event.stream_id)
            if rest is not None:
                rest.thrown_away += event.flow_controlled_length
                if rest.thrown_away > _REST_BYTES:
                    self._stop_rest(event.stream_id)
            await self._acknowledge(event.stream_id, event.flow_controlled_length)
            return
        if padding:
            await self._acknowledge(event.stream_id, padding)
        if event.data:
            await exchange_of(stream).take(event.data)

    async def _acknowledge(self, stream_id: int, size: int) -> None:
        """Let the client send so many bytes more."""
        try:
            self.connection.acknowledge_received_data(size, stream_id)
        except (h2.exceptions.ProtocolError, KeyError):  # the stream, or the connection, is over
            return
        await self._flush()

    async def _create_stream(self, request: h2.events.RequestReceived) -> None:
        given = dict(request.headers)
        path = given.get(b":path", b"")
        if given[b":method"] == b"CONNECT" or not path.isascii():
            await self._refuse(request.stream_id, given[b":method"], 400)
            return
        if (fault := fault_in_size(b"", request.headers)) is not None:
            await self._refuse(request.stream_id, given[b":method"], fault)
            return
        stream = exchange_for(self, request.stream_id)
        stream.on_read = partial(self._acknowledge, request.stream_id)
        self.streams[request.stream_id] = stream
        self.stream_buffers[request.stream_id] = _Buffer(self.context.event_class)
        self.priority.insert_stream(request.stream_id)
        self.priority.block(request.stream_id)
        await stream.handle(
            Request(
                stream_id=request.stream_id,
                headers=filter_pseudo_headers(request.headers),
                http_version="2",
                method=given[b":method"].decode("latin-1"),
                raw_path=path,
                state=self.connection_state,
            )
        )
        self.keep_alive_requests += 1

    async def _refuse(self, stream_id: int, method: bytes, status: int) -> None:
        """Send a refusal, with its content as far as the client takes that at once."""
        headers, body = refusal(status, https=self.ssl)
        has_room = self.connection.local_flow_control_window(stream_id) >= len(body)
        has_body = method != b"HEAD" and has_room
        if not has_body and method != b"HEAD":
            headers = [pair for pair in headers if pair[0] != b"content-length"]
        self.connection.send_headers(stream_id, [(b":status", b"%d" % status), *headers], end_stream=not has_body)
        if has_body:
            self.connection.send_data(stream_id, body, end_stream=True)
        self._reset(stream_id, h2.errors.ErrorCodes.NO_ERROR)
        await self._flush()

    async def stream_send(self, event: Event) -> None:
        stream = self.streams.get(event.stream_id)
        await super().stream_send(event)
        if not isinstance(event, StreamClosed) or stream is None:
            return
        if not exchange_of(stream).has_responded:
            # Half of a response must not look like all of it.
            self._reset(event.stream_id, h2.errors.ErrorCodes.INTERNAL_ERROR)
            await self._window_updated(event.stream_id)
            await self._flush()
        elif not exchange_of(stream).is_complete:
            self._unread.add(event.stream_id)
            self._begin_rest(event.stream_id)

    async def _send_data(self, stream_id: int) -> None:
        buffer = self.stream_buffers.get(stream_id)
        before_bytes = 0 if buffer is None else len(buffer.buffer)
        await super()._send_data(stream_id)
        if buffer is not None and len(buffer.buffer) < before_bytes and (stream := self.streams.get(stream_id)):
            exchange_of(stream).on_progress()
        self._begin_rest(stream_id)

    def _begin_rest(self, stream_id: int) -> None:
        """Let the client send what is left of a request whose response it has got.

        To reset it at once is allowed (RFC 9113, section 8.1), but clients that are reset while they send, such as
        curl before 8, have no response then.
        """
        if stream_id in self._unread and stream_id not in self.stream_buffers:
            self._unread.discard(stream_id)
            self._rests[stream_id] = _Rest(asyncio.get_running_loop().time())

    def has_rests(self, before_s: float) -> bool:
        """Return whether there is a request that goes on though its response was sent before this time."""
        return any(rest.since_s <= before_s for rest in self._rests.values())

    async def stop_rests(self, before_s: float) -> None:
        """Have the client send no more of these."""
        for stream_id in [each for each, rest in self._rests.items() if rest.since_s <= before_s]:
            self._stop_rest(stream_id)
        await self._flush()

    def _stop_rest(self, stream_id: int) -> None:
        del self._rests[stream_id]
        self._reset(stream_id, h2.errors.ErrorCodes.NO_ERROR)

    def _reset(self, stream_id: int, code: h2.errors.ErrorCodes) -> None:
        with suppress(h2.exceptions.ProtocolError):  # the stream, or the connection, is over
            self.connection.reset_stream(stream_id, code)

    async def go_away(self, code: h2.errors.ErrorCodes = h2.errors.ErrorCodes.NO_ERROR) -> None:
        """Tell the client that no further request is taken."""
        with suppress(h2.exceptions.ProtocolError):  # it has been told
            self.connection.close_connection(code)
        await self._flush()

    @property
    def is_within_headers(self) -> bool:
        """Return whether the headers of a request have begun to come, and not ended."""
        return self._frames.is_within_headers

    @property
    def streams_open(self) -> list[HttpExchange]:
        return [exchange_of(stream) for stream in self.streams.values()]

    @property
    def has_unread_input(self) -> bool:
        """Return that the client may be sending: frames about what has just ended, if nothing else."""
        return True
