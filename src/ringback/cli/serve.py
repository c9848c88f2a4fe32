"""`ringback serve`: the server itself."""

import asyncio
import gc
import logging
import signal
import sys
from collections.abc import Coroutine, Sequence
from typing import Any, Final, NoReturn

import click

from ringback.app import App
from ringback.application.access import ANYBODY
from ringback.cli.log import set_up_log
from ringback.cli.reload import Reload, warn
from ringback.cli.service_changes import apply
from ringback.cli.services_file import WantedService
from ringback.cli.settings.flags import config_option, setting_options
from ringback.cli.settings.sources import BadSettings, Configuration, resolve
from ringback.cli.traces import CannotTrace, tracing
from ringback.config import Settings
from ringback.dialers.built_in import DialerCannotOpen
from ringback.domain.errors import RingbackError, ServiceNotFound, StorageUnavailable
from ringback.entry.open_files import raise_limit
from ringback.identity.files import UnusableFileError
from ringback.listening import CannotListen
from ringback.storage.errors import StoreCannotOpen
from ringback.v1 import directory_service_pb2 as pb
from ringback.web.page.assets import UnusableAssets
from ringback.wire.handlers.directory import DirectoryHandlers

_log = logging.getLogger("ringback")

# How long the store's thread waits at most for the interpreter while calls keep the event loop busy, each time that it
# comes back from the database, which it does some twenty times for a create. With Python's own 5 ms, a flood of work
# that is the loop's alone, such as large batches with faults, held up the creates of others for half a second. One
# sender alone is not held up by itself, and would pay for shorter turns.
_ALONE_S: Final = sys.getswitchinterval()
_SHARED_S: Final = 0.000_1


@click.command()
@config_option
@setting_options
def serve(config: str | None, **flags: str | bool | None) -> None:
    """Serve until SIGTERM or Ctrl-C.

    A setting is taken from its flag, or else from its environment variable, or else from the config file.
    """
    try:
        configuration = resolve(flags, config)
    except BadSettings as fault:
        if fault.log_format == "json":
            set_up_log("info", libraries=False, form="json")
            _end(fault)
        raise
    raise_limit()
    form = configuration["log_format"]
    set_up_log(configuration["log_level"], libraries=configuration["log_libraries"], form=form)
    try:
        failed = _served(configuration)
    except click.ClickException as fault:
        if form == "json":
            _end(fault)
        raise
    sys.exit(1 if failed else 0)


def _end(fault: click.ClickException) -> NoReturn:
    """Log why the server cannot serve, as it logs all else, and end the process."""
    for line in fault.message.splitlines():
        _log.critical("cannot serve: %s", line)
    sys.exit(fault.exit_code)


def _served(configuration: Configuration) -> bool:
    """Serve, and return whether the server has failed. Raise `ClickException` when it cannot."""
    try:
        return _run(_serve(configuration))
    except UnusableFileError as fault:
        raise BadSettings([configuration.placed(str(fault))]) from None
    except CannotTrace as fault:
        raise BadSettings([str(fault)]) from None
    except (StoreCannotOpen, CannotListen, DialerCannotOpen, StorageUnavailable, UnusableAssets) as fault:
        raise click.ClickException(str(fault)) from None
    except RingbackError as refusal:
        raise click.ClickException(f"the services file was refused: {refusal}") from None


def _run(main: Coroutine[Any, Any, bool]) -> bool:
    try:
        import uvloop  # noqa: PLC0415 - not to be had on Windows
    except ImportError:
        return asyncio.run(main)
    return uvloop.run(main)


async def _serve(configuration: Configuration) -> bool:
    """Serve until a signal comes. Return whether the server failed instead."""
    settings = configuration.settings
    services: Sequence[WantedService] = configuration["services"]
    loop = asyncio.get_running_loop()
    stopping = asyncio.Event()
    reload = Reload(configuration, stopping.set)
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    loop.add_signal_handler(signal.SIGHUP, reload.request)
    warn(configuration)
    async with (
        tracing(configuration["traces"], libraries=configuration["log_libraries"]) as tracers,
        await App.start(settings, tracers) as app,
    ):
        _say_who_is_let_in(settings)
        if services:
            await _apply(services, app.edges.handlers.directory)
        _collect_garbage_less_often()
        app.use_cases.turns.listen(_switch_threads)
        if app.edges.http is not None:
            _log.info("serving HTTP on %s", app.edges.web_address)
            _log.info("the page is at %s", app.edges.http.page)
        _log.info("listening on %s", app.address)
        reloading = asyncio.create_task(reload.run(app))
        waits = [asyncio.create_task(event.wait()) for event in (stopping, app.failed)]
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        for wait in (reloading, *waits):
            wait.cancel()
        _log.info("stopping: streams end with a last token, calls under way may finish")
    _log.info("stopped")
    return app.failed.is_set()


def _say_who_is_let_in(settings: Settings) -> None:
    """Say what is not protected: it is what was chosen, or the default on an address of this machine."""
    plain = settings.tls_cert is None
    addresses = [settings.listen] if settings.http is None else [settings.listen, settings.http]
    reachable = [each for each in addresses if not each.is_loopback]
    named = " and ".join(map(str, reachable or addresses))
    level = logging.WARNING if reachable else logging.INFO
    if settings.limits is None:
        _log.info("no limits: one caller may send and keep open as much as it likes")
    if settings.access is None:
        lacking = "no identities, and no TLS" if plain else "no identities"
        _log.log(level, "every program that reaches %s may do everything: there are %s", named, lacking)
    elif plain and reachable:
        _log.warning("serving plain text on %s: tokens and numbers can be read on their way", named)


def _switch_threads(shared: bool) -> None:
    sys.setswitchinterval(_SHARED_S if shared else _ALONE_S)


def _collect_garbage_less_often() -> None:
    """Raise the thresholds of the collector, which has little to do: values have no cycles, a call leaves five objects.

    The newest part of the event log keeps many values alive, so the usual 700 new ones are reached every few calls,
    which took a tenth of the time; a full collection holds up all calls for tens of milliseconds.
    """
    gc.freeze()
    gc.set_threshold(10_000, 20, 10)


async def _apply(services: Sequence[WantedService], handlers: DirectoryHandlers) -> None:
    async for applied in apply(_OwnDirectory(handlers), services):
        _log.info("service %s %s", applied.service.sip_address, applied.change)


class _OwnDirectory:
    """The services of this process, which may change them whatever credentials its clients need."""

    def __init__(self, handlers: DirectoryHandlers) -> None:
        self._handlers = handlers

    async def find(self, request: pb.GetServiceRequest) -> pb.Service | None:
        try:
            return (await self._handlers.get_service(ANYBODY, request)).service
        except ServiceNotFound:
            return None

    async def create(self, request: pb.CreateServiceRequest) -> pb.Service:
        return (await self._handlers.create_service(ANYBODY, request)).service

    async def update(self, request: pb.UpdateServiceRequest) -> pb.Service:
        return (await self._handlers.update_service(ANYBODY, request)).service
