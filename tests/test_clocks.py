"""The clock that servers share."""

from datetime import UTC, datetime, timedelta

import pytest

from ringback.clocks import SharedClock
from ringback.domain.errors import StorageUnavailable

DATABASE_TIME = datetime(2031, 5, 6, 7, 8, 9, 123456, tzinfo=UTC)


class Machine(SharedClock):
    """A shared clock on a machine whose monotonic clock advances only by what a read of the database takes."""

    def __init__(self) -> None:
        super().__init__(self.database_time)
        self.database = DATABASE_TIME
        self.running_s = 1000.0
        self.took_s = 0.0
        self.away = False

    async def database_time(self) -> datetime:
        if self.away:
            raise StorageUnavailable("the database is away")
        self.running_s += self.took_s
        return self.database

    def monotonic(self) -> float:
        return self.running_s


async def test_it_tells_the_time_of_the_database_and_carries_it_on() -> None:
    clock = Machine()
    await clock.start()
    assert clock.now() == DATABASE_TIME
    clock.running_s += 2.5
    assert clock.now() == DATABASE_TIME + timedelta(seconds=2.5)


async def test_an_answer_is_taken_to_be_of_the_middle_of_its_journey() -> None:
    clock = Machine()
    clock.took_s = 0.02
    await clock.start()
    assert clock.now() == DATABASE_TIME + timedelta(seconds=0.01)


async def test_a_slow_answer_changes_nothing_that_it_cannot_know() -> None:
    clock = Machine()
    await clock.start()
    clock.took_s = 1.0
    clock.database += timedelta(seconds=0.2)
    before = clock.now() + timedelta(seconds=1)
    await clock.follow()
    assert clock.now() == before


@pytest.mark.parametrize("took_s", [0.001, 1.0])
async def test_a_jump_of_the_database_is_followed(took_s: float) -> None:
    clock = Machine()
    await clock.start()
    clock.took_s = took_s
    clock.database += timedelta(hours=1)
    await clock.follow()
    assert abs(clock.now() - DATABASE_TIME - timedelta(hours=1)) <= timedelta(seconds=took_s)


async def test_time_goes_on_while_the_database_is_away() -> None:
    clock = Machine()
    await clock.start()
    clock.away = True
    clock.running_s += 60
    await clock.follow()
    assert clock.now() == DATABASE_TIME + timedelta(seconds=60)
