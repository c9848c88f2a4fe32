"""SIGHUP: the files that say what is allowed are read again, and taken together or not at all."""

import asyncio
import logging
import sys
from collections.abc import Callable

from ringback.app import App
from ringback.cli.settings.sources import BadSettings, Configuration, files_of, read_again
from ringback.identity.files import UnusableFileError

_log = logging.getLogger(__name__)


class Reload:
    """The settings of a running server, as far as they may change."""

    def __init__(self, configuration: Configuration, stop: Callable[[], None]) -> None:
        self._configuration = configuration
        self._stop = stop
        self._on_terminal = sys.stderr.isatty()
        self._requested = asyncio.Event()

    def request(self) -> None:
        """Have the files read again. Requests that come meanwhile are one.

        A terminal that is closed sends SIGHUP, too: a server that was started in it stops.
        """
        if self._on_terminal and not sys.stderr.isatty():
            self._stop()
        self._requested.set()

    async def run(self, app: App) -> None:
        while True:
            await self._requested.wait()
            self._requested.clear()
            await self._reload(app)

    async def _reload(self, app: App) -> None:
        names = files_of(self._configuration)
        if not names:
            _log.info("SIGHUP: no file was given that is read again")
            return
        try:
            # A long file takes a while, in which calls are served.
            changed = await asyncio.to_thread(read_again, self._configuration)
            app.replace_access(changed.settings.access)
        except (BadSettings, UnusableFileError) as refusal:
            for fault in str(refusal).splitlines():
                _log.error("SIGHUP: %s", fault)
            _log.error("SIGHUP: nothing was changed, %s as before", " and ".join(names))
            return
        except Exception:  # noqa: BLE001 - whatever is wrong with a file: it must not end the server
            _log.error("SIGHUP: nothing was changed, because of a bug", exc_info=True)
            return
        app.replace_limits(changed.settings.limits)
        app.replace_dial_rules(changed.settings.dial_rules)
        app.replace_session_keys(changed.settings.http_session_keys)
        self._configuration = changed
        warn(changed)
        _log.info("SIGHUP: read again: %s", ", ".join(_in_words(name, changed) for name in names))


def warn(configuration: Configuration) -> None:
    """Log what is not wrong with the files, and better otherwise."""
    for name in files_of(configuration):
        for warning in getattr(configuration[name], "warnings", ()):
            _log.warning("file mode: %s", warning)


def _in_words(name: str, configuration: Configuration) -> str:
    if name != "access":
        return name
    count = len(configuration["access"].rules.identities)
    return f"access with {count} {'identity' if count == 1 else 'identities'}"
