"""A single create and an item of a batch are partly different code: their results are the same in every case."""

import asyncio
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Struct
from msgspec.structs import replace

from ringback.application.access import ANYBODY
from ringback.application.callbacks.create import CallbackCreation, CreateCommand, Created
from ringback.domain.callback import Callback
from ringback.domain.errors import RingbackError
from ringback.domain.faults import Faults
from ringback.domain.request import CallbackRequest
from ringback.domain.service import Service, TargetPolicy
from ringback.ports.errors import DuplicateService
from ringback.ports.store import Store
from ringback.storage.sqlite import SqliteStore
from tests.world.samples import seconds
from tests.world.use_cases import MONDAY_9, World

SERVICES: Final = [
    Service(
        service_id=f"00000000-0000-4000-8000-00000000000{number}",
        sip_address=f"sip:{policy.name.lower()}@cc.example",
        same_target_policy=policy,
        create_time=MONDAY_9,
        update_time=MONDAY_9,
    )
    for number, policy in enumerate(TargetPolicy, start=1)
]
UNKNOWN_ID: Final = "00000000-0000-4000-8000-000000000009"
REQUEST_ID: Final = "01890a5d-ac96-774b-bcce-b302099a8057"


class Step(Struct, frozen=True):
    """One request, and what happens about it."""

    command: CreateCommand
    # Before the request: others expire.
    passes: timedelta
    # Of a service that has no open callback, between the plan and the store.
    is_deleted: bool


def _faults(names: Sequence[str]) -> Faults:
    faults = Faults()
    faults.extend((name, "cannot be read") for name in names)
    return faults


def _mostly(*values: Any, rarely: Any) -> st.SearchStrategy[Any]:
    return st.sampled_from([*values] * 10 + [rarely])


REQUESTS = st.builds(
    CallbackRequest,
    target=_mostly("sip:a@b.example", "SIP:a@B.example", "sip:c@b.example", rarely="mailto:a"),
    service_id=_mostly(None, rarely=UNKNOWN_ID),
    service_sip=st.sampled_from([service.sip_address for service in SERVICES]),
    priority=_mostly(4, rarely=0),
    seconds_between_retries=st.just(0),
    external_task_id=st.sampled_from(["", "7", "8"]),
    caller_id=_mostly("crm", rarely=""),
    description=_mostly("", rarely="urgent"),
    due_date=_mostly(None, rarely=MONDAY_9 + timedelta(days=1)),
    expire_time=st.sampled_from([None, MONDAY_9 + seconds(10)]),
)
COMMANDS = st.builds(
    CreateCommand,
    REQUESTS,
    request_id=_mostly("", REQUEST_ID, REQUEST_ID.upper(), rarely="7"),
    validate_only=_mostly(False, False, True, rarely=True),
    faults=_mostly((), rarely=("request_time",)).map(_faults),
)


def _steps(commands: Sequence[CreateCommand]) -> st.SearchStrategy[list[Step]]:
    step = st.builds(
        Step,
        st.sampled_from(commands),
        passes=_mostly(seconds(0), seconds(0), seconds(20), rarely=timedelta(days=1)),
        is_deleted=_mostly(False, rarely=True),
    )
    return st.lists(step, min_size=1, max_size=20)


# Few commands, so that some are repeated.
STEPS = st.lists(COMMANDS, min_size=1, max_size=6).flatmap(_steps)


class StoreWithoutService:
    """The store, from which a service goes at the last moment."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.is_deleting = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def create(
        self, new: Sequence[Callback], alone: Collection[str] = (), settings: Collection[Service] = ()
    ) -> Sequence[Callback | None]:
        await self._delete(new)
        return await self._store.create(new, alone, settings)

    async def create_one(
        self, new: Callback, *, alone: bool = False, settings: Service | None = None
    ) -> Callback | None:
        await self._delete([new])
        return await self._store.create_one(new, alone=alone, settings=settings)

    async def _delete(self, new: Sequence[Callback]) -> None:
        if self.is_deleting:
            for service_id in {callback.service_id for callback in new}:
                await self._store.delete_service(service_id, revision=1)


class Side:
    """One of the two ways to create, on a database of its own."""

    def __init__(self, world: World, *, in_batch: bool) -> None:
        self._world = world
        self._in_batch = in_batch
        self._store = StoreWithoutService(world.store)
        self._creation = CallbackCreation(
            self._store, world.directory, world.clock, world.dial_policy, world.recent_dials, world.usage
        )
        # The ids of the callbacks, as they came up: the two ways draw others.
        self._ids: list[str] = []

    async def results(self, steps: Sequence[Step]) -> list[object]:
        return [await self._result(step) for step in steps]

    async def _result(self, step: Step) -> object:
        for service in SERVICES:
            with suppress(DuplicateService):  # it was not deleted
                await self._world.store.put_service(service)
        await self._world.directory.refresh()
        await self._world.run_until(step.passes)
        self._store.is_deleting = step.is_deleted
        try:
            result = await self._create(step.command)
        except RingbackError as refusal:
            result = refusal
        if isinstance(result, Created):
            return result.created, replace(result.callback, callback_id=self._name(result.callback.callback_id))
        attributes = dict(vars(result))
        if "callback_id" in attributes:
            attributes["callback_id"] = self._name(attributes["callback_id"])
        return type(result), attributes

    async def _create(self, command: CreateCommand) -> Created | RingbackError:
        if not self._in_batch:
            return await self._creation.create(ANYBODY, command)
        [result] = await self._creation.create_many(ANYBODY, [command])
        return result

    def _name(self, callback_id: str) -> str:
        if not callback_id:
            return ""
        if callback_id not in self._ids:
            self._ids.append(callback_id)
        return f"callback {self._ids.index(callback_id)}"


@asynccontextmanager
async def side(*, in_batch: bool) -> AsyncIterator[Side]:
    with TemporaryDirectory() as folder:
        store = await SqliteStore.open(Path(folder) / "ringback.db")
        try:
            yield Side(World(store), in_batch=in_batch)
        finally:
            await store.close()


async def both(steps: Sequence[Step]) -> tuple[list[object], list[object]]:
    async with side(in_batch=False) as single, side(in_batch=True) as batch:
        return await single.results(steps), await batch.results(steps)


@pytest.mark.long
@given(steps=STEPS)
@settings(max_examples=50)
def test_a_single_create_has_the_result_of_a_batch_of_one(steps: list[Step]) -> None:
    single, batch = asyncio.run(both(steps))
    assert single == batch
