"""The page under load: 10,000 callbacks, 500 changes a second for a minute, and what that does to a browser.

    python tests/hunts/page.py
    python tests/hunts/page.py --seconds 300 --rate 1000

The server is a process, what changes the callbacks is another one, and the browser is a third. Meanwhile callbacks that
are seen are cancelled, and it is taken how long it is from the commit to the pixel. Where nothing else runs (--alone),
a long task is a finding; what else depends on the speed of the machine is one with --strict only, and always printed.
"""

import asyncio
import json
import math
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click
import grpc

sys.path.insert(0, str(Path(__file__).parents[2]))  # also when it is run as a plain script

from ringback.v1 import callback_pb2 as cb
from ringback.v1 import callbacks_service_pb2 as pb
from tests.hunts.page_load import CALLER, fill
from tests.hunts.report import Report
from tests.hunts.server import ServerProcess
from tests.world.api import Api, by_id
from tests.world.page import DESKTOP, Faults, chromium, is_live
from tests.world.page_rows import shown_states, states_of
from tests.world.ports import free_port

if TYPE_CHECKING:
    from playwright.async_api import CDPSession, Page

_PROBE: Final = Path(__file__).with_name("page_probe.js")
_LOAD: Final = Path(__file__).with_name("page_load.py")
_PATIENCE_S: Final = 60.0
# What is new to the engine is compiled, and the first of everything is allocated, before anything is measured.
_WARM_UP_S: Final = 5.0
_MB: Final = 1024 * 1024

# What page.md promises.
LONG_TASK_MS: Final = 100.0
PAINT_MS: Final = 16.0
FIRST_PICTURE_MS: Final = 2_000.0
COMMIT_TO_PIXEL_MS: Final = 300.0
HEAP_GROWTH_MB: Final = 20.0
ROWS: Final = 60


@dataclass
class Measured:
    """What the browser has said."""

    first_picture_ms: float = 0.0
    tasks_ms: list[float] = field(default_factory=list)
    paints_ms: list[float] = field(default_factory=list)
    to_pixel_ms: list[float] = field(default_factory=list)
    rows: list[int] = field(default_factory=list)
    heap_before: int = 0
    heap_after: int = 0
    changes: int = 0
    seconds: float = 1.0

    @property
    def growth_mb(self) -> float:
        return (self.heap_after - self.heap_before) / _MB

    def facts(self) -> dict[str, object]:
        return {
            "changes a second": f"{self.changes / self.seconds:.0f}",
            "first picture": f"{self.first_picture_ms:.0f} ms",
            "longest task": f"{max(self.tasks_ms, default=0):.0f} ms ({len(self.tasks_ms)} over 50 ms)",
            "paint, p95": f"{_p95(self.paints_ms):.1f} ms of {len(self.paints_ms)}",
            "commit to pixel, p95": f"{_p95(self.to_pixel_ms):.0f} ms of {len(self.to_pixel_ms)}",
            "heap": f"{self.heap_before / _MB:.1f} MB, {self.growth_mb:+.1f} MB",
            "rows in the document": max(self.rows, default=0),
        }

    def findings(self, *, alone: bool, strict: bool) -> Iterator[str]:
        if self.growth_mb >= HEAP_GROWTH_MB:
            yield f"the heap has grown by {self.growth_mb:.1f} MB"
        if max(self.rows, default=0) > ROWS:
            yield f"{max(self.rows)} rows are in the document"
        if not self.to_pixel_ms:
            yield "no change was seen"
        if (alone or strict) and max(self.tasks_ms, default=0) > LONG_TASK_MS:
            yield f"a task took {max(self.tasks_ms):.0f} ms"
        if strict:
            yield from self._too_slow()

    def _too_slow(self) -> Iterator[str]:
        if self.first_picture_ms > FIRST_PICTURE_MS:
            yield f"the first picture took {self.first_picture_ms:.0f} ms"
        if _p95(self.paints_ms) > PAINT_MS:
            yield f"95 % of the paints took up to {_p95(self.paints_ms):.1f} ms"
        if _p95(self.to_pixel_ms) > COMMIT_TO_PIXEL_MS:
            yield f"95 % of the changes were seen after up to {_p95(self.to_pixel_ms):.0f} ms"


def _p95(values: Sequence[float]) -> float:
    return sorted(values)[math.ceil(len(values) * 0.95) - 1] if values else 0.0


