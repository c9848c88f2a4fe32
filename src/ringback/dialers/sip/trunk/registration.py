"""A registration, for trunks that want one (RFC 3261 section 10)."""

import asyncio
import logging
import random
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from ringback.dialers.sip.messages.digest import DigestClient, SipCredentials
from ringback.dialers.sip.messages.header_values import printable
from ringback.dialers.sip.messages.message import MalformedMessage, NameAddr, Response, cseq, number_of
from ringback.dialers.sip.messages.uri import Uri
from ringback.dialers.sip.transactions.endpoint import Endpoint
from ringback.dialers.sip.transport.destination import Transport
from ringback.dialers.sip.transport.faults import TransactionFailed
from ringback.dialers.sip.trunk.standalone import final_response, new_call_id, standalone_request

_log = logging.getLogger(__name__)

# A registration is renewed when so much of its time is over.
REFRESH_AFTER: Final = 0.8
SHORTEST_REFRESH_S: Final = 10.0
# After a refusal, doubled each time.
FIRST_RETRY_S: Final = 15.0
LONGEST_RETRY_S: Final = 600.0
# A server that stops waits no longer than this for the registrar.
DEREGISTER_S: Final = 2.0
# No registrar asks for more, and a Min-Expires that does is no reason to be registered for ever.
_LONGEST_EXPIRES_S: Final = 86_400


@dataclass(frozen=True, slots=True)
class RegistrationState:
    is_registered: bool = False
    text: str = "not registered yet"
    expires_s: int = 0


class Registration:
    """Keeps this endpoint registered, and says so in the log whenever that changes."""

    def __init__(
        self,
        endpoint: Endpoint,
        registrar: str,
        credentials: SipCredentials | None,
        *,
        user: str = "",
        expires_s: int = 3600,
        draw: Callable[[], float] = random.random,
    ) -> None:
        """`registrar` is a SIP URI; its user, or `user`, or the username is the one that is registered at its host."""
        uri = Uri.parse(registrar)
        user = user or uri.user or (credentials.username if credentials else "")
        self.state = RegistrationState()
        self._endpoint = endpoint
        transport = uri.transport
        self._registrar = str(Uri(uri.scheme, None, uri.host, uri.port, uri.params))
        self.address = f"{uri.scheme}:{user}@{uri.host}" if user else f"{uri.scheme}:{uri.host}"
        self._contact = endpoint.contact(user, Transport(transport) if transport in list(Transport) else None)
        self._expires_s = expires_s
        self._digest = DigestClient(credentials, lambda: secrets.token_hex(8))
        self._call_id = new_call_id()
        self._number = 0
        self._failures = 0
        self._draw = draw

    async def run(self) -> None:
        """Register and renew until cancelled, and deregister then."""
        try:
            while True:
                wait_s = await self._register()
                await asyncio.sleep(wait_s)
        finally:
            if self.state.is_registered:
                await self._deregister()

    async def _register(self) -> float:
        """Register once; return after how many seconds to do it again."""
        try:
            response = await self._request(self._expires_s)
            if response.status == 423 and self._raise_expires(response):
                response = await self._request(self._expires_s)
        except TransactionFailed as failure:
            return self._failed(failure.text)
        if response.status >= 300:
            return self._failed(f"{response.status} {printable(response.reason)}")
        self._failures = 0
        expires_s = self._granted_s(response)
        self._become(RegistrationState(is_registered=True, text="registered", expires_s=expires_s))
        return max(expires_s * REFRESH_AFTER, SHORTEST_REFRESH_S)

    async def _deregister(self) -> None:
        try:
            async with asyncio.timeout(DEREGISTER_S):
                await self._request(0)
        except (TransactionFailed, TimeoutError):
            _log.info("SIP: the end of the registration was not confirmed; it lapses by itself")
        self.state = RegistrationState(text="deregistered")

    async def _request(self, expires_s: int) -> Response:
        request = standalone_request(
            "REGISTER",
            self._registrar,
            from_uri=self.address,
            to_uri=self.address,
            call_id=self._call_id,
            number=self._number + 1,
        )
        request.headers.add("Contact", f"<{self._contact}>;expires={expires_s}")
        request.headers.add("Expires", str(expires_s))
        self._digest.authorize(request)
        try:
            response = await final_response(self._endpoint, request, self._digest)
        except TransactionFailed:
            # A challenge may have been answered before: its number is used up, too.
            self._number += 10
            raise
        self._number = cseq(response).number
        return response

    def _raise_expires(self, response: Response) -> bool:
        """Take the least time that the registrar accepts (423)."""
        least = number_of(response.headers, "Min-Expires")
        if least is None or not self._expires_s < least <= _LONGEST_EXPIRES_S:
            return False
        self._expires_s = least
        return True

    def _granted_s(self, response: Response) -> int:
        """Return for how long the registrar has registered our Contact: it lists those of others, too."""
        for value in response.headers.values("Contact"):
            try:
                contact = NameAddr.parse(value)
            except MalformedMessage:
                continue
            expires = contact.params.get("expires") or ""
            if contact.uri == self._contact and expires.isdecimal():
                return int(expires)
        granted = number_of(response.headers, "Expires")
        return self._expires_s if granted is None else granted

    def _failed(self, text: str) -> float:
        wait_s = min(FIRST_RETRY_S * 2.0**self._failures, LONGEST_RETRY_S)
        self._failures += 1
        self._become(RegistrationState(text=text))
        # Half of it is drawn, so that many clients do not come back at once (RFC 5626 section 4.5).
        return wait_s * (0.5 + 0.5 * self._draw())

    def _become(self, state: RegistrationState) -> None:
        if state == self.state:
            return
        self.state = state
        if state.is_registered:
            _log.info("SIP: registered for %d s at %s", state.expires_s, self._registrar)
        else:
            _log.warning("SIP: not registered at %s: %s", self._registrar, state.text)
