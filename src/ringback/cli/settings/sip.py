"""The settings of the SIP dialer: the section `sip` of the config file."""

from collections.abc import Mapping
from dataclasses import fields
from datetime import timedelta
from functools import partial
from types import MappingProxyType
from typing import Any, Final

from ringback.cli.settings.kinds import FILE, SWITCH, choice, decimal, length, whole
from ringback.cli.settings.secret_file import SECRET, SECRET_FILE
from ringback.cli.settings.setting import Setting
from ringback.cli.settings.sip_kinds import (
    ADVERTISE,
    CODECS,
    ENDPOINT,
    HEADERS,
    HOP,
    IDENTITY,
    TEXT,
    set_elsewhere,
)
from ringback.config import SettingError
from ringback.dialers.sip.settings import METHODS, NUMBER_FORMATS, TRANSPORTS, SipSettings

SECTION: Final = "sip"
_PREFIX: Final = f"{SECTION}_"
_setting = partial(Setting, section=SECTION)

_SECOND: Final = timedelta(seconds=1)
_DAY: Final = timedelta(days=1)
# As long as a service may let a target's phone ring.
_LONGEST_RING: Final = timedelta(minutes=5)

SIP_ROWS: Final = (
    _setting(
        "sip_listen",
        ENDPOINT,
        "0.0.0.0:5060",
        "Where SIP messages are sent from and received, by all transports.",
    ),
    _setting(
        "sip_advertise",
        ADVERTISE,
        None,
        "The address that peers are told in place of it; for 0.0.0.0 it is that of the default route.",
    ),
    _setting("sip_transport", choice(*TRANSPORTS), "udp", "The transport to proxies and targets that name none."),
    _setting("sip_proxy", HOP, None, "The trunk, SBC or PBX that gets all calls, such as sip:sbc.example;lr."),
    _setting("sip_service_proxy", HOP, None, "The one that gets the calls to services, in place of proxy."),
    _setting("sip_customer_proxy", HOP, None, "The one that gets the calls to targets, in place of proxy."),
    _setting("sip_username", TEXT, None, "The user of the credentials that proxies ask for."),
    Setting(
        "sip_password", SECRET, None, "The password of the credentials. There is no flag.", SECTION, is_secret=True
    ),
    _setting("sip_password_file", SECRET_FILE, None, "A file with the password alone, which other users cannot read."),
    _setting("sip_auth_realm", TEXT, None, "The only realm that gets the credentials; without it, every one does."),
    _setting("sip_tls_ca", FILE, None, "The authorities of peers' certificates, in place of the system's."),
    _setting("sip_tls_cert", FILE, None, "The dialer's own certificate, for peers that ask for one or connect."),
    _setting("sip_tls_key", FILE, None, "The key of the certificate."),
    _setting(
        "sip_identity",
        IDENTITY,
        None,
        "The caller that targets see, where the service has no caller_line_identity.",
    ),
    _setting("sip_display_name", TEXT, None, "The caller's name, beside its address."),
    _setting(
        "sip_asserted_identity", IDENTITY, None, "P-Asserted-Identity of calls to targets, for a trunk that trusts it."
    ),
    _setting("sip_headers", HEADERS, None, "Further headers of the INVITE to the target."),
    _setting(
        "sip_method",
        choice(*METHODS),
        "bridge",
        "bridge joins two calls; refer has the agent's PBX place the second one.",
    ),
    _setting("sip_early_media", SWITCH, "yes", "Let the agent hear what the target's network plays before the answer."),
    _setting("sip_codecs", CODECS, "PCMA,PCMU,telephone-event", "What the first offer has, the best first."),
    _setting(
        "sip_ring_timeout_service",
        length("s", least=_SECOND, most=_LONGEST_RING),
        "30",
        "How long the agent's side may ring.",
    ),
    _setting(
        "sip_max_call_duration",
        length("s", least=timedelta(seconds=10), most=_DAY),
        "3600",
        "The longest call, where the service has no max_call_duration.",
    ),
    _setting(
        "sip_probe_interval",
        length("s", least=timedelta(seconds=5), most=_DAY),
        "300",
        "How often each leg of a call is tested.",
    ),
    _setting(
        "sip_options_interval",
        length("s", least=_SECOND, most=_DAY),
        "60",
        "How often each proxy is tested with OPTIONS.",
    ),
    _setting("sip_max_concurrent_calls", whole(least=1, most=1000), "20", "Calls at once, over all services."),
    _setting("sip_calls_per_second", decimal(least=0.01, most=1000), "2", "Calls that begin in a second at most."),
    _setting(
        "sip_number_format",
        choice(*NUMBER_FORMATS),
        "e164",
        "How numbers are sent: +41785556677, 41785556677, or as they are dialled in the service's region.",
    ),
    _setting("sip_register", HOP, None, "The registrar to register at, for a trunk that wants it."),
    _setting(
        "sip_register_expires",
        length("s", least=timedelta(minutes=1), most=_DAY),
        "3600",
        "How long a registration is to last.",
    ),
    _setting("sip_trace", SWITCH, "no", "Log the messages of each call."),
    _setting("sip_trace_redact", SWITCH, "yes", "Hide numbers in what is logged. Passwords are hidden always."),
    _setting(
        "sip_drain_timeout",
        length("s", least=timedelta(0), most=timedelta(hours=1)),
        "30",
        "How long a server that stops waits for calls that are connected, before it leaves them to its successor.",
    ),
)

_RULES: Final = "the dial rules say it: --dial-rules FILE, keys phone.allow and phone.deny"
# What such dialers often have, and where it is here.
SIP_ELSEWHERE: Final = (
    _setting("sip_order", set_elsewhere("a service says it: its first_leg"), None, ""),
    _setting("sip_ring_timeout_customer", set_elsewhere("a service says it: its ring_timeout"), None, ""),
    _setting("sip_allowed_prefixes", set_elsewhere(_RULES), None, ""),
    _setting("sip_denied_prefixes", set_elsewhere(_RULES), None, ""),
)

_NAMES: Final = frozenset(field.name for field in fields(SipSettings))


def sip_settings(values: Mapping[str, Any]) -> SipSettings:
    """Return the settings of the SIP dialer. Those without a value have their default. Raise `SettingError`."""
    given = {
        name.removeprefix(_PREFIX): value
        for name, value in values.items()
        if name.startswith(_PREFIX) and value != () and name.removeprefix(_PREFIX) in _NAMES
    }
    if password_file := values.get("sip_password_file"):
        if "password" in given:
            raise SettingError(
                "there is a password in RINGBACK_SIP_PASSWORD, too: give one", "sip_password_file", "sip_password"
            )
        given["password"] = password_file.secret
    return SipSettings(**MappingProxyType(given))
