"""Plays one scenario: has the driver of one language do each step, and checks the results."""

import tempfile
import traceback
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final, NamedTuple

from google.protobuf.message import Message

from tests.conformance.driver import Driver, DriverFault, Exchange
from tests.conformance.identities import Identities
from tests.conformance.matching import differences, pick, resolve
from tests.conformance.messages import CREATE, ITEM_ERROR, STREAMS, Json, decode, encode, method
from tests.conformance.scenario import Expectation, Scenario, Step
from tests.conformance.server import SERVICE_ID, Databases, ScenarioServer
from tests.conformance.subscription import Subscription

# Longer than any back-off of a client, and than a busy machine needs.
PATIENCE_S: Final = 20.0


class Seen(NamedTuple):
    """The result of one step."""

    step: str
    what: Json


@dataclass
class Outcome:
    """How a scenario went in one language: all that was seen, and the step at which it went wrong, if it did."""

    seen: list[Seen] = field(default_factory=list)
    failure: str = ""


class _Wrong(Exception):  # noqa: N818 - the finding of a step
    """A step did not lead to what it should."""


@dataclass(frozen=True)
class _Pending:
    """A call in the background."""

    exchange: Exchange
    response: type[Message]
    patience_s: float


async def play(scenario: Scenario, command: Sequence[str], databases: Databases, *, over_http: bool = False) -> Outcome:
    """Start a server and a driver, go through the steps, and stop at the first that fails."""
    outcome = Outcome()
    step: Any = "at the start"
    try:
        async with AsyncExitStack() as stack:
            server = ScenarioServer(databases, _identities(scenario, stack))
            stack.push_async_callback(server.stop)
            await server.start()
            player = Player(Drivers(stack, command, server, over_http=over_http), server)
            for step in scenario.steps:
                if (seen := await player.play(step)) is not None:
                    outcome.seen.append(Seen(str(step), seen))
            step = "at the end"
            player.finish()
    except (_Wrong, DriverFault) as wrong:
        outcome.failure = f"{step}\n{wrong}"
    except Exception:  # noqa: BLE001 - one that cannot be played must not hide the others
        outcome.failure = f"{step}\n{traceback.format_exc()}"
    return outcome


def _identities(scenario: Scenario, stack: AsyncExitStack) -> Identities | None:
    if not scenario.access:
        return None
    folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="ringback-conformance-"))
    return Identities(Path(folder), scenario.access)


class Drivers:
    """One driver for each client of a scenario, from its first step on to the end of the scenario."""

    def __init__(
        self, stack: AsyncExitStack, command: Sequence[str], server: ScenarioServer, *, over_http: bool
    ) -> None:
        self._stack = stack
        self._command = command
        self._server = server
        self._over_http = over_http
        self._drivers: dict[str, Driver] = {}

    async def of(self, client: str) -> Driver:
        if client not in self._drivers:
            address = self._server.address(over_http=self._over_http)
            starting = Driver.start(self._command, address, *self._server.options(client))
            self._drivers[client] = await self._stack.enter_async_context(starting)
        return self._drivers[client]


