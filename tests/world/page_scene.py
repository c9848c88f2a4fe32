"""A contact centre on a Thursday at six past two: what the pictures of the page show.

Everything is made by calls, as callers and dialers make them, under a clock that the scene moves; its dice are loaded.
So a scene that is made anew looks the same.
"""

import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Self, TypeAlias
from zoneinfo import ZoneInfo

from google.protobuf.duration_pb2 import Duration
from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.timestamp_pb2 import Timestamp
from msgspec import structs

from ringback.application.access import Grant, Role
from ringback.config import Listen, Settings
from ringback.domain.dial_rules import DEFAULT_RULES
from ringback.identity.rules import AccessRules, Identity
from ringback.v1 import callback_pb2 as cb
from ringback.v1 import callbacks_service_pb2 as pb
from ringback.v1 import dialer_service_pb2 as dialer_pb
from ringback.v1 import directory_service_pb2 as directory_pb
from tests.world.api import Api, by_id
from tests.world.identities import token_of
from tests.world.page import PageWorld

if TYPE_CHECKING:
    from playwright.async_api import Browser

ZONE: Final = "Europe/Zurich"
NOW: Final = datetime(2027, 3, 4, 13, 6, 22, tzinfo=UTC)
OPERATOR: Final = "operator-1@example.com"
CALLERS: Final = ("crm", "ivr", "web", "erp")
# The longest that a lease may last.
_LEASE_S: Final = 600

# When something is done, and what.
Act: TypeAlias = tuple[datetime, Callable[[], Awaitable[Any]]]

P: Final = cb.Priority
STRICT, HIGHEST, VERY_HIGH, HIGH = (
    P.PRIORITY_STRICT_PRIORITY,
    P.PRIORITY_HIGHEST,
    P.PRIORITY_VERY_HIGH,
    P.PRIORITY_HIGH,
)
NORMAL, LOW, VERY_LOW, LOWEST, NOTHING_ELSE = (
    P.PRIORITY_NORMAL,
    P.PRIORITY_LOW,
    P.PRIORITY_VERY_LOW,
    P.PRIORITY_LOWEST,
    P.PRIORITY_NOTHING_ELSE,
)
_LEVELS: Final = (STRICT, HIGHEST, VERY_HIGH, HIGH, NORMAL, LOW, VERY_LOW, LOWEST, NOTHING_ELSE)

_ROLES: Final[Mapping[str, Grant]] = {
    OPERATOR: Grant(role=Role.OPERATOR),
    # The one that the world's own calls come from.
    "operator": Grant(role=Role.OPERATOR),
    "dialer": Grant(role=Role.DIALER),
    **{name: Grant(role=Role.CALLER, caller_ids=(name,)) for name in CALLERS},
}
RULES: Final = AccessRules(
    identities=tuple(
        Identity(name=name, tokens_sha256=frozenset({sha256(token_of(name).encode()).hexdigest()}), grants=(grant,))
        for name, grant in _ROLES.items()
    )
)


class SceneClock:
    """Goes on as clocks do, from where the scene has put it: the server takes that for jumps of the wall clock."""

    def __init__(self, start: datetime) -> None:
        self._ahead = start - datetime.now(UTC)

    def now(self) -> datetime:
        return datetime.now(UTC) + self._ahead

    def monotonic(self) -> float:
        return time.monotonic()

    def jump_to(self, moment: datetime) -> None:
        self._ahead += max(timedelta(), moment - self.now())


class Queue(NamedTuple):
    """A service: how many are waiting at each level, from strict to nothing else, and how many calls are under way."""

    name: str
    capacity: int
    waiting: Sequence[int]
    oldest_min: float
    connected: int = 0
    ringing: int = 0
    offered: int = 0
    dialers: int = 1
    hours: tuple[str, str] = ("08:00", "18:00")
    zone: str = ZONE
    answered: float = 0.75

    @property
    def sip(self) -> str:
        return f"sip:{self.name.lower().replace(' ', '-')}@example.com"

    def is_open(self, moment: datetime) -> bool:
        opened, closed = self.hours
        return opened <= moment.astimezone(ZoneInfo(self.zone)).strftime("%H:%M") < closed


