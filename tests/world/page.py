"""The page in a real browser, before a real server: every error that the browser tells of fails the test."""

import os
import re
import shutil
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final, Self, TypeAlias

import grpc
import pytest
from cryptography.fernet import Fernet
from starlette.types import ASGIApp

from ringback.app import App, server
from ringback.config import Listen, Settings
from ringback.identity.rules import AccessRules
from ringback.ports.clock import Clock
from ringback.web.server import Supervise, WebServer
from tests.world.api import Api
from tests.world.identities import RULES, Identities, token_of
from tests.world.page_traffic import Traffic

if TYPE_CHECKING:
    from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Error, Page, ViewportSize, WebError

CHROMIUM: Final = shutil.which("chromium") or shutil.which("chromium-browser")
# A machine that runs other tests as well takes its time.
PATIENCE_MS: Final = 30_000
DESKTOP: Final["ViewportSize"] = {"width": 1440, "height": 900}
PHONE: Final["ViewportSize"] = {"width": 390, "height": 844}
# In containers there are no namespaces to give, and little shared memory.
SWITCHES: Final = ("--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu")
# What the browser itself writes when a server is away, or refuses.
AWAY: Final = re.compile(r"Failed to load resource: net::ERR_|net::ERR_(CONNECTION|EMPTY|INCOMPLETE|SOCKET|NETWORK)")
REFUSED: Final = re.compile(r"Failed to load resource: the server responded with a status of 4\d\d")
_RECONNECT_NOW: Final = """() => [...document.querySelectorAll("button")]
    .find(button => button.textContent.trim() === "Reconnect now")?.click()"""
# It outlives a restart: a session is one of a key.
_KEY: Final = Fernet.generate_key().decode()


def need_page_browser() -> None:
    """Skip the test where Chromium or Playwright is missing; fail where everything has to be there."""
    missing = [] if CHROMIUM else ["chromium"]
    try:
        import playwright.async_api  # noqa: F401, PLC0415 - it is looked for
    except ImportError:
        missing.append("playwright")
    if missing:
        reason = f"{' and '.join(missing)} not found: .ci/install and `make venv` bring them"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)


@asynccontextmanager
async def chromium(*switches: str) -> AsyncIterator["Browser"]:
    """Run the system's Chromium, without a window."""
    from playwright.async_api import async_playwright  # noqa: PLC0415 - a machine may lack it

    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=[*SWITCHES, *switches])
        try:
            yield browser
        finally:
            await browser.close()


async def is_live(page: "Page") -> None:
    """Return when the page shows what is. Raise `AssertionError` when it does not come to that."""
    from playwright.async_api import expect  # noqa: PLC0415 - a machine may lack it

    await expect(page.locator("html")).to_have_attribute("data-conn", "live")


async def reconnect_now(page: "Page") -> None:
    """Press the button, unless the page has just reconnected by itself: then it has gone."""
    await page.evaluate(_RECONNECT_NOW)


@dataclass
class Faults:
    """What a browser has told of that no page should have: errors, violations of the policy, warnings."""

    found: list[str] = field(default_factory=list)
    expected: list[re.Pattern[str]] = field(default_factory=list)

    def watch(self, context: "BrowserContext") -> None:
        context.on("console", self._console)
        context.on("weberror", self._error)
        context.on("page", lambda page: page.on("crash", lambda _: self.found.append("the page has crashed")))

    def expect(self, *patterns: re.Pattern[str]) -> None:
        """Expect such errors from now on: the test itself is what causes them."""
        self.expected += patterns

    def check(self) -> None:
        left = [each for each in self.found if not any(pattern.search(each) for pattern in self.expected)]
        assert left == [], "\n".join(left)

    def _console(self, message: "ConsoleMessage") -> None:
        if message.type in ("error", "warning", "assert"):
            self.found.append(f"{message.type}: {message.text} ({message.location.get('url', '')})")

    def _error(self, error: "WebError") -> None:
        thrown: Error = error.error
        self.found.append(f"uncaught: {thrown.message}\n{thrown.stack or ''}")


