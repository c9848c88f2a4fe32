"""The server of one scenario: a real one, in this process, whose time and faults a scenario decides."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from ringback.app import App
from ringback.application.access import ANYBODY
from ringback.cli.values import parse_span
from ringback.config import Listen, Settings
from ringback.domain.errors import StorageUnavailable
from ringback.ports.dialer import CallMessage
from ringback.ports.location import PostgresUrl
from ringback.ports.values import Retention
from ringback.v1.directory_service_pb2 import CreateServiceRequest, Service
from tests.conformance.identities import LIMITS, MUTUAL_TLS, PLAIN_TEXT, Identities

SERVICE_ID: Final = "0b7c8e5e-0000-4000-8000-000000000001"
SERVICE_SIP: Final = "sip:support@cc.example"

# Returns the place of a new, empty database.
Databases = Callable[[], Path | PostgresUrl]


class ScenarioServer:
    """A server that starts with an empty database and one service, and keeps its address whatever happens to it."""

    def __init__(self, databases: Databases, identities: Identities | None = None) -> None:
        self._databases = databases
        self._identities = identities
        self._database = databases()
        self._is_new = True
        self._app: App | None = None
        self._port = self._http_port = 0

    def address(self, *, over_http: bool) -> str:
        return f"127.0.0.1:{self._http_port if over_http else self._port}"

    def options(self, client: str) -> Sequence[str]:
        """Return the options of a driver that is this client."""
        return () if self._identities is None else self._identities.options(client)

    async def do(self, action: Any) -> None:
        """Carry out the action of a `server` step: its name, or one with a length of time or a number."""
        if isinstance(action, dict):
            [(name, value)] = action.items()
            await getattr(self, name)(parse_span(value) if isinstance(value, str) else value)
        else:
            await getattr(self, action)()

    # --- What a `server` step may ask for ------------------------------------------------------------------

    async def start(self) -> None:
        settings = Settings(
            listen=Listen("127.0.0.1", self._port),
            http=Listen("127.0.0.1", self._http_port),
            database=self._database,
            dialer="none",
            lame_duck=timedelta(0),
        )
        if identities := self._identities:
            settings = replace(settings, access=identities.rules(), limits=LIMITS)
            if identities.way != PLAIN_TEXT:
                settings = replace(settings, tls_cert=identities.cert, tls_key=identities.key)
            if identities.way == MUTUAL_TLS:
                settings = replace(settings, tls_client_ca=identities.ca)
        self._app = await App.start(settings)
        self._port = self._app.port
        self._http_port = int(self._app.edges.web_address.rpartition(":")[2])
        if self._is_new:
            self._is_new = False
            service = Service(service_id=SERVICE_ID, sip_address=SERVICE_SIP)
            await self._app.edges.handlers.directory.create_service(ANYBODY, CreateServiceRequest(service=service))

    async def stop(self) -> None:
        """Drain: streams end OK with their last token, calls finish."""
        if self._app is not None:
            app, self._app = self._app, None
            await app.stop()

    async def restart(self) -> None:
        await self.stop()
        await self.start()

    async def crash(self) -> None:
        """Break off everything that is under way, without notice. What was committed stays."""
        app = self._running
        assert app.edges.http is not None
        await asyncio.gather(app.edges.grpc.stop(), app.edges.http.server.stop())
        await self.stop()

    async def replace(self) -> None:
        """Replace it by another server at the same address, with another database."""
        await self.stop()
        self._database = self._databases()
        self._is_new = True
        await self.start()

    async def let_pass(self, span: timedelta) -> None:
        """Do now what is due after that time: lapse, expire, become due."""
        await self._running.use_cases.scheduler.run_once(datetime.now(UTC) + span)
        await self._running.use_cases.feed.catch_up()

    async def age_leases(self, span: timedelta) -> None:
        """Make all leases older, without the server noticing which of them have run out."""
        store = self._running.store
        await store.shift_leases(-span, await store.clock_jumps())

    async def trace_calls(self) -> None:
        """Have a message for each Call-ID from now on, as if a SIP dialer of the server had placed the call."""
        self._running.use_cases.call_traces.attach(_OneMessageEach())

    async def forget_events(self) -> None:
        """Drop the history that resume tokens point into."""
        soon = datetime.now(UTC) + timedelta(seconds=1)
        await self._running.store.purge(soon, Retention(events=timedelta(0), min_events=0), 1000)

    async def renew_token(self) -> None:
        """Give the caller another token, and have the server read its access file again."""
        self._known.renew_token()
        self._running.replace_access(self._known.rules())

    async def revoke(self) -> None:
        """Take the caller out of the access file, and have the server read it again."""
        self._known.revoke()
        self._running.replace_access(self._known.rules())

    async def lose_answers(self, count: int) -> None:
        """Store what the next creates ask for, and raise as if the storage were away."""
        store = self._running.store
        create, left = store.create_one, count

        async def create_and_fail(*args: Any, **kwargs: Any) -> Any:
            nonlocal left
            result = await create(*args, **kwargs)
            if left == 0:
                return result
            left -= 1
            raise StorageUnavailable("the answer is lost, as the scenario wants it")

        store.create_one = create_and_fail  # type: ignore[method-assign]

    @property
    def _known(self) -> Identities:
        assert self._identities is not None, "the server has no identities"
        return self._identities

    @property
    def _running(self) -> App:
        assert self._app is not None, "the server is stopped"
        return self._app


class _OneMessageEach:
    """The signalling of calls that have one message."""

    def messages(self, call_ids: Sequence[str]) -> Iterator[CallMessage]:
        for call_id in call_ids:
            yield CallMessage(
                time=datetime.now(UTC),
                sent=True,
                peer="UDP 192.0.2.1:5060",
                call_id=call_id,
                text=f"OPTIONS sip:pbx.example SIP/2.0\nCall-ID: {call_id}",
            )

    def forget(self, call_ids: Sequence[str]) -> None:
        """Forget nothing: there is nothing that is kept."""
