"""The files that credentials are judged by, read again while the server runs: certificates, authorities, keys."""

import asyncio
import logging
from datetime import datetime, timedelta
from typing import Any, Final

from ringback.identity.authenticator import Authenticator
from ringback.identity.files import Contents, FileValue, are_equal, read_files
from ringback.identity.server_files import WARNING, ServerFiles
from ringback.ports.clock import Clock

_log = logging.getLogger(__name__)

# What a change ends, ends within a second.
_INTERVAL_S: Final = 0.4
# What is written into a file follows at once.
_SETTLED_S: Final = 0.05
_DAY: Final = timedelta(days=1)


class CredentialFiles:
    """Reads the files whenever some time has passed, whatever their dates say: copies keep old ones."""

    def __init__(self, authenticator: Authenticator, tls: FileValue[ServerFiles] | None, clock: Clock) -> None:
        self._authenticator = authenticator
        self._tls = tls
        self._clock = clock
        self._warned_at: datetime | None = None
        self._lock = asyncio.Lock()
        self._warn()

    async def run(self) -> None:
        """Look at the files until cancelled."""
        while True:
            await asyncio.sleep(_INTERVAL_S)
            await self.look()
            self._warn()

    async def look(self) -> None:
        """Read the files, and take what has changed."""
        async with self._lock:
            if self._tls is not None:
                authorities = self._tls.value.authorities
                contents = await self._changed(self._tls)
                if contents is not None and self._tls.take(contents):
                    self._on_certificate(self._tls.value, same_authorities=authorities == self._tls.value.authorities)
            jwks = self._authenticator.jwks
            if jwks is not None:
                contents = await self._changed(jwks)
                # Other rules may have come meanwhile, with another file.
                if contents is not None and jwks is self._authenticator.jwks and jwks.take(contents):
                    self._authenticator.take_keys()

    async def _changed(self, value: FileValue[Any]) -> Contents | None:
        """Return what the files have, if it is something new and nobody is just writing it."""
        contents = await asyncio.to_thread(read_files, value.paths)
        if value.has_seen(contents) or not await self._is_settled(value, contents):
            return None
        return contents

    async def _is_settled(self, value: FileValue[Any], contents: Contents) -> bool:
        """Return whether the files have the same a moment later: half of a list may be a list, too."""
        await asyncio.sleep(_SETTLED_S)
        return are_equal(contents, await asyncio.to_thread(read_files, value.paths))

    def _on_certificate(self, files: ServerFiles, *, same_authorities: bool) -> None:
        _log.info("the certificate was read again, it is valid until %s", f"{files.ends_at:%F %T} UTC")
        self._warned_at = None
        if files.authorities is not None and not same_authorities:
            _log.info("there are other authorities of client certificates: %d", len(files.authorities))
            self._authenticator.trust(files.authorities)

    def _warn(self) -> None:
        """Say once a day that the server's certificate ends soon."""
        if self._tls is None:
            return
        now, ends_at = self._clock.now(), self._tls.value.ends_at
        if ends_at - now < WARNING and (self._warned_at is None or now - self._warned_at >= _DAY):
            self._warned_at = now
            _log.warning(
                "the server's certificate %s %s: put a new one in its place, it is read without a restart",
                "ends on" if now < ends_at else "has ended, on",
                f"{ends_at:%F %T} UTC",
            )
