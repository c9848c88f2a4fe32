"""The reason why a callback waits, at moments that the wire seldom shows."""

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from ringback.application.access import ANYBODY
from ringback.application.dispatch.queue_position import WaitingReason
from ringback.domain.callback import State
from ringback.domain.opening_hours import OpeningHours
from tests.world.use_cases import OFFICE_HOURS, World
from tests.world.zone_files import ZURICH, zone_file

HOLIDAY = replace(OFFICE_HOURS, closed_dates=frozenset({date(2026, 11, 2)}))
FOR_EVER = frozenset(date(2026, 11, 2) + timedelta(n) for n in range(400))
NO_ZONE = "the service is closed: this server has no data of its time zone Mars/Olympus"
FIRST = "Position 1 of 1."


async def look(world: World, **settings: Any) -> tuple[str, WaitingReason | None, str]:
    """Change the service of a queued callback; return the estimate's basis, the reason and the explanation."""
    service = await world.service(opening_hours=OFFICE_HOURS)
    callback = await world.create(service)
    service = await world.directory.update(
        ANYBODY, service.service_id, "", lambda current: replace(current, **settings)
    )
    view = await world.look(ANYBODY, service, callback)
    assert callback.state is State.QUEUED
    assert view.standing is not None
    return view.estimate_basis, view.standing.reason, view.standing.explanation


@pytest.mark.parametrize(
    ("settings", "basis", "explanation"),
    [
        ({}, "the service is closed", f"{FIRST} The service is closed until 2026-11-03T08:00:00Z."),
        ({"paused": True}, "the service is closed", f"{FIRST} The service is closed until 2026-11-03T08:00:00Z."),
        (
            {"opening_hours": replace(HOLIDAY, closed_dates=FOR_EVER)},
            "the service is closed",
            f"{FIRST} The service is closed, and does not open within 366 days.",
        ),
        ({"opening_hours": OpeningHours("Mars/Olympus")}, NO_ZONE, f"{FIRST} T{NO_ZONE[1:]}."),
    ],
    ids=["closed", "closed and paused", "for ever", "no zone"],
)
async def test_a_queued_callback_of_a_closed_service(
    world: World, settings: dict[str, Any], basis: str, explanation: str
) -> None:
    """The scheduler has not come to move it yet. No dialer polls, but that is not the reason."""
    found = await look(world, **{"opening_hours": HOLIDAY, **settings})
    assert found == (basis, WaitingReason.CLOSED, explanation)


async def test_a_queued_callback_of_an_open_service_without_a_dialer(world: World) -> None:
    assert (await look(world))[1] is WaitingReason.NO_DIALER


async def test_a_corrupt_zone_file_closes_the_service(world: World, tmp_path: Path) -> None:
    with zone_file(tmp_path / "zones", "Europe/Zurich", ZURICH[:-1]):
        zurich = await look(world, opening_hours=OpeningHours("Europe/Zurich"))
    assert zurich[1:] == (
        WaitingReason.CLOSED,
        f"{FIRST} The service is closed: this server has no data of its time zone Europe/Zurich.",
    )
