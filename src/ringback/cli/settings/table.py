"""The table of all settings of `ringback serve`. A new setting is one row here, and one line in `of_server`."""

from collections.abc import Mapping
from datetime import timedelta
from types import MappingProxyType
from typing import Any, Final

from ringback.cli.log import LEVELS
from ringback.cli.log_formats import FORMATS
from ringback.cli.settings.access import ACCESS, LIMITS, limit_rules
from ringback.cli.settings.dial_rules import DIAL_RULES
from ringback.cli.settings.http_dialer import HTTP_DIALER_ROWS, http_dialer_settings
from ringback.cli.settings.http_door import HTTP_DOOR_ROWS, http_door_settings
from ringback.cli.settings.kinds import ADDRESS, DATABASE, FILE, HTTP_ADDRESS, SWITCH, choice, length
from ringback.cli.settings.services import SERVICES
from ringback.cli.settings.setting import Setting
from ringback.cli.settings.sip import SIP_ELSEWHERE, SIP_ROWS, sip_settings
from ringback.cli.traces import TRACES
from ringback.config import DEFAULT_DATABASE, DEFAULT_LISTEN, DIALERS, MIN_RETENTION, Settings
from ringback.domain.dial_rules import DEFAULT_RULES
from ringback.ports.values import Retention

_NONE: Final = timedelta(0)
_TEN_YEARS: Final = timedelta(days=3660)


_ROWS: Final = (
    Setting(
        "listen",
        ADDRESS,
        DEFAULT_LISTEN,
        "The address to serve on: port 0 lets the system choose, a socket is reached by its owner alone.",
    ),
    Setting(
        "http",
        HTTP_ADDRESS,
        None,
        "The address to serve HTTP on, beside gRPC: Connect, the REST contract, metrics. Without it there is no HTTP.",
    ),
    *HTTP_DOOR_ROWS,
    Setting(
        "database", DATABASE, DEFAULT_DATABASE, "sqlite:///FILE, or postgresql://… for many servers on one database."
    ),
    Setting("must_exist", SWITCH, "no", "Do not start where there is no database yet, instead of making a new one."),
    Setting(
        "dialer",
        choice(*DIALERS),
        "simulated",
        "What places the calls; none leaves it to dialers of your own, over DialerService.",
    ),
    Setting(
        "services", SERVICES, None, "A services file to apply at the start; in a config file also the list itself."
    ),
    Setting(
        "access", ACCESS, None, "The access file: identities, and what each may do. Without it, all is allowed to all."
    ),
    Setting(
        "limits",
        LIMITS,
        None,
        "A limits file, in place of the limits of the access file; or off, where nothing needs to be limited.",
    ),
    Setting(
        "dial_rules",
        DIAL_RULES,
        None,
        "A file of dial rules, in place of the default ones: which targets may be dialled, how often and when.",
    ),
    Setting(
        "tls_cert",
        FILE,
        None,
        "The server's certificate for TLS, followed by those up to its authority. It is read again when it changes.",
    ),
    Setting("tls_key", FILE, None, "The key of the certificate."),
    Setting(
        "tls_client_ca",
        FILE,
        None,
        "The authorities that issue certificates of clients, of which every client needs one then.",
    ),
    Setting("insecure", SWITCH, "no", "Serve plain text on an address that other machines can reach."),
    Setting("open", SWITCH, "no", "Serve everybody on an address that other machines can reach: no identities."),
    Setting("reflection", SWITCH, "yes", "Describe the API to programs such as grpcurl, without credentials."),
    Setting(
        "simulated_ring",
        length("s", least=_NONE, most=timedelta(days=1)),
        "0.5",
        "How long a simulated phone rings.",
    ),
    Setting(
        "simulated_talk",
        length("s", least=_NONE, most=timedelta(days=1)),
        "1",
        "How long a simulated conversation lasts.",
    ),
    Setting(
        "keep_ended_days", length("d", least=MIN_RETENTION, most=_TEN_YEARS), "30", "How long ended callbacks are kept."
    ),
    Setting(
        "keep_events_hours", length("h", least=MIN_RETENTION, most=_TEN_YEARS), "24", "How long changes can be resumed."
    ),
    Setting(
        "lame_duck",
        length("s", least=_NONE, most=timedelta(minutes=1)),
        "0.5",
        "How long a server that stops still refuses calls with a reason; its health is NOT_SERVING meanwhile.",
    ),
    Setting("log_level", choice(*LEVELS), "info", "The least that is told on stderr."),
    Setting("log_format", choice(*FORMATS), "text", "How it is told: as lines, or as one object of JSON on each line."),
    Setting(
        "log_libraries",
        SWITCH,
        "no",
        "Log what libraries tell at this level, too; at debug with numbers and texts.",
    ),
    Setting(
        "traces",
        choice(*TRACES),
        "none",
        "Where spans of calls and attempts go: to stdout, or over OTLP as the variables OTEL_… of OpenTelemetry say.",
    ),
)

SETTINGS: Final[Mapping[str, Setting]] = MappingProxyType(
    {row.name: row for row in (*_ROWS, *SIP_ROWS, *HTTP_DIALER_ROWS)}
)
# Settings that are refused, with the place where what they would say is said.
ELSEWHERE: Final[Mapping[str, Setting]] = MappingProxyType({row.name: row for row in SIP_ELSEWHERE})
SECTION_OF_DIALER: Final[Mapping[str, str]] = MappingProxyType({"sip": "sip", "http": "http_dialer"})
SECTIONS: Final = tuple(dict.fromkeys(row.section for row in SETTINGS.values() if row.section))


def of_server(values: Mapping[str, Any]) -> Settings:
    """Return what the server itself takes of the values. Raise `SettingError`."""
    access = values.get("access") or None
    dial_rules = values.get("dial_rules") or None
    return Settings(
        listen=values["listen"],
        http=values.get("http") or None,
        **http_door_settings(values),
        database=values["database"],
        must_exist=values["must_exist"],
        dialer=values["dialer"],
        tls_cert=values.get("tls_cert") or None,
        tls_key=values.get("tls_key") or None,
        tls_client_ca=values.get("tls_client_ca") or None,
        insecure=values["insecure"],
        access=access.rules if access else None,
        limits=limit_rules(access, values.get("limits") or None),
        dial_rules=dial_rules.rules if dial_rules else DEFAULT_RULES,
        open=values["open"],
        reflection=values["reflection"],
        simulated_ring=values["simulated_ring"],
        simulated_talk=values["simulated_talk"],
        retention=Retention(ended_callbacks=values["keep_ended_days"], events=values["keep_events_hours"]),
        lame_duck=values["lame_duck"],
        sip=sip_settings(values),
        http_dialer=http_dialer_settings(values),
    )
