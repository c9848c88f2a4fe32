"""CreateCallback as a first version would be written: each request is a transaction of its own.

    python -m bench.naive FILE

It reads, checks and plans a request with the code of Ringback, encodes the response with it, and writes into the same
tables with the same indexes, as durably. Only how it writes is its own: three awaits for each request, one at a time.
"""

import asyncio
import sys
from datetime import UTC, datetime
from typing import Final

import aiosqlite
import grpc
import uvloop
from msgspec.structs import replace

from bench.echo import serve
from ringback.domain.faults import Faults
from ringback.domain.ids import CallbackIds
from ringback.domain.planning import plan
from ringback.domain.request import check
from ringback.domain.service import Service
from ringback.storage.callback_row import CALLBACK_COLUMNS, row_of
from ringback.storage.event_row import EVENT_COLUMNS, created
from ringback.storage.migrations import scripts
from ringback.v1 import callbacks_service_pb2 as pb
from ringback.wire.callbacks import read_request, write_callback

Context = grpc.aio.ServicerContext[pb.CreateCallbackRequest, pb.CreateCallbackResponse]

_NOW: Final = datetime.now(UTC)
# There is one for every id.
_SERVICE: Final = Service(service_id="", sip_address="sip:naive@cc.example", create_time=_NOW, update_time=_NOW)


def _insert(table: str, columns: tuple[str, ...]) -> str:
    return f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})"  # noqa: S608 - ours


_INSERT_CALLBACK: Final = _insert("callback", CALLBACK_COLUMNS)
_INSERT_EVENT: Final = _insert("event", EVENT_COLUMNS)


class Naive:
    """Creates, and nothing else."""

    def __init__(self, database: aiosqlite.Connection) -> None:
        self._database = database
        self._alone = asyncio.Lock()
        self._ids = CallbackIds()

    async def create(self, request: pb.CreateCallbackRequest, context: Context) -> pb.CreateCallbackResponse:
        asked, now = read_request(request.callback_request, Faults()), datetime.now(UTC)
        faults = Faults()
        if (checked := check(asked, now, faults)) is None:
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(faults.violations))
        service = replace(_SERVICE, service_id=asked.service_id or "")
        callback = plan(checked, service=service, callback_id=self._ids.next(now), now=now)
        row = row_of(callback)
        async with self._alone:
            await self._database.execute(_INSERT_CALLBACK, row)
            await self._database.execute(_INSERT_EVENT, created(callback, row[-1]))
            await self._database.commit()
        response = pb.CreateCallbackResponse(created=True)
        write_callback(callback, response.callback)
        return response


async def main(file: str) -> None:
    async with aiosqlite.connect(file) as database:
        await database.execute("PRAGMA journal_mode = WAL")
        await database.execute("PRAGMA synchronous = FULL")
        for script in scripts("sqlite"):
            await database.executescript(script)
        handler = grpc.unary_unary_rpc_method_handler(
            Naive(database).create,
            request_deserializer=pb.CreateCallbackRequest.FromString,
            response_serializer=pb.CreateCallbackResponse.SerializeToString,
        )
        await serve(handler)


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1]))
