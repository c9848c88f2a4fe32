"""A headless Chromium, and the page of tests/browser that it shows: what the page sees comes back from it."""

import asyncio
import json
import os
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, Final
from urllib.parse import urlencode

import pytest

ROOT: Final = Path(__file__).parents[2]
CHROMIUM: Final = shutil.which("chromium") or shutil.which("chromium-browser")
# A browser takes seconds to start on a busy machine.
PATIENCE_S: Final = 60.0
_PAGE: Final = (
    b'<!doctype html><meta charset="utf-8"><title>Callbacks</title><script type="module" src="/page.js"></script>'
)
_SWITCHES: Final = (
    "--headless=new",
    "--no-sandbox",  # containers have no namespaces to give
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--no-first-run",
    "--remote-debugging-port=0",  # without it, it ends by itself
)


def need_browser() -> None:
    """Skip the test where the browser or npm is missing; fail where everything has to be there."""
    missing = [name for name, path in (("chromium", CHROMIUM), ("npm", shutil.which("npm"))) if path is None]
    if missing:
        reason = f"{' and '.join(missing)} not found: .ci/install brings them"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)


async def build_page() -> Path:
    """Return the page's script, of these sources."""
    make = await asyncio.create_subprocess_exec(
        *("make", "--silent", "-C", str(ROOT / "tests/browser")),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await make.communicate()
    assert make.returncode == 0, output.decode()
    return ROOT / "build/browser/page.js"


class Page:
    """The site that the page comes from, and what the page has told it."""

    def __init__(self, script: Path) -> None:
        self._told: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        loop = asyncio.get_running_loop()
        told = self._told

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self._respond(script.read_bytes() if self.path == "/page.js" else _PAGE)

            def do_POST(self) -> None:
                what = json.loads(self.rfile.read(int(self.headers["content-length"])))
                loop.call_soon_threadsafe(told.put_nowait, what)
                self._respond(b"")

            def _respond(self, content: bytes) -> None:
                self.send_response(200)
                kind = "text/javascript" if self.path == "/page.js" else "text/html"
                self.send_header("content-type", kind)
                self.send_header("content-length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = Thread(target=self._server.serve_forever)

    @property
    def origin(self) -> str:
        return f"http://localhost:{self._server.server_address[1]}"

    @asynccontextmanager
    async def served(self) -> AsyncIterator["Page"]:
        self._thread.start()
        try:
            yield self
        finally:
            await asyncio.to_thread(self._server.shutdown)
            self._server.server_close()
            self._thread.join()

    @asynccontextmanager
    async def shown(self, **parameters: str) -> AsyncIterator[None]:
        """Show it in a browser, with these parameters."""
        assert CHROMIUM is not None
        with tempfile.TemporaryDirectory(prefix="ringback-browser-", ignore_cleanup_errors=True) as profile:
            browser = await asyncio.create_subprocess_exec(
                CHROMIUM,
                *_SWITCHES,
                f"--user-data-dir={profile}",
                f"{self.origin}/?{urlencode(parameters)}",
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.DEVNULL,
            )
            try:
                yield
            finally:
                browser.terminate()
                await browser.wait()

    async def told(self) -> dict[str, Any]:
        """Return what it tells next. Raise `TimeoutError`."""
        async with asyncio.timeout(PATIENCE_S):
            return await self._told.get()

    def untold(self) -> bool:
        return self._told.empty()


@asynccontextmanager
async def page() -> AsyncIterator[Page]:
    async with AsyncExitStack() as stack:
        yield await stack.enter_async_context(Page(await build_page()).served())
