"""Who calls whom: URIs, identities and headers of each leg's INVITE.

The target sees the identity of the service (RFC 3261 From, RFC 3325 P-Asserted-Identity, RFC 3323 Privacy). The agent
sees the target, and what the callback is about: Call-Info, Subject, and User-to-User (RFC 7433).
"""

import secrets
from collections.abc import Callable, Iterator
from types import MappingProxyType
from typing import Final
from urllib.parse import quote

from ringback.dialers.sip.calls.outcome import CallSide
from ringback.dialers.sip.dialogs.leg_events import LegPlan
from ringback.dialers.sip.messages.digest import SipCredentials
from ringback.dialers.sip.messages.message import MalformedMessage, NameAddr
from ringback.dialers.sip.messages.uri import Uri
from ringback.dialers.sip.settings import SipSettings
from ringback.domain.callback import Callback
from ringback.domain.control_characters import CONTROL
from ringback.domain.numbering import dialled_in
from ringback.domain.service import Service

USER: Final = "ringback"
# RFC 3323 section 4.1.1.3, and the host of RFC 3261 section 20.20 that no call can be returned to.
_ANONYMOUS: Final = NameAddr(uri="sip:anonymous@anonymous.invalid", display="Anonymous")
# The protocol discriminator of "user-specific" (ITU-T Q.931 section 4.5.30), which gateways to ISDN look for.
_USER_SPECIFIC: Final = "00"
# What of ASCII may stand in a URI (RFC 3986 section 2): nothing that would end the <> around it.
_OF_URIS: Final = "%!#$&'()*+,/:;=?@[]"
_PHONE: Final = MappingProxyType({"user": "phone"})


class NoRoute(ValueError):  # noqa: N818 - named for what is missing
    """An address cannot be called with these settings; the sentence says why."""


