"""How fast Ringback is, measured against what it could be at best and against what people would use instead.

    python -m bench                  all parts, in a few minutes
    python -m bench --full           all parts, as docs/performance.md shows them
    python -m bench creates watches  some parts; what the file knows of the others stays
    python -m bench --before FOLDER  beside the code of another checkout, too
    python -m bench --page           nothing is measured, the page is drawn anew

The figures go to docs/performance/figures.json, and the page is drawn from them. See README.md.
"""

import argparse
import asyncio
import json
import sys
import time
from pathlib import Path
from subprocess import CalledProcessError
from typing import Any, Final

from bench import creates, edge, growth, lives, machine, peers, steps, watches
from bench.checkout import Checkout
from bench.page import DOCS, FIGURES, write_page
from bench.part import Course, Measured, Part, Scale

PARTS: Final[tuple[Part, ...]] = (
    creates.PART,
    steps.PART,
    lives.PART,
    growth.PART,
    watches.PART,
    edge.PART,
    peers.PART,
)


def main() -> None:
    options = _options()
    figures: dict[str, Any] = json.loads(FIGURES.read_text()) if FIGURES.exists() else {}
    course = Course(Scale.FULL if options.full else Scale.SHORT, options.before)
    for part in () if options.page else PARTS:
        if not options.parts or part.name in options.parts:
            print(f"--- {part.title}", file=sys.stderr, flush=True)
            begun = time.monotonic()
            measured = asyncio.run(_measure(part, course))
            print(f"    measured in {time.monotonic() - begun:.0f} s", file=sys.stderr, flush=True)
            figures[part.name] = {"scale": course.scale.value, "machine": machine.describe(), "measured": measured}
            FIGURES.parent.mkdir(exist_ok=True)
            FIGURES.write_text(json.dumps(figures, indent=1) + "\n")
    write_page(DOCS, PARTS, figures)


async def _measure(part: Part, course: Course) -> Measured:
    return await part.measure(course)


def _checkout(folder: str) -> Checkout:
    try:
        return Checkout.at(Path(folder))
    except (ValueError, CalledProcessError) as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description="How fast Ringback is.")
    names = [part.name for part in PARTS]
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(names)}; all by default")
    parser.add_argument("--full", action="store_true", help="all sizes and more rounds, for the page to be published")
    parser.add_argument(
        "--before", type=_checkout, metavar="FOLDER", help="a checkout with a .venv, whose server takes part, too"
    )
    parser.add_argument("--page", action="store_true", help="measure nothing, draw the page from the last figures")
    options = parser.parse_args()
    if unknown := set(options.parts) - set(names):
        parser.error(f"no part {', '.join(sorted(unknown))}; there are {', '.join(names)}")
    return options


if __name__ == "__main__":
    main()
