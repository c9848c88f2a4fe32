"""Whatever goes wrong: the target has everything, or nothing."""

import asyncio
import signal
import sys
from typing import Final

import pytest

from tests.world.transfer_content import fill
from tests.world.transfer_ends import End, Rows, SqliteEnd, contents, moved, refusal

pytestmark = pytest.mark.long


def meddle(end: End, *, refuse: bool) -> None:
    """Have the database refuse services, or alter them silently."""
    if isinstance(end, SqliteEnd):
        does = "SELECT raise(ABORT, 'no services')" if refuse else "UPDATE service SET revision = 7"
        end.execute(f"CREATE TRIGGER meddler AFTER INSERT ON service BEGIN {does}; END")
    else:
        does = "RAISE 'no services'" if refuse else "NEW.revision = 7; RETURN NEW"
        end.execute(f"CREATE FUNCTION meddle() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {does}; END $$")
        end.execute("CREATE TRIGGER meddler BEFORE INSERT ON service FOR EACH ROW EXECUTE FUNCTION meddle()")


def let_be(end: End) -> None:
    end.execute("DROP TRIGGER meddler" if isinstance(end, SqliteEnd) else "DROP TRIGGER meddler ON service")


async def empty(target: End) -> dict[str, Rows]:
    await (await target.open()).close()
    return contents(target)


async def test_a_target_that_keeps_something_else_gets_nothing(filled: End, target: End) -> None:
    await fill(filled)
    before = await empty(target)
    meddle(target, refuse=False)

    compared = await moved(filled, target)

    assert [each.title for each in compared if not each.same] == ["services"]
    assert contents(target) == before
    let_be(target)
    assert all(each.same for each in await moved(filled, target))


async def test_a_move_that_fails_leaves_an_empty_target(filled: End, target: End) -> None:
    await fill(filled)
    before, indexes = await empty(target), target.indexes()
    meddle(target, refuse=True)

    said = await refusal(filled, target)

    assert said.startswith(f"nothing was moved: {target.database}: no services")
    assert "\n" not in said
    assert (contents(target), target.indexes()) == (before, indexes)
    let_be(target)
    assert all(each.same for each in await moved(filled, target))


KILLED: Final = """
import os, signal, sys
from ringback.config import parse_database
from ringback.storage.transfer import move

class Progress:
    def begin(self, step, rows):
        if step == sys.argv[3]:
            os.kill(os.getpid(), signal.SIGKILL)

    def advance(self, rows):
        pass

move(parse_database(sys.argv[1]), parse_database(sys.argv[2]), Progress())
"""


@pytest.mark.parametrize("step", ["copying events", "committing"])
async def test_a_move_that_is_killed_leaves_an_empty_target(step: str, filled: End, target: End) -> None:
    await fill(filled)
    before, indexes = await empty(target), target.indexes()

    process = await asyncio.create_subprocess_exec(sys.executable, "-c", KILLED, filled.url, target.url, step)

    assert await process.wait() == -signal.SIGKILL
    assert (contents(target), target.indexes()) == (before, indexes)
    assert all(each.same for each in await moved(filled, target))
    assert contents(target) == contents(filled)