class Hunt:
    """A server with callbacks, and the page in front of it."""

    def __init__(self, api: Api, page: "Page", cdp: "CDPSession", port: int) -> None:
        self._api = api
        self._page = page
        self._cdp = cdp
        self._port = port
        self.measured = Measured()

    async def load(self, rate: float, seconds: float) -> None:
        """Show the page under load."""
        load = await asyncio.create_subprocess_exec(
            *(sys.executable, str(_LOAD), str(self._port), str(rate), str(seconds + _WARM_UP_S)),
            stdout=asyncio.subprocess.PIPE,
        )
        await asyncio.sleep(_WARM_UP_S)
        self.measured.heap_before = await self._heap()
        await self._page.evaluate("probe.begin()")
        ends = time.monotonic() + seconds
        while time.monotonic() < ends:
            self.measured.rows.append(await self._page.evaluate("probe.rows()"))
            await self._cancel_one()
            await asyncio.sleep(1)
        result = await self._page.evaluate("probe.result()")
        self.measured.tasks_ms, self.measured.paints_ms = result["tasks"], result["paints"]
        output, _ = await load.communicate()
        made = json.loads(output)
        self.measured.changes, self.measured.seconds = made["changes"], made["seconds"]
        self.measured.heap_after = await self._heap()

    async def differences(self) -> list[str]:
        """Compare what is shown with what is listed."""
        listed = await self._api.list_all(caller_ids=[CALLER])
        wanted, seen = states_of(listed), dict[str, str]()
        deadline = time.monotonic() + _PATIENCE_S
        while seen != wanted and time.monotonic() < deadline:
            await self._page.keyboard.press(".")
            seen = await shown_states(self._page)
        return [
            f"{callback_id} is {wanted.get(callback_id)}, and shown as {seen.get(callback_id)}"
            for callback_id in wanted | seen
            if wanted.get(callback_id) != seen.get(callback_id)
        ]

    async def _cancel_one(self) -> None:
        """Cancel a callback that is seen waiting, and take when that is seen."""
        waiting = await self._page.evaluate("probe.waiting()")
        if not waiting:
            return
        callback_id = waiting[len(waiting) // 2]
        try:
            cancel = pb.CancelCallbackRequest(key=by_id(callback_id), reason="hunted")
            callback = (await self._api.callbacks.CancelCallback(cancel)).callback
        except grpc.aio.AioRpcError:
            return  # its call was quicker
        if callback.state != cb.CALLBACK_STATE_CANCELLED:
            return
        async with asyncio.timeout(_PATIENCE_S):
            seen_ms = await self._page.evaluate("(id) => probe.state(id, 'CANCELLED')", callback_id)
        self.measured.to_pixel_ms.append(seen_ms - callback.update_time.ToNanoseconds() / 1e6)

    async def _heap(self) -> int:
        for _ in range(2):
            await self._cdp.send("HeapProfiler.collectGarbage")
        usage: dict[str, Any] = await self._cdp.send("Runtime.getHeapUsage")
        return int(usage["usedSize"])


async def hunt(folder: Path, *, callbacks: int, rate: float, seconds: float, alone: bool, strict: bool) -> Report:
    """Run the page before a server with a fresh database."""
    http_port = free_port()
    options = ("--http", f"127.0.0.1:{http_port}", "--dialer", "none", "--limits", "off", "--log-level", "warning")
    server = ServerProcess(folder, "server", "", options)
    server.log.touch()  # nothing may be logged
    await server.spawn()
    faults = Faults()
    try:
        async with Api.connect(server.port) as api, chromium("--enable-precise-memory-info") as browser:
            await api.channel.channel_ready()
            await fill(api, callbacks)
            context = await browser.new_context(viewport=DESKTOP)
            faults.watch(context)
            await context.add_init_script(path=_PROBE)
            page = await context.new_page()
            hunted = Hunt(api, page, await context.new_cdp_session(page), server.port)
            await page.goto(f"http://127.0.0.1:{http_port}/ui/callbacks?caller={CALLER}", wait_until="commit")
            async with asyncio.timeout(_PATIENCE_S):
                first = await page.evaluate("(rows) => probe.picture(rows)", callbacks)
            hunted.measured.first_picture_ms = first
            await is_live(page)
            await hunted.load(rate, seconds)
            differences = await hunted.differences()
    finally:
        await server.kill()
    measured = hunted.measured
    findings = [*faults.found, *measured.findings(alone=alone, strict=strict), *differences, *server.complaints()]
    return Report({"callbacks": callbacks, **measured.facts()}, findings)


@click.command()
@click.option("--callbacks", default=10_000, show_default=True)
@click.option("--rate", default=500.0, show_default=True, help="Changes a second.")
@click.option("--seconds", default=60.0, show_default=True)
@click.option("--alone", is_flag=True, help="Nothing else runs on this machine: a long task is a finding, too.")
@click.option("--strict", is_flag=True, help="What depends on the machine is a finding, too.")
def main(callbacks: int, rate: float, seconds: float, *, alone: bool, strict: bool) -> None:
    """Look at the page under load."""
    with tempfile.TemporaryDirectory(prefix="ringback-page-") as folder:
        hunted = hunt(Path(folder), callbacks=callbacks, rate=rate, seconds=seconds, alone=alone, strict=strict)
        asyncio.run(hunted).show()


if __name__ == "__main__":
    main()
