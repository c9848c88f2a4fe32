"""The settings of the SIP dialer, and which of them do not go together."""

import ipaddress
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Final, NamedTuple

TRANSPORTS: Final = ("udp", "tcp", "tls")
METHODS: Final = ("bridge", "refer")
NUMBER_FORMATS: Final = ("e164", "e164_no_plus", "national")
DEFAULT_CODECS: Final = ("PCMA", "PCMU", "telephone-event")
# Names of payload types that are offered without a line of their own, or with one that has no parameters.
AUDIO_CODECS: Final = ("PCMA", "PCMU", "G722", "G729", "opus")
DTMF: Final = "telephone-event"
NO_HEADERS: Final[Mapping[str, str]] = MappingProxyType({})


class Conflict(NamedTuple):
    """Settings that do not go together: the reason, and their names, first the one to mend."""

    reason: str
    settings: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SipSettings:
    """All settings of the SIP dialer, as the section `sip` of the config file has them."""

    # Port 0: the system chooses one. The host is an address, or a name that has one.
    listen: tuple[str, int] = ("0.0.0.0", 5060)  # noqa: S104 - which needs `advertise`
    # What peers are told in place of it, HOST or HOST:PORT.
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
    headers: Mapping[str, str] = NO_HEADERS
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
