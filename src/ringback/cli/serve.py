"""`ringback serve`: the server itself."""

import asyncio
import gc
import logging
import signal
import sys
from collections.abc import Coroutine, Sequence
from typing import Any

import click
import grpc

from ringback.app import App
from ringback.cli.log import set_up_log
from ringback.cli.service_changes import apply
from ringback.cli.services_file import WantedService
from ringback.cli.settings.flags import config_option, setting_options
from ringback.cli.settings.sources import BadSettings, resolve
from ringback.client import insecure_channel
from ringback.config import Settings
from ringback.domain.errors import StorageUnavailable
from ringback.identity.files import UnusableFileError
from ringback.rpc.listening import CannotListen
from ringback.storage.errors import StoreCannotOpen
from ringback.v1 import directory_service_pb2_grpc

_log = logging.getLogger("ringback")

# An address to listen on is not always one to connect to.
_LOOPBACK = {"0.0.0.0": "127.0.0.1", "[::]": "[::1]"}  # noqa: S104 - nothing is bound here


@click.command()
@config_option
@setting_options
def serve(config: str | None, **flags: str | bool | None) -> None:
    """Serve until SIGTERM or Ctrl-C.

    A setting is taken from its flag, or else from its environment variable, or else from the config file.
    """
    configuration = resolve(flags, config)
    set_up_log(configuration["log_level"], libraries=configuration["log_libraries"])
    try:
        failed = _run(_serve(configuration.settings, configuration["services"]))
    except UnusableFileError as fault:
        raise BadSettings([str(fault)]) from None
    except (StoreCannotOpen, CannotListen, StorageUnavailable) as fault:
        raise click.ClickException(str(fault)) from None
    except grpc.aio.AioRpcError as refusal:
        raise click.ClickException(f"the services file was refused: {refusal.details()}") from None
    sys.exit(1 if failed else 0)


def _run(main: Coroutine[Any, Any, bool]) -> bool:
    try:
        import uvloop  # noqa: PLC0415 - not to be had on Windows
    except ImportError:
        return asyncio.run(main)
    return uvloop.run(main)


async def _serve(settings: Settings, services: Sequence[WantedService]) -> bool:
    """Serve until a signal comes. Return whether the server failed instead."""
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    async with await App.start(settings) as app:
        _say_who_is_let_in(settings)
        if services:
            await _apply(services, _reachable(app.address))
        _collect_garbage_less_often()
        _log.info("listening on %s", app.address)
        waits = [asyncio.create_task(event.wait()) for event in (stopping, app.failed)]
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        for wait in waits:
            wait.cancel()
        _log.info("stopping: streams end with a last token, calls under way may finish")
    _log.info("stopped")
    return app.failed.is_set()


def _say_who_is_let_in(settings: Settings) -> None:
    """Say what is not protected: it is what was chosen, or the default on an address of this machine."""
    plain = settings.tls_cert is None
    level = logging.INFO if settings.listen.is_loopback else logging.WARNING
    if settings.access is None:
        lacking = "no identities, and no TLS" if plain else "no identities"
        _log.log(level, "every program that reaches %s may do everything: there are %s", settings.listen, lacking)
    elif plain and not settings.listen.is_loopback:
        _log.warning("serving plain text on %s: tokens and numbers can be read on their way", settings.listen)


def _collect_garbage_less_often() -> None:
    """Raise the thresholds of the collector, which has little to do: values have no cycles, a call leaves five objects.

    The newest part of the event log keeps many values alive, so the usual 700 new ones are reached every few calls,
    which took a tenth of the time; a full collection holds up all calls for tens of milliseconds.
    """
    gc.freeze()
    gc.set_threshold(10_000, 20, 10)


def _reachable(address: str) -> str:
    host, colon, port = address.rpartition(":")
    return f"{_LOOPBACK.get(host, host)}{colon}{port}"


async def _apply(services: Sequence[WantedService], address: str) -> None:
    async with insecure_channel(address) as channel:
        stub = directory_service_pb2_grpc.DirectoryServiceStub(channel)
        async for applied in apply(stub, services):
            _log.info("service %s %s", applied.service.sip_address, applied.change)
