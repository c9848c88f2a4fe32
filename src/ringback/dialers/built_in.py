"""Which built-in dialer the settings name, and what it has to have open while it is at work."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from typing import NamedTuple, Protocol

from ringback.dialers.http_settings import HttpDialerSettings
from ringback.dialers.runner import MAX_CALLS
from ringback.dialers.simulated import SimulatedDialer
from ringback.dialers.sip.settings import SipSettings
from ringback.ports.dialer import Dialer, Signalling


class DialerCannotOpen(Exception):  # noqa: N818 - named for what happened
    """The dialer cannot work with its settings on this machine. `str()` is a sentence for the operator."""


class Loop(Protocol):
    """Something that goes on beside the calls, until it is cancelled; what it raises is a bug, and ends the server."""

    async def run(self) -> None: ...


class BuiltIn(NamedTuple):
    dialer: Dialer
    loops: Sequence[Loop] = ()
    # At once, over all services.
    max_calls: int = MAX_CALLS
    # None where there is none to be had.
    signalling: Signalling | None = None


class DialerSettings(Protocol):
    """What the settings of a server say of its dialer."""

    @property
    def dialer(self) -> str: ...
    @property
    def simulated_ring(self) -> timedelta: ...
    @property
    def simulated_talk(self) -> timedelta: ...
    @property
    def sip(self) -> SipSettings: ...
    @property
    def http_dialer(self) -> HttpDialerSettings: ...


def check_files(settings: DialerSettings) -> None:
    """Raise `DialerCannotOpen` for files that the dialer cannot use, before anything is opened."""
    if settings.dialer == "sip":
        from ringback.dialers.sip.opening import fault_of_files  # noqa: PLC0415 - as in `_opened`

        if fault := fault_of_files(settings.sip):
            raise DialerCannotOpen(f"SIP: {fault}")


@asynccontextmanager
async def built_in_dialer(settings: DialerSettings) -> AsyncIterator[BuiltIn | None]:
    """Open the dialer of the settings; None: only the user's own dialers place calls. Raise `DialerCannotOpen`."""
    async with AsyncExitStack() as stack:
        yield await _opened(settings, stack)


async def _opened(settings: DialerSettings, stack: AsyncExitStack) -> BuiltIn | None:
    # What only one of them needs is not loaded for the others: the SIP dialer is as much as half of the server.
    match settings.dialer:
        case "none":
            return None
        case "sip":
            from ringback.dialers.sip.opening import SipCannotOpen, open_sip  # noqa: PLC0415

            try:
                dialer, loops, trace = await stack.enter_async_context(open_sip(settings.sip))
            except SipCannotOpen as fault:
                raise DialerCannotOpen(f"SIP: {fault}") from None
            return BuiltIn(dialer, loops, settings.sip.max_concurrent_calls, trace)
        case "http":
            from ringback.dialers.http import HttpDialer  # noqa: PLC0415

            try:
                http = await HttpDialer.start(settings.http_dialer)
            except OSError as fault:
                where = ":".join(map(str, settings.http_dialer.listen))
                raise DialerCannotOpen(f"reports: cannot listen on {where}: {fault.strerror or fault}") from None
            stack.callback(http.stop)
            return BuiltIn(http)
        case _:
            return BuiltIn(SimulatedDialer(ring=settings.simulated_ring, talk=settings.simulated_talk))