class Identities:
    """Makes the plans of legs by the settings. `host` is where peers reach this dialer, HOST or HOST:PORT."""

    def __init__(self, settings: SipSettings, host: str) -> None:
        self._settings = settings
        self._host = host
        self._domain = _domain(settings, host)
        self.credentials = None
        if settings.username is not None:
            self.credentials = SipCredentials(settings.username, settings.password or "", settings.auth_realm)

    def _is_trusted(self, target: str, service: Service) -> bool:
        """Return whether a target that is called directly may have our credentials.

        It was chosen by a caller: from the answer to a nonce of its own it could guess the password. So it gets none,
        but where it is at a host of the operator's, such as the PBX of the agents.
        """
        own = (service.agent_address or service.sip_address, self._settings.identity, self._settings.register)
        return _host(target) in filter(None, map(_host, own))

    def target(self, callback: Callback, service: Service, judge: Callable[[str], str]) -> LegPlan:
        """Return how the target is called. Raise `NoRoute`."""
        proxy = self._settings.customer_proxy or self._settings.proxy
        uri = self.request_uri(callback.dial_target, service.default_region, proxy, "the target")
        return LegPlan(
            uri=uri,
            routes=self._routes(proxy),
            from_=self._caller(service),
            to=NameAddr("", uri),
            user=USER,
            headers=tuple(self._target_headers(service, proxy)),
            call_id=secrets.token_hex(16),
            ring_timeout_s=service.ring_timeout.total_seconds(),
            credentials=self.credentials if proxy or self._is_trusted(uri, service) else None,
            judge=self.judge(CallSide.TARGET, judge),
        )

    def judge(self, side: CallSide, judge: Callable[[str], str]) -> Callable[[str], str] | None:
        """Return what judges the addresses that requests of a leg go to; None: nothing does."""
        # Proxies and agents are the operator's own choice; where a target points was chosen by somebody else.
        is_foreign = side is CallSide.TARGET and not (self._settings.customer_proxy or self._settings.proxy)
        return judge if is_foreign else None

    def agent(self, callback: Callback, service: Service) -> LegPlan:
        """Return how the agents' side is called. Raise `NoRoute`."""
        proxy = self._settings.service_proxy or self._settings.proxy
        uri = self.request_uri(service.agent_address or service.sip_address, service.default_region, proxy, "the agent")
        return LegPlan(
            uri=uri,
            routes=self._routes(proxy),
            from_=self._shown_target(callback, service),
            to=NameAddr("", uri),
            user=USER,
            headers=tuple(_agent_headers(callback)),
            call_id=secrets.token_hex(16),
            ring_timeout_s=self._settings.ring_timeout_service.total_seconds(),
            credentials=self.credentials,
        )

    def request_uri(self, address: str, region: str, proxy: str | None, whose: str) -> str:
        """Return the Request-URI for a canonical address. Raise `NoRoute`, such as for a number without a proxy."""
        if address.startswith("tel:"):
            if proxy is None:
                raise NoRoute(f"{whose} has a tel: address, which needs a SIP proxy (sip.proxy), and none is set")
            return str(self._as_sip(address, region, Uri.parse(proxy).hostport))
        try:
            uri = Uri.parse(address)
        except MalformedMessage as fault:
            raise NoRoute(f"{whose} has an address that SIP cannot call: {fault}") from None
        # Neither may be in a Request-URI (RFC 3261 section 19.1.1), and headers are not ours to set.
        params = {name: value for name, value in uri.params.items() if name != "method"}
        uri = Uri(uri.scheme, uri.user, uri.host, uri.port, MappingProxyType(params))
        return str(uri if proxy else self._by_transport(uri))

    def _routes(self, proxy: str | None) -> tuple[str, ...]:
        if proxy is None:
            return ()
        uri = self._by_transport(Uri.parse(proxy))
        return (f"<{uri if uri.is_loose else uri.with_params(lr=None)}>",)

    def _by_transport(self, uri: Uri) -> Uri:
        """Add the transport of the settings where the URI has none. Without any, DNS or UDP is right (RFC 3263)."""
        if self._settings.transport == "udp" or uri.scheme == "sips" or uri.transport:
            return uri
        return uri.with_params(transport=self._settings.transport)

    def _caller(self, service: Service) -> NameAddr:
        if service.caller_line_restricted:
            return _ANONYMOUS
        return NameAddr(uri=self._identity(service), display=self._settings.display_name)

    def _identity(self, service: Service) -> str:
        identity = service.caller_line_identity or self._settings.identity or f"sip:{USER}@{self._host}"
        return self._identity_uri(identity, service.default_region)

    def _identity_uri(self, identity: str, region: str) -> str:
        return str(self._as_sip(identity, region, self._domain)) if identity.startswith("tel:") else identity

    def _target_headers(self, service: Service, proxy: str | None) -> Iterator[tuple[str, str]]:
        if service.caller_line_restricted:
            yield "Privacy", "id"
        # RFC 3325 section 5: with a wish for privacy it goes to no one but the network that is trusted, the proxy.
        asserted = self._settings.asserted_identity or service.caller_line_identity
        if service.caller_line_restricted:
            asserted = (asserted or self._identity(service)) if proxy else ""
        if asserted:
            yield "P-Asserted-Identity", f"<{self._identity_uri(asserted, service.default_region)}>"
        yield from self._settings.headers.items()

    def _shown_target(self, callback: Callback, service: Service) -> NameAddr:
        target = callback.dial_target
        if target.startswith("tel:"):
            number, _, extension = target.removeprefix("tel:").partition(";ext=")
            display = f"{number} ext. {extension}" if extension else number
            return NameAddr(uri=str(self._as_sip(target, service.default_region, self._domain)), display=display)
        uri = Uri.parse(target)
        shown = Uri("sip", uri.user or USER, self._domain)
        return NameAddr(uri=str(shown), display=f"{uri.user}@{uri.host}" if uri.user else uri.host)

    def _as_sip(self, tel: str, region: str, host: str) -> Uri:
        """Return a `tel:` URI as RFC 3261 section 19.1.6 writes it, with the number as the trunk takes it."""
        number, *parameters = tel.removeprefix("tel:").split(";")
        match self._settings.number_format:
            case "e164_no_plus":
                number = number.removeprefix("+")
            case "national":
                number = dialled_in(region, number)
        return Uri("sip", ";".join([number, *parameters]), host, params=_PHONE)


def _domain(settings: SipSettings, host: str) -> str:
    """Return the domain of identities that are numbers: that of the identity, else of the proxy, else this dialer's."""
    for uri in (settings.identity, settings.customer_proxy, settings.proxy):
        if uri is not None and not uri.startswith("tel:"):
            return Uri.parse(uri).host
    return Uri.parse(f"sip:{host}").host


def _host(uri: str | None) -> str:
    """Return the host of a SIP URI in lower case; "" for what has none."""
    if uri is None or uri.startswith("tel:"):
        return ""
    return Uri.parse(uri).host.lower().removesuffix(".")


def _agent_headers(callback: Callback) -> Iterator[tuple[str, str]]:
    request = callback.request
    if request.context_url:
        # RFC 3261 section 20.9.
        yield "Call-Info", f"<{quote(_one_line(request.context_url), safe=_OF_URIS)}>;purpose=info"
    if request.description:
        yield "Subject", _one_line(request.description)
    yield "User-to-User", f"{_user_to_user(callback)};encoding=hex"


def _user_to_user(callback: Callback) -> str:
    """Return the content of RFC 7433: which callback this is, for whom a PBX passes it on to."""
    content = f"callback_id={callback.callback_id}"
    if callback.request.external_task_id:
        content += f";external_task_id={callback.request.external_task_id}"
    return f"{_USER_SPECIFIC}{content.encode().hex()}"


def _one_line(text: str) -> str:
    return CONTROL.sub(" ", text)
