"""Makes the pictures of the page for README.md and docs/page.md: `make page-pictures`."""

import asyncio
import sys
import tempfile
from datetime import timedelta
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))  # also when it is run as a plain script

from msgspec.structs import replace

from ringback.config import Listen, Settings
from ringback.domain.dial_rules import DEFAULT_RULES
from tests.world.page import PageWorld, chromium
from tests.world.page_scene import NOW, RULES, Scene, SceneClock

HERE = Path(__file__).parent


async def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(
            listen=Listen("127.0.0.1", 0),
            database=Path(folder) / "ringback.db",
            dialer="none",
            limits=None,
            dial_rules=replace(DEFAULT_RULES, attempts_per_number_and_day=None),
        )
        clock = SceneClock(NOW - timedelta(days=8))
        async with (
            chromium() as browser,
            PageWorld.on(browser, settings, identities=True, rules=RULES, clock=clock) as world,
        ):
            scene = Scene(world, clock)
            await scene.services()
            await scene.past(24, 6)
            await scene.present()
            print(world.origin)


if __name__ == "__main__":
    asyncio.run(main())
