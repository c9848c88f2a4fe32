"""The settings of the SIP dialer, and which of them do not go together."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Final

TRANSPORTS: Final = ("udp", "tcp", "tls")
METHODS: Final = ("bridge", "refer")
NUMBER_FORMATS: Final = ("e164", "e164_no_plus", "national")
DEFAULT_CODECS: Final = ("PCMA", "PCMU", "telephone-event")
# Names of payload types that are offered without a line of their own, or with one that has no parameters.
AUDIO_CODECS: Final = ("PCMA", "PCMU", "G722", "G729", "opus")
DTMF: Final = "telephone-event"
_LAST_PORT: Final = 65_535
# The log of messages, which are redacted as the settings say.
TRACE_LOG: Final = "ringback.dialers.sip.messages"


@dataclass(frozen=True, slots=True, kw_only=True)
class SipSettings:
    """All settings of the SIP dialer, as the section `sip` of the config file has them."""

    # Port 0: the system chooses one. The host is an address, or a name that has one.
    listen: tuple[str, int] = ("0.0.0.0", 5060)  # noqa: S104 - as PBXs do; only calls of its own are answered
    # What peers are told in place of it, HOST or HOST:PORT. None: that address; for 0.0.0.0 that of the default route.
    advertise: str | None = None
    # The one towards targets and proxies that name none.
    transport: str = "udp"
    # SIP URIs: the next hop of both legs, and that of one of them.
    proxy: str | None = None
    service_proxy: str | None = None
    customer_proxy: str | None = None
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    # The only realm that gets the credentials; None: every one that asks.
    auth_realm: str | None = None
    # The authorities of peers' certificates; None: those of the system.
    tls_ca: Path | None = None
    tls_cert: Path | None = None
    tls_key: Path | None = None
    # The caller that the target sees, where the service has no caller_line_identity.
    identity: str | None = None
    display_name: str = ""
    # P-Asserted-Identity of the target's leg, for networks that trust this server.
    asserted_identity: str | None = None
    # Further headers of the target's INVITE.
    headers: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    method: str = "bridge"
    early_media: bool = True
    # What the first offer has, the best first.
    codecs: tuple[str, ...] = DEFAULT_CODECS
    # How long the agent's side may ring.
    ring_timeout_service: timedelta = timedelta(seconds=30)
    # Where the service has none of its own.
    max_call_duration: timedelta = timedelta(hours=1)
    # How often the legs of a call are tested, and the proxies.
    probe_interval: timedelta = timedelta(minutes=5)
    options_interval: timedelta = timedelta(minutes=1)
    max_concurrent_calls: int = 20
    calls_per_second: float = 2.0
    number_format: str = "e164"
    # The SIP URI of a registrar.
    register: str | None = None
    register_expires: timedelta = timedelta(hours=1)
    # Whether the messages of each call are logged, and what is secret or personal left out of them.
    trace: bool = False
    trace_redact: bool = True
    # How long a server that stops waits for calls before it hands them over.
    drain_timeout: timedelta = timedelta(seconds=30)

    @property
    def proxies(self) -> tuple[str, ...]:
        """The proxies, each once."""
        named = (self.proxy, self.service_proxy, self.customer_proxy)
        return tuple(dict.fromkeys(proxy for proxy in named if proxy is not None))

    def conflicts(self) -> Iterator[tuple[str, tuple[str, ...]]]:
        """Yield what does not go together: a reason, and the names of the settings, first the one to mend."""
        if self.listen[1] == _LAST_PORT and self.transport != "tls":
            yield ("TLS has the port after this one, and 65535 is the last: take another one", ("listen",))
        if self.tls_cert is not None and self.tls_key is None:
            yield ("a certificate needs its key: give it with --sip-tls-key", ("tls_cert", "tls_key"))
        if self.tls_key is not None and self.tls_cert is None:
            yield ("a key needs its certificate: give it with --sip-tls-cert", ("tls_key", "tls_cert"))
        yield from self._conflicts_of_credentials()
        if self.register is not None and self.proxy is None:
            yield ("a trunk that wants a registration gets the calls, too: give it as proxy", ("register", "proxy"))
        if self.register is not None and self.username is None and self.identity is None:
            yield ("what is to be registered? give a username or an identity", ("register", "username"))
        for name, uri in (
            ("proxy", self.proxy),
            ("service_proxy", self.service_proxy),
            ("customer_proxy", self.customer_proxy),
            ("register", self.register),
        ):
            if uri is not None and uri.startswith("sips:") and ";transport=udp" in uri:
                yield (f"{uri} is to be secure, and UDP is not", (name,))

    def _conflicts_of_credentials(self) -> Iterator[tuple[str, tuple[str, ...]]]:
        if self.username is not None and self.password is None:
            yield (
                "a user needs a password: give it in a file with --sip-password-file, or in RINGBACK_SIP_PASSWORD",
                ("username", "password"),
            )
        if self.username is None and self.password is not None:
            yield ("a password needs its user: give it with --sip-username", ("password", "username"))
        if self.username is None and self.auth_realm is not None:
            yield ("there are no credentials for the realm: give --sip-username", ("auth_realm", "username"))
