"""A change goes on without its caller, and how it then ends is no bug."""

import asyncio
import gc
from collections.abc import Callable
from typing import Any

import pytest

from ringback.application.to_the_end import to_the_end
from ringback.domain.errors import NotAllowed

Told = list[dict[str, Any]]


@pytest.fixture
async def told() -> Told:
    """Return what asyncio tells of: exceptions that nobody has looked at."""
    contexts: Told = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: contexts.append(context))
    return contexts


async def given_up(end: Callable[[], object]) -> bool:
    """Give a change up in the middle, and let it end; return whether it has."""
    entered, go_on, has_ended = asyncio.Event(), asyncio.Event(), False

    async def change() -> None:
        nonlocal has_ended
        entered.set()
        await go_on.wait()
        has_ended = True
        end()

    caller = asyncio.create_task(to_the_end(change()))
    await entered.wait()
    caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller
    [changing] = asyncio.all_tasks() - {asyncio.current_task()}
    go_on.set()
    await asyncio.wait([changing])
    del changing
    gc.collect()
    return has_ended


def refuse() -> None:
    raise NotAllowed("not this one")


def fail() -> None:
    raise ZeroDivisionError


async def test_a_change_goes_on_without_its_caller() -> None:
    assert await given_up(lambda: None)


async def test_a_refusal_that_nobody_waits_for_is_not_told(told: Told) -> None:
    await given_up(refuse)
    assert told == []


async def test_a_bug_that_nobody_waits_for_is_told(told: Told) -> None:
    await given_up(fail)
    assert [type(context["exception"]) for context in told] == [ZeroDivisionError]


async def test_a_caller_that_waits_gets_the_refusal() -> None:
    async def change() -> None:
        refuse()

    with pytest.raises(NotAllowed, match="not this one"):
        await to_the_end(change())
