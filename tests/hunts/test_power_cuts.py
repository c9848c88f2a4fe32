"""The hunt for what a power cut takes away: it finds planted faults, and nothing in what is there."""

import os
import random
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import pytest

from tests.hunts import lone_store, power_cuts
from tests.hunts.disk import Disk
from tests.hunts.remains import Promised
from tests.hunts.write_log import Record, Step, WriteLog, build_shim

_CALLBACKS: Final = 2


def logged(folder: Path, fault: str) -> tuple[Disk, Sequence[Record]]:
    """Return what a store writes, and the disk on which it begins."""
    (data := folder / "data").mkdir()
    disk, log = Disk(data), WriteLog(build_shim(folder), folder / "writes", data)
    arguments = (data / power_cuts.NAME, log.path, str(_CALLBACKS), fault)
    subprocess.run([sys.executable, lone_store.__file__, *arguments], check=True, env=os.environ | log.environment)
    return disk, list(log.records())


async def power_cuts_of(folder: Path, fault: str) -> power_cuts.Cuts:
    disk, records = logged(folder, fault)
    first = next(number for number, record in enumerate(records) if record.step is Step.MARK)
    cuts = power_cuts.Cuts(disk, Promised(), folder, random.Random(1), losses=0.5)
    await cuts.play(records, first)
    return cuts


async def test_a_store_keeps_what_it_has_acknowledged(tmp_path: Path) -> None:
    cuts = await power_cuts_of(tmp_path, "none")
    assert cuts.findings == []
    assert len(cuts.promised.revisions) == _CALLBACKS - 1
    assert len(cuts.promised.erased) == 1


def test_the_log_that_an_erasure_has_cut_is_flushed_before_it_is_acknowledged(tmp_path: Path) -> None:
    _, records = logged(tmp_path, "none")
    acknowledged = max(number for number, record in enumerate(records) if record.step is Step.MARK)
    cut = max(number for number, record in enumerate(records[:acknowledged]) if record.step is Step.CUT)
    flushes = [record.file for record in records[cut:acknowledged] if record.step is Step.FLUSHED]
    assert records[cut].offset == 0
    assert records[cut].file in flushes


@pytest.mark.long
@pytest.mark.parametrize("fault", ["unflushed", "early"])
async def test_a_store_that_acknowledges_too_early_is_found(tmp_path: Path, fault: str) -> None:
    cuts = await power_cuts_of(tmp_path, fault)
    assert any("was acknowledged in revision 1, and is there in none" in finding for finding in cuts.findings)
