"""Makes the pictures of the page for README.md and docs/page.md: `make page-pictures`."""

import asyncio
import logging
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

sys.path.insert(0, str(Path(__file__).parents[2]))  # also when it is run as a plain script

from playwright.async_api import ViewportSize, expect

from tests.world.page import DESKTOP, PHONE, chromium, is_live
from tests.world.page_scene import OPERATOR, Scene

HERE: Final = Path(__file__).parent
# What a view reads when it is there already, such as the reason of the callback that is selected.
_SETTLE_MS: Final = 3_000
_WALL: Final[ViewportSize] = {"width": 1920, "height": 1080}


class Picture(NamedTuple):
    """A view, and how it is looked at."""

    name: str
    path: str
    scheme: str = "light"
    viewport: ViewportSize = DESKTOP
    scale: float = 1


PICTURES: Final[Sequence[Picture]] = (
    Picture("queues-light", "/ui/queues?open={sales}"),
    Picture("queues-dark", "/ui/queues", "dark"),
    Picture("wall-dark", "/ui/queues?wall=1", "dark", _WALL),
    Picture("callbacks-dark", "/ui/callbacks?service={sales},{retention}&sel={story}", "dark"),
    Picture("callbacks-light", "/ui/callbacks?label=campaign%3Dautumn"),
    Picture("callbacks-phone", "/ui/callbacks", "light", PHONE, 2),
    Picture("callback-light", "/ui/callbacks/{story}"),
    Picture("callback-phone", "/ui/callbacks/{story}", "dark", PHONE, 2),
    Picture("outcomes-light", "/ui/outcomes?range=24h"),
)


async def main(folder: Path) -> None:
    """Make all pictures in the folder."""
    with tempfile.TemporaryDirectory() as database:
        async with chromium() as browser, Scene.made(browser, Path(database), past_hours=24) as scene:
            for picture in PICTURES:
                await _take(scene, picture, folder)


async def _take(scene: Scene, picture: Picture, folder: Path) -> None:
    options: dict[str, Any] = {
        "color_scheme": picture.scheme,
        "viewport": picture.viewport,
        "device_scale_factor": picture.scale,
        "reduced_motion": "reduce",
    }
    reader = await scene.world.reader(OPERATOR, **options)
    services = scene.service_ids
    page = await reader.open(
        picture.path.format(story=scene.story.callback_id, sales=services["Sales"], retention=services["Retention UK"])
    )
    await is_live(page)
    await expect(page.get_by_role("region", name="Loading")).to_have_count(0)
    await page.wait_for_timeout(_SETTLE_MS)
    await page.screenshot(path=folder / f"{picture.name}.png")
    await reader.context.close()
    print(folder / f"{picture.name}.png")


if __name__ == "__main__":
    logging.disable()  # the clock jumps, and nothing else is of interest
    asyncio.run(main(Path(sys.argv[1]) if len(sys.argv) > 1 else HERE))