QUEUES: Final[Sequence[Queue]] = (
    Queue("Billing", 8, (0, 1, 3, 6, 2), 26.7, connected=2, dialers=2, answered=0.78),
    Queue("Claims", 10, (1, 2, 4, 9, 14, 5, 2), 12.1, dialers=0, answered=0.81),
    Queue("Collections", 5, (0, 0, 0, 0, 5), 48.3),
    Queue("Night line", 6, (), 0, hours=("19:00", "24:00")),
    Queue("Retention UK", 6, (0, 1, 2, 2, 3), 3.9, 3, 2, 1, 2, ("08:00", "17:30"), "Europe/London", 0.69),
    Queue("Sales", 12, (1, 2, 4, 5, 8, 2, 1), 6.7, 7, 3, 2, 3, answered=0.84),
    Queue("Support", 40, (2, 6, 14, 33, 81, 29, 11, 6, 2), 31.2, 30, 9, 1, 6, ("00:00", "24:00"), answered=0.77),
    Queue("Surveys", 4, (0, 0, 0, 0, 4, 0, 0, 9, 83), 72, 3, 1, 0, 1, ("09:00", "20:00"), answered=0.52),
)
# What was changed at 13:41:03.
STOPPED: Final[Mapping[str, Mapping[str, Any]]] = {
    "Billing": {"paused": True},
    "Collections": {"max_concurrent_calls": 0},
}
_WEIGHTS: Final = {
    cb.CALL_OUTCOME_NO_ANSWER: (9, 480),
    cb.CALL_OUTCOME_BUSY: (6, 486),
    cb.CALL_OUTCOME_MACHINE: (4, 200),
    cb.CALL_OUTCOME_DECLINED: (2, 603),
    cb.CALL_OUTCOME_UNREACHABLE: (2, 480),
    cb.CALL_OUTCOME_ABANDONED: (1, 200),
    cb.CALL_OUTCOME_NETWORK_FAILURE: (1, 503),
    cb.CALL_OUTCOME_INVALID_NUMBER: (1, 404),
}
_RETRIES: Final = (
    directory_pb.RetryRule(outcome=cb.CALL_OUTCOME_BUSY, min_delay=Duration(seconds=900)),
    directory_pb.RetryRule(outcome=cb.CALL_OUTCOME_NO_ANSWER, min_delay=Duration(seconds=1200)),
)
_CONNECTED: Final = {cb.CALL_OUTCOME_ANSWERED, cb.CALL_OUTCOME_MACHINE, cb.CALL_OUTCOME_ABANDONED}


