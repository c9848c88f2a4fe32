"""HTTP/1.1 by hypercorn and h11, less what nobody needs here."""

from typing import Any, Final, cast

import h11
from hypercorn.events import Closed
from hypercorn.protocol.events import Event, Request, Response
from hypercorn.protocol.h11 import STREAM_ID, H2ProtocolAssumedError, H11Protocol

from ringback.web.server_context import DrainContext
from ringback.web.server_exchange import HttpExchange, exchange_for, exchange_of
from ringback.web.server_refusals import StrictLines, fault_of, refusal, target_of

_PREFACE: Final = b"PRI * HTTP/2.0\r\n\r\n"


class Http1(H11Protocol):
    """HTTP/1.1: no upgrade to WebSocket, and none to HTTP/2, by which requests get past a proxy's rules."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._connection._receive_buffer = StrictLines()  # noqa: SLF001 - h11 has no other place for it
        self._is_head = False

    async def _check_protocol(self, event: h11.Request) -> None:
        if event.method == b"PRI" and event.target == b"*" and event.http_version == b"2.0":
            raise H2ProtocolAssumedError(_PREFACE + self._connection.trailing_data[0])

    @property
    def _connection(self) -> h11.Connection:
        return cast("h11.Connection", self.connection)

    async def _create_stream(self, request: h11.Request) -> None:
        self._is_head = request.method == b"HEAD"
        fault = fault_of(request)
        if fault is not None:
            await self._send_error_response(fault)
            await self.send(Closed())
            return
        self.stream = exchange_for(self, STREAM_ID)
        host, path = target_of(request)
        headers = [(name, value if host is None or name != b"host" else host) for name, value in request.headers]
        await exchange_of(self.stream).handle(
            Request(
                stream_id=STREAM_ID,
                headers=headers,
                http_version=request.http_version.decode(),
                method=request.method.decode("ascii"),
                raw_path=path,
                state=self.connection_state,
            )
        )
        self.keep_alive_requests += 1

    async def _send_error_response(self, status_code: int) -> None:
        headers, body = refusal(status_code, https=self.ssl)
        # Of one that cannot be read the method is that of the request before.
        is_read = self._connection.our_state is not h11.IDLE
        await self._send_h11_event(h11.Response(status_code=status_code, headers=[*headers, (b"connection", b"close")]))
        if not is_read or not self._is_head:
            await self._send_h11_event(h11.Data(data=body))
        await self._send_h11_event(h11.EndOfMessage())

    async def stream_send(self, event: Event) -> None:
        if isinstance(event, Response) and self._is_last():
            headers = [*event.headers, (b"connection", b"close")]
            event = Response(stream_id=event.stream_id, headers=headers, status_code=event.status_code)
        await super().stream_send(event)

    def _is_last(self) -> bool:
        """Return whether no further request is taken: what is left of this one's body is not looked for its end."""
        assert isinstance(self.context, DrainContext)
        return self.context.is_draining or any(not stream.is_complete for stream in self.streams_open)

    async def go_away(self) -> None:
        """Do nothing: HTTP/1.1 ends without a word."""

    def has_rests(self, _: float) -> bool:
        """Return False: what is left of a request ends with its connection."""
        return False

    async def stop_rests(self, _: float) -> None:
        """Do nothing: there are none."""

    @property
    def streams_open(self) -> list[HttpExchange]:
        return [] if self.stream is None else [exchange_of(self.stream)]

    @property
    def has_unread_input(self) -> bool:
        """Return whether the client may still be sending a request that nobody reads."""
        return self._connection.their_state not in (h11.DONE, h11.CLOSED, h11.MUST_CLOSE, h11.IDLE)