class Player:
    """The state of a scenario: what was saved, what runs in the background, what is being watched."""

    def __init__(self, drivers: Drivers, server: ScenarioServer) -> None:
        self._drivers = drivers
        self._server = server
        self._saved: dict[str, Any] = {"service_id": SERVICE_ID}
        # One moment for the whole scenario, in the past by less than a second, with microseconds to be kept.
        self._now = datetime.now(UTC).replace(microsecond=0) - timedelta(microseconds=1)
        self._pending: dict[str, _Pending] = {}
        self._subscriptions: dict[str, Subscription] = {}

    async def play(self, step: Step) -> Json | None:
        """Do one step. Return what was seen of it, once that is as expected."""
        match step.kind:
            case "call":
                rpc = method(step.subject)
                request = encode(rpc.request, self._resolved(step.request))
                return await self._call(step, {"call": rpc.path, "request": request}, rpc.response)
            case "create":
                request = encode(CREATE.request, self._resolved(step.subject))
                return await self._call(step, {"create": request}, CREATE.response)
            case "error":
                error = encode(ITEM_ERROR, self._resolved(step.subject))
                _, exchange = (await self._drivers.of(step.client)).begin({"error": error})
                return await self._check(step, _Pending(exchange, ITEM_ERROR, PATIENCE_S))
            case "stream" | "watch" | "queues":
                request = encode(STREAMS[step.kind].request, self._resolved(step.request))
                driver = await self._drivers.of(step.client)
                self._subscriptions[step.subject] = Subscription(driver, step.kind, request)
            case "receive":
                return await self._receive(step)
            case "result":
                return await self._result(step)
            case "stop":
                await self._stop(step.subject)
            case "server":
                await self._server.do(step.subject)
        return None

    def finish(self) -> None:
        """Raise when something is left over that no step has looked at."""
        if self._pending:
            raise _Wrong(f"no step asks for the result of {', '.join(self._pending)}")
        for name, subscription in self._subscriptions.items():
            _expect_no_more(name, subscription)

    def _resolved(self, value: Any) -> Any:
        return resolve(value, self._saved, self._now)

    async def _call(self, step: Step, command: Json, response: type[Message]) -> Json | None:
        timeout_s = step.timeout.total_seconds()
        driver = await self._drivers.of(step.client)
        _, exchange = driver.begin({**command, "timeout_ms": round(timeout_s * 1000)})
        pending = _Pending(exchange, response, timeout_s + PATIENCE_S)
        if step.background:
            self._pending[step.background] = pending
            return None
        return await self._check(step, pending)

    async def _result(self, step: Step) -> Json:
        if pending := self._pending.pop(step.subject, None):
            return await self._check(step, pending)
        subscription = self._subscriptions[step.subject]
        seen = await self._check(step, _Pending(subscription.exchange, subscription.response, PATIENCE_S))
        _expect_no_more(step.subject, self._subscriptions.pop(step.subject))
        return seen

    async def _check(self, step: Step, pending: _Pending) -> Json:
        """Wait for a result, and compare it with what the step expects."""
        result = await pending.exchange.result(pending.patience_s)
        seen = _readable(result, pending.response)
        expect = step.expect
        codes = expect.code if isinstance(expect.code, list) else [expect.code]
        if seen["code"] not in codes or seen["reason"] != expect.reason:
            told = f" {seen['message']}" if seen["message"] else ""
            raise _Wrong(f"expected {_named(codes, expect)}, saw {seen['code']} {seen['reason']}{told}".rstrip())
        fields = [violation[0] for violation in seen["violations"]]
        if fields != list(expect.violations):
            raise _Wrong(f"violations: expected {list(expect.violations)}, saw {fields}")
        self._compare_and_save(step, seen["response"])
        return {**seen, "code": codes}

    async def _receive(self, step: Step) -> Json:
        """Read a stream until all that the step expects has come."""
        expected = self._resolved(step.expect.response or {})
        seen = await self._subscriptions[step.subject].receive(_complete(expected), PATIENCE_S)
        if seen is None:
            raise _Wrong(f"expected {expected}, and the stream has ended")
        self._compare_and_save(step, seen)
        return seen

    def _compare_and_save(self, step: Step, response: Json | None) -> None:
        expected = self._resolved(step.expect.response)
        if expected is not None and (wrong := list(differences(expected, response))):
            raise _Wrong("\n".join(wrong))
        for name, path in step.save.items():
            self._saved[name] = pick(response or {}, path)

    async def _stop(self, name: str) -> None:
        subscription = self._subscriptions.pop(name)
        result = await subscription.stop().result(PATIENCE_S)
        if result["code"] != "OK":
            raise _Wrong(f"expected OK, saw {result}")
        _expect_no_more(name, subscription)


def _complete(expected: Json) -> Callable[[Json], bool]:
    """Return whether there are as many events or queues as expected, and all flags that are."""
    flags = [name for name, value in expected.items() if value is True]
    counts = {name: len(value) for name, value in expected.items() if isinstance(value, list)}
    return lambda seen: (
        all(len(seen[name]) >= count for name, count in counts.items()) and all(seen[flag] for flag in flags)
    )


def _readable(result: Json, response: type[Message]) -> Json:
    """Return a result with its response decoded, and without the texts of gRPC libraries, which differ."""
    reason = result.get("reason", "")
    return {
        "code": result["code"],
        "reason": reason,
        "message": result.get("message", "") if reason else "",
        "violations": result.get("violations", []),
        "response": decode(response, result["response"]) if result.get("response") is not None else None,
    }


def _named(codes: Sequence[str], expect: Expectation) -> str:
    return f"{' or '.join(codes)} {expect.reason}".rstrip()


def _expect_no_more(name: str, subscription: Subscription) -> None:
    if events := subscription.unread_events():
        raise _Wrong(f"{name}: events that no step expects: {events}")