@dataclass
class Scene:
    """What has been made so far, and how to make more of it."""

    world: PageWorld
    clock: SceneClock
    dice: random.Random = field(default_factory=lambda: random.Random(1706))
    service_ids: dict[str, str] = field(default_factory=dict)
    story: cb.Callback = field(default_factory=cb.Callback)
    _count: int = 0

    @classmethod
    @asynccontextmanager
    async def made(cls, browser: "Browser", folder: Path, *, past_hours: int = 0) -> AsyncIterator[Self]:
        """Serve the contact centre as it is at `NOW`, with the calls of some hours before."""
        settings = Settings(
            listen=Listen("127.0.0.1", 0),
            database=folder / "scene.db",
            dialer="none",
            limits=None,
            dial_rules=structs.replace(DEFAULT_RULES, attempts_per_number_and_day=None),
            lame_duck=timedelta(0),
        )
        clock = SceneClock(NOW - timedelta(days=8))
        async with PageWorld.on(browser, settings, identities=True, rules=RULES, clock=clock) as world:
            scene = cls(world, clock)
            await scene.services()
            if past_hours:
                await scene.past(past_hours, calls=6)
            await scene.present()
            yield scene

    @property
    def operator(self) -> Api:
        return self.world.api

    def api(self, name: str) -> Api:
        assert self.world.identities is not None
        return self.world.identities[name]

    async def at(self, moment: datetime) -> None:
        """Let time pass until that moment, and what is due by then happen."""
        self.clock.jump_to(moment)
        use_cases = self.world.app.use_cases
        await use_cases.clock.follow()
        await use_cases.leader_election.ask()  # its term is over
        use_cases.scheduler_loop.look_at_all()
        await use_cases.scheduler_loop.settle()

    async def services(self) -> None:
        for queue in QUEUES:
            opened, closed = queue.hours
            days = [
                directory_pb.OpeningPeriod(day_of_week=day, open_time=opened, close_time=closed)
                for day in directory_pb.DayOfWeek.values()
                if day
            ]
            self.service_ids[queue.name] = await self.operator.add_service(
                queue.sip,
                display_name=queue.name,
                max_concurrent_calls=queue.capacity,
                time_zone=queue.zone,
                opening_hours=[] if closed == "24:00" and opened == "00:00" else days,
                retry_rules=_RETRIES if queue.name == "Sales" else (),
            )

    async def create(self, queue: str, caller: str = "", **fields: Any) -> cb.Callback:
        self._count += 1
        caller = caller or self.dice.choice(CALLERS)
        number = f"tel:+447700900{self._count % 1000:03}"  # for films and pictures
        return await self.api(caller).create(
            fields.pop("target", number),
            service_id=self.service_ids[queue],
            caller_id=caller,
            external_task_id=fields.pop("external_task_id", f"{caller.upper()}-{50_000 + self._count}"),
            max_retries=fields.pop("max_retries", 3),
            seconds_between_retries=fields.pop("seconds_between_retries", 600),
            **fields,
        )

    async def lease(self, queue: str, count: int, dialer: str = "sip-1") -> Sequence[dialer_pb.Lease]:
        request = dialer_pb.LeaseCallbacksRequest(
            dialer_id=dialer,
            service_ids=[self.service_ids[queue]],
            max_leases=count,
            lease_duration=Duration(seconds=_LEASE_S),
            wait_duration=Duration(),
        )
        return (await self.api("dialer").dialers.LeaseCallbacks(request)).leases

    async def progress(self, lease: dialer_pb.Lease, *steps: dialer_pb.AttemptProgress.ValueType) -> None:
        for step in steps:
            await self.api("dialer").dialers.ReportProgress(
                dialer_pb.ReportProgressRequest(lease_token=lease.lease_token, progress=step)
            )

    async def end(self, lease: dialer_pb.Lease, outcome: cb.CallOutcome.ValueType, status: int, **fields: Any) -> None:
        await self.api("dialer").dialers.ReportOutcome(
            dialer_pb.ReportOutcomeRequest(lease_token=lease.lease_token, outcome=outcome, sip_status=status, **fields)
        )

    async def call(self, lease: dialer_pb.Lease, outcome: cb.CallOutcome.ValueType, status: int, **fields: Any) -> None:
        """Play a whole call at once."""
        steps = [dialer_pb.ATTEMPT_PROGRESS_DIALING]
        if outcome in _CONNECTED:
            steps.append(dialer_pb.ATTEMPT_PROGRESS_CONNECTED)
        await self.progress(lease, *steps)
        await self.end(lease, outcome, status, **fields)

    # --- What has happened ------------------------------------------------------------------------------

    async def past(self, hours: int, calls: int) -> None:
        """Let calls happen in each half hour of this day, and of the same day a week ago."""
        for end in (NOW - timedelta(days=7), NOW - timedelta(minutes=90)):
            for half_hour in range(2 * hours):
                await self.at(end - timedelta(hours=hours) + timedelta(minutes=30 * half_hour))
                for queue in QUEUES:
                    if queue.is_open(self.clock.now()):
                        await self._calls(queue, self.dice.randint(1, min(calls, queue.capacity)))

    async def _calls(self, queue: Queue, count: int) -> None:
        """Make calls for a queue, ahead of all that waits."""
        for _ in range(count):
            await self.create(queue.name, priority=STRICT, max_retries=0)
        for lease in await self.lease(queue.name, count, f"sip-{self.dice.randint(1, 4)}"):
            if self.dice.random() < queue.answered:
                await self.call(lease, cb.CALL_OUTCOME_ANSWERED, 200, agent=f"agent-{self.dice.randint(1, 40):02}")
            else:
                outcome = self.dice.choices(list(_WEIGHTS), [weight for weight, _ in _WEIGHTS.values()])[0]
                await self.call(lease, outcome, _WEIGHTS[outcome][1])

    # --- What goes on ------------------------------------------------------------------------------

    async def present(self) -> None:
        """Play the last hour and a half: one callback with a long story, and queues that fill."""
        acts = [*self._story(), *self._last_hour(), *self._queues(), (_today(13, 41, 3), self._disturb)]
        for moment, act in sorted(acts, key=lambda each: each[0]):
            if moment - self.clock.now() > timedelta(seconds=1):
                await self.at(moment)
            await act()
        await self.at(NOW)

    def _last_hour(self) -> Iterator[Act]:
        for queue in QUEUES:
            for number in range(12):
                moment = NOW - timedelta(minutes=5 * number + self.dice.uniform(3.5, 5))
                if queue.is_open(moment) and (queue.name not in STOPPED or moment < _today(13, 41, 0)):
                    yield moment, partial(self._calls, queue, self.dice.randint(0, min(2, queue.capacity)))

    def _queues(self) -> Iterator[Act]:
        for queue in QUEUES:
            under_way = queue.connected + queue.ringing + queue.offered
            levels = [level for level, count in zip(_LEVELS, queue.waiting, strict=False) for _ in range(count)]
            for number, level in enumerate([*levels, *self.dice.choices(levels or [NORMAL], k=under_way)]):
                age_min = queue.oldest_min * (1.0 if number == 0 else self.dice.uniform(0.2, 0.95))
                labels = {"campaign": "autumn"} if number % 3 else {}
                create = partial(self.create, queue.name, priority=level, labels=labels)
                yield NOW - timedelta(minutes=age_min + 0.5), create
            for number in range(under_way):
                call = partial(self._under_way, queue, number)
                yield NOW - timedelta(minutes=self.dice.uniform(0.1, min(3, queue.oldest_min))), call

    async def _under_way(self, queue: Queue, number: int) -> None:
        for lease in await self.lease(queue.name, 1, f"sip-{number % max(queue.dialers, 1) + 1}"):
            if number >= queue.connected + queue.ringing:
                continue
            await self.progress(lease, dialer_pb.ATTEMPT_PROGRESS_DIALING, dialer_pb.ATTEMPT_PROGRESS_RINGING)
            if number < queue.connected:
                await self.progress(lease, dialer_pb.ATTEMPT_PROGRESS_CONNECTED)

    async def _disturb(self) -> None:
        """Let happen what needs somebody's attention."""
        for name, fields in STOPPED.items():
            service = directory_pb.Service(service_id=self.service_ids[name], **fields)
            request = directory_pb.UpdateServiceRequest(service=service, update_mask=FieldMask(paths=list(fields)))
            await self.api(OPERATOR).directory.UpdateService(request)

    # --- The callback with a story ------------------------------------------------------------------------------

    def _story(self) -> Iterator[Act]:
        yield _today(12, 58, 3), self._ask
        yield _today(13, 7, 11), partial(self._try, 3, 2, 0, cb.CALL_OUTCOME_BUSY, 486, "sip-1")
        yield _today(13, 23, 35), partial(self._try, 3, 2, 30, cb.CALL_OUTCOME_NO_ANSWER, 487, "sip-2")
        yield _today(13, 44, 40), partial(self._try, 3, 2, 8, cb.CALL_OUTCOME_MACHINE, 200, "sip-1")
        yield _today(13, 50, 12), self._move

    async def _ask(self) -> None:
        self.story = await self.create(
            "Sales",
            "crm",
            target="tel:+12025550172",
            priority=HIGH,
            due_date=_stamp(_today(13, 5, 0)),
            expire_time=_stamp(_today(16, 5, 0)),
            external_task_id="CRM-48213",
            description="Contract renewal, asked for a call after lunch",
            supervisor="lead-2",
            context_url="https://crm.example.com/t/48213",
            labels={"campaign": "autumn", "region": "east"},
        )

    async def _try(
        self, offered_s: int, set_up_s: int, rang_s: int, outcome: cb.CallOutcome.ValueType, status: int, dialer: str
    ) -> None:
        [lease] = await self.lease("Sales", 1, dialer)
        await self._pass(offered_s)
        await self.progress(lease, dialer_pb.ATTEMPT_PROGRESS_DIALING)
        await self._pass(set_up_s)
        if rang_s:
            await self.progress(lease, dialer_pb.ATTEMPT_PROGRESS_RINGING)
            await self._pass(rang_s)
        if outcome in _CONNECTED:
            await self.progress(lease, dialer_pb.ATTEMPT_PROGRESS_CONNECTED)
            await self._pass(21)
        await self.end(lease, outcome, status)

    async def _move(self) -> None:
        update = pb.UpdateCallbackRequest(
            key=by_id(self.story.callback_id),
            callback_request=cb.CallbackRequest(due_date=_stamp(_today(14, 2, 10))),
            update_mask=FieldMask(paths=["due_date"]),
        )
        await self.api(OPERATOR).callbacks.UpdateCallback(update)

    async def _pass(self, seconds: float) -> None:
        await self.at(self.clock.now() + timedelta(seconds=seconds))


def _today(hour: int, minute: int, second: int) -> datetime:
    """Return a moment of the day, as the clocks of Zurich show it."""
    return NOW.astimezone(ZoneInfo(ZONE)).replace(hour=hour, minute=minute, second=second)


def _stamp(moment: datetime) -> Timestamp:
    stamp = Timestamp()
    stamp.FromDatetime(moment.astimezone(UTC))
    return stamp
