"""A store without a server: it creates callbacks, erases the last one, and notes in a log what it has acknowledged.

    python tests/hunts/lone_store.py DATABASE LOG CALLBACKS FAULT

It can have a fault that a hunt has to find: `unflushed` leaves the write-ahead log to the operating system, and `early`
acknowledges what is committed with the next write only.
"""

import asyncio
import sqlite3
import sys
from pathlib import Path
from typing import Any, ClassVar, Final

sys.path.insert(0, str(Path(__file__).parents[2]))  # it is run as a plain script

from ringback.domain.callback import Callback
from ringback.storage.sqlite import SqliteStore, connection
from tests.hunts.write_log import mark
from tests.world.samples import NOW, SERVICE, new


class Unflushed(sqlite3.Connection):
    def execute(self, sql: str, *parameters: Any) -> sqlite3.Cursor:
        return super().execute(sql.replace("synchronous = FULL", "synchronous = OFF"), *parameters)


class Early(sqlite3.Connection):
    # Once the database is ready. A transaction that is still open is rolled back before the next one.
    instead: ClassVar[dict[str, str]] = {}

    def execute(self, sql: str, *parameters: Any) -> sqlite3.Cursor:
        return super().execute(self.instead.get(sql, sql), *parameters)


_ENOUGH: Final = 1000
_FAULTS: Final = {"none": sqlite3.Connection, "unflushed": Unflushed, "early": Early}


async def _create(database: Path, log: Path, callbacks: int) -> None:
    store = await SqliteStore.open(database)
    Early.instead.update({"COMMIT": "SELECT 'not yet'", "ROLLBACK": "COMMIT"})
    try:
        await store.put_service(SERVICE)
        mark(log, {"service": SERVICE.service_id})
        for _ in range(callbacks):
            callback = new()
            await store.create([callback])
            mark(log, {"holds": {callback.callback_id: callback.revision}})
        Early.instead.clear()
        await _erase(store, callback, log)
    finally:
        await store.close()


async def _erase(store: SqliteStore, callback: Callback, log: Path) -> None:
    mark(log, {"erasing": [callback.callback_id]})
    owners = await store.event_owners(0, _ENOUGH)
    await store.redact([number for number, callback_id in owners if callback_id == callback.callback_id])
    await store.erase([callback], NOW, "")
    await store.forget_phone(callback.phone)
    mark(log, {"erased": [callback.callback_id], "target": callback.dial_target})


def main() -> None:
    database, log, callbacks, fault = sys.argv[1:]
    options = connection._options()
    connection._options = lambda: options | {"factory": _FAULTS[fault]}
    asyncio.run(_create(Path(database), Path(log), int(callbacks)))


if __name__ == "__main__":
    main()
