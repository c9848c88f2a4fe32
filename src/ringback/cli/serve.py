"""`ringback serve`: the server itself."""

import asyncio
import gc
import logging
import signal
import sys
from collections.abc import Callable, Coroutine
from datetime import timedelta
from pathlib import Path
from typing import Any

import click
import grpc

from ringback.app import App
from ringback.cli.service_changes import apply
from ringback.cli.services_file import ServicesFileError, WantedService, load
from ringback.client import insecure_channel
from ringback.config import DEFAULT_DATABASE, DEFAULT_LISTEN, DIALERS, Listen, SettingError, Settings, parse_database
from ringback.domain.errors import StorageUnavailable
from ringback.ports.values import Retention
from ringback.rpc.server import CannotListen
from ringback.storage.errors import StoreCannotOpen
from ringback.v1 import directory_service_pb2_grpc

_log = logging.getLogger("ringback")

_SECONDS = click.FloatRange(min=0)
# An address to listen on is not always one to connect to.
_LOOPBACK = {"0.0.0.0": "127.0.0.1", "[::]": "[::1]"}  # noqa: S104 - nothing is bound here


def _option(name: str, help_: str, **settings: Any) -> Callable[..., Any]:
    """Return an option whose default is shown, and which the environment can set as RINGBACK_<NAME>."""
    variable = "RINGBACK_" + name.removeprefix("--").replace("-", "_").upper()
    settings.setdefault("show_default", "default" in settings)
    return click.option(name, help=help_, envvar=variable, show_envvar=True, **settings)


def _load(_: click.Context, param: click.Parameter, path: Path | None) -> list[WantedService]:
    try:
        return [] if path is None else load(path)
    except ServicesFileError as fault:
        raise click.BadParameter(f"\n{fault}", param=param) from None


@click.command()
@_option("--listen", "HOST:PORT; port 0 lets the system choose.", default=DEFAULT_LISTEN)
@_option("--database", "sqlite:///FILE, or postgresql://… for many servers on one database", default=DEFAULT_DATABASE)
@_option(
    "--dialer",
    "What places the calls; none leaves it to dialers of your own, over DialerService.",
    type=click.Choice(DIALERS),
    default="simulated",
)
@_option(
    "--services",
    "A services file to apply at the start.",
    type=click.Path(dir_okay=False, path_type=Path),
    callback=_load,
)
@_option("--insecure", "Serve plain text on an address that other machines can reach.", is_flag=True)
@_option("--simulated-ring", "Seconds that a simulated phone rings.", type=_SECONDS, default=0.5)
@_option("--simulated-talk", "Seconds that a simulated conversation lasts.", type=_SECONDS, default=1.0)
@_option("--keep-ended-days", "How long ended callbacks are kept.", type=float, default=30)
@_option("--keep-events-hours", "How long changes can be resumed.", type=float, default=24)
@_option(
    "--log-level",
    "The least that is told on stderr.",
    type=click.Choice(["debug", "info", "warning", "error"]),
    default="info",
)
def serve(services: list[WantedService], log_level: str, **options: Any) -> None:
    """Serve until SIGTERM or Ctrl-C."""
    logging.basicConfig(format="%(asctime)s %(levelname)s %(message)s", level=log_level.upper(), stream=sys.stderr)
    try:
        settings = _settings(**options)
    except SettingError as fault:
        raise click.UsageError(str(fault)) from None
    try:
        failed = _run(_serve(settings, services))
    except (StoreCannotOpen, CannotListen, StorageUnavailable) as fault:
        raise click.ClickException(str(fault)) from None
    except grpc.aio.AioRpcError as refusal:
        raise click.ClickException(f"the services file was refused: {refusal.details()}") from None
    sys.exit(1 if failed else 0)


def _settings(
    *,
    listen: str,
    database: str,
    dialer: str,
    insecure: bool,
    simulated_ring: float,
    simulated_talk: float,
    keep_ended_days: float,
    keep_events_hours: float,
) -> Settings:
    return Settings(
        listen=Listen.parse(listen),
        database=parse_database(database),
        dialer=dialer,
        insecure=insecure,
        simulated_ring=timedelta(seconds=simulated_ring),
        simulated_talk=timedelta(seconds=simulated_talk),
        retention=Retention(ended_callbacks=timedelta(days=keep_ended_days), events=timedelta(hours=keep_events_hours)),
    )


def _run(main: Coroutine[Any, Any, bool]) -> bool:
    try:
        import uvloop  # noqa: PLC0415 - not to be had on Windows
    except ImportError:
        return asyncio.run(main)
    return uvloop.run(main)


async def _serve(settings: Settings, services: list[WantedService]) -> bool:
    """Serve until a signal comes. Return whether the server failed instead."""
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    async with await App.start(settings) as app:
        if not settings.listen.is_loopback:
            _log.warning("serving plain text on %s: whoever reaches this address can ask for calls", settings.listen)
        if services:
            await _apply(services, f"{_LOOPBACK.get(settings.listen.host, settings.listen.host)}:{app.port}")
        _collect_garbage_less_often()
        _log.info("listening on %s:%d", settings.listen.host, app.port)
        waits = [asyncio.create_task(event.wait()) for event in (stopping, app.failed)]
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        for wait in waits:
            wait.cancel()
        _log.info("stopping: streams end with a last token, calls under way may finish")
    _log.info("stopped")
    return app.failed.is_set()


def _collect_garbage_less_often() -> None:
    """Raise the thresholds of the collector, which has little to do: values have no cycles, a call leaves five objects.

    The newest part of the event log keeps many values alive, so the usual 700 new ones are reached every few calls,
    which took a tenth of the time; a full collection holds up all calls for tens of milliseconds.
    """
    gc.freeze()
    gc.set_threshold(10_000, 20, 10)


async def _apply(services: list[WantedService], address: str) -> None:
    async with insecure_channel(address) as channel:
        stub = directory_service_pb2_grpc.DirectoryServiceStub(channel)
        async for applied in apply(stub, services):
            _log.info("service %s %s", applied.service.sip_address, applied.change)