@dataclass
class Reader:
    """One person's browser: its cookies, tabs, and faults."""

    context: "BrowserContext"
    origin: str
    faults: Faults

    async def open(self, path: str = "/") -> "Page":
        """Open a tab at the path."""
        page = await self.context.new_page()
        await page.goto(self.origin + path)
        return page

    async def sign_in(self, name: str) -> None:
        """Sign in as the page does, without the page."""
        response = await self.context.request.post(
            f"{self.origin}/session", data={"token": token_of(name)}, headers={"origin": self.origin}
        )
        assert response.ok, await response.text()


class PageWorld:
    """A server in this process, on ports that stay the same when it starts again, and the browsers before it."""

    def __init__(self, browser: "Browser", settings: Settings) -> None:
        self._browser = browser
        self._settings = settings
        self._server = AsyncExitStack()
        self._browsers = AsyncExitStack()
        self.traffic = Traffic()
        self.app: App
        # What changes the callbacks: an operator, where there are identities.
        self.api: Api
        # None where there are none.
        self.identities: Identities | None = None

    @classmethod
    @asynccontextmanager
    async def on(
        cls,
        browser: "Browser",
        settings: Settings,
        *,
        identities: bool = False,
        rules: AccessRules = RULES,
        clock: Clock | None = None,
        **changes: Any,
    ) -> AsyncIterator[Self]:
        """Serve with these settings; with identities, those of the rules. Without a clock, by that of the machine."""
        access = rules if identities else None
        settings = replace(settings, http=Listen("127.0.0.1", 0), access=access, http_session_keys=(_KEY,), **changes)
        world = cls(browser, settings)
        with _observed(world.traffic, clock):
            async with world._server, world._browsers:  # which end first: to them the server is never away
                await world.start()
                yield world

    @property
    def origin(self) -> str:
        assert self._settings.http is not None
        return f"http://{self._settings.http.host}:{self._settings.http.port}"

    async def start(self) -> None:
        self.app = await self._server.enter_async_context(await App.start(self._settings))
        grpc_port, http_port = self.app.port, int(self.app.edges.web_address.rpartition(":")[2])
        # From now on always these.
        self._settings = replace(
            self._settings, listen=Listen("127.0.0.1", grpc_port), http=Listen("127.0.0.1", http_port)
        )
        channel = await self._server.enter_async_context(grpc.aio.insecure_channel(f"127.0.0.1:{grpc_port}"))
        service_id = self.api.service_id if hasattr(self, "api") else ""
        if self._settings.access is None:
            self.api = Api.on(channel, service_id)
        else:
            self.identities = Identities(channel)
            self.api = self.identities["operator"]
            self.api.service_id = service_id

    async def stop(self) -> None:
        """Drain the server, as SIGTERM does."""
        await self._server.aclose()

    async def restart(self) -> None:
        await self.stop()
        await self.start()

    async def reader(self, name: str = "", **options: Any) -> Reader:
        """Return a browser, signed in as an identity if one is named. What it tells of faults fails the test."""
        options = {"viewport": DESKTOP, "locale": "en-GB", "timezone_id": "Europe/Zurich", **options}
        context = await self._browser.new_context(**options)
        context.set_default_timeout(PATIENCE_MS)
        faults = Faults()
        faults.watch(context)
        self._browsers.push_async_callback(_closed, context, faults)
        reader = Reader(context, self.origin, faults)
        if name:
            await reader.sign_in(name)
        return reader


OpenWorld: TypeAlias = Callable[..., AbstractAsyncContextManager[PageWorld]]


async def _closed(context: "BrowserContext", faults: Faults) -> None:
    await context.close()
    faults.check()


@contextmanager
def _observed(traffic: Traffic, clock: Clock | None) -> Iterator[None]:
    as_started = WebServer.start

    async def start(web: WebServer, app: ASGIApp, *supervise: Supervise) -> None:
        await as_started(web, traffic.around(app), *supervise)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(WebServer, "start", start)
        if clock is not None:
            patch.setattr(server, "_clock_for", lambda _: clock)
        yield
