"""`ringback serve`: the server itself."""

import asyncio
import logging
import signal
import sys
from collections.abc import Coroutine
from datetime import timedelta
from pathlib import Path
from typing import Any

import click

from ringback.app import App
from ringback.config import (
    DEFAULT_DATABASE,
    DEFAULT_LISTEN,
    DIALERS,
    Listen,
    SettingError,
    Settings,
    parse_database,
)
from ringback.ports import Retention
from ringback.rpc.server import CannotListen
from ringback.storage.sqlite import StoreCannotOpen

_log = logging.getLogger("ringback")


@click.command()
@click.option("--listen", default=DEFAULT_LISTEN, show_default=True, help="HOST:PORT; port 0 lets the system choose.")
@click.option("--database", default=DEFAULT_DATABASE, show_default=True, help="sqlite:///FILE")
@click.option(
    "--dialer",
    type=click.Choice(DIALERS),
    default="simulated",
    show_default=True,
    help="What places the calls; `none` leaves it to dialers of your own, over DialerService.",
)
@click.option(
    "--services",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A YAML file of services to apply at the start.",
)
@click.option("--insecure", is_flag=True, help="Serve plain text on an address that other machines can reach.")
@click.option("--simulated-ring", type=float, default=0.5, show_default=True, help="Seconds a simulated phone rings.")
@click.option("--simulated-talk", type=float, default=1.0, show_default=True, help="Seconds a simulated call lasts.")
@click.option("--keep-ended-days", type=float, default=30, show_default=True, help="How long ended callbacks are kept.")
@click.option("--keep-events-hours", type=float, default=24, show_default=True, help="How long changes can be resumed.")
@click.option(
    "--log-level",
    type=click.Choice(["debug", "info", "warning", "error"]),
    default="info",
    show_default=True,
)
def serve(
    listen: str,
    database: str,
    dialer: str,
    services: Path | None,
    simulated_ring: float,
    simulated_talk: float,
    keep_ended_days: float,
    keep_events_hours: float,
    log_level: str,
    *,
    insecure: bool,
) -> None:
    """Serve until SIGTERM or Ctrl-C."""
    logging.basicConfig(format="%(asctime)s %(levelname)s %(message)s", level=log_level.upper(), stream=sys.stderr)
    try:
        settings = Settings(
            listen=Listen.parse(listen),
            database=parse_database(database),
            dialer=dialer,
            insecure=insecure,
            simulated_ring=timedelta(seconds=simulated_ring),
            simulated_talk=timedelta(seconds=simulated_talk),
            retention=Retention(
                ended_callbacks=timedelta(days=keep_ended_days), events=timedelta(hours=keep_events_hours)
            ),
        )
    except SettingError as fault:
        raise click.UsageError(str(fault)) from None
    try:
        failed = _run(_serve(settings, services))
    except (StoreCannotOpen, CannotListen) as fault:
        raise click.ClickException(str(fault)) from None
    sys.exit(1 if failed else 0)


def _run(main: Coroutine[Any, Any, bool]) -> bool:
    try:
        import uvloop  # noqa: PLC0415 - not to be had on Windows
    except ImportError:
        return asyncio.run(main)
    return uvloop.run(main)


async def _serve(settings: Settings, services: Path | None) -> bool:
    """Serve until a signal comes; answers whether the server failed instead."""
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    async with await App.start(settings) as app:
        if settings.insecure and not settings.listen.is_loopback:
            _log.warning("serving plain text on %s: whoever reaches this address can ask for calls", settings.listen)
        _log.info("listening on %s:%d", settings.listen.host, app.port)
        waits = [asyncio.create_task(event.wait()) for event in (stopping, app.failed)]
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        for wait in waits:
            wait.cancel()
        _log.info("stopping: streams end with a last token, calls under way may finish")
    _log.info("stopped")
    return app.failed.is_set()
