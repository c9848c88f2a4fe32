"""The hunts, short: they run, and they find nothing. Run as scripts they look for longer."""

from pathlib import Path

import pytest

from tests.hunts import dialers, drains, full_disk, kill_storm, power_cuts, shares, sip_calls
from tests.hunts.setting import chosen
from tests.world.sip_peers.peer import needed

pytestmark = pytest.mark.long


async def test_nothing_is_lost_or_doubled_when_the_server_is_killed(tmp_path: Path) -> None:
    report = await kill_storm.hunt(tmp_path, blows=kill_storm.Blows(kills=3, drains=1), seed=1)
    assert report.findings == []


async def test_a_full_disk_loses_and_doubles_nothing(tmp_path: Path) -> None:
    report = await full_disk.hunt(tmp_path, rounds=2, seed=1)
    assert report.findings == []


async def test_a_power_cut_at_any_moment_takes_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    report = await power_cuts.hunt(tmp_path, ["with erasures"], acts=2, losses=0.2, starts=1, seed=1)
    assert report.findings == []


async def test_calls_to_a_server_that_stops_end_as_the_contract_says(tmp_path: Path) -> None:
    report = await drains.hunt(tmp_path, stops=2, seed=1)
    assert report.findings == []


async def test_bad_dialers_do_no_harm(tmp_path: Path) -> None:
    mischief = dialers.Mischief(dialers=4, kills=1, freezes=1, cancels=2, server_kills=1)
    report = await dialers.hunt(tmp_path, callbacks=120, mischief=mischief, seed=1)
    assert report.findings == []


@pytest.mark.parametrize("postgres", [False, True], ids=["one server", "three servers"])
async def test_priorities_get_their_exact_shares(tmp_path: Path, *, postgres: bool) -> None:
    with chosen(postgres=postgres, servers=3) as setting:
        report = await shares.hunt(tmp_path, depth=60, rounds=2, setting=setting)
    assert report.findings == []


async def test_nothing_is_left_of_telephone_calls_when_their_server_is_killed(tmp_path: Path) -> None:
    needed("sipp")
    report = await sip_calls.hunt(tmp_path, callbacks=25, kills=4, seed=1)
    assert report.findings == []
