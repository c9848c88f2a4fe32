"""The files that the settings name: who may do what, what may be dialled, and what other users can read."""

import stat
from collections.abc import Iterator, Sequence
from pathlib import Path

from ringback.cli.doctor.diagnosis import Diagnosis, failed, ok, several, warning
from ringback.cli.settings.sources import Configuration
from ringback.cli.settings.table import SETTINGS
from ringback.domain.quiet_hours import TARGET
from ringback.domain.time_zone import zone_named
from ringback.identity.authenticator import Authenticator
from ringback.identity.files import UnusableFileError


def access(configuration: Configuration) -> Sequence[Diagnosis]:
    """Look at who may do what, and with which keys JWTs are verified."""
    settings = configuration.settings
    if settings.access is None:
        text = f"everybody who reaches {settings.listen} may do everything"
        if settings.listen.is_loopback:
            return [ok("access", text)]
        return [warning("access", text, "give --access FILE (docs/security/access.md)")]
    try:
        Authenticator(settings.access)
    except UnusableFileError as fault:
        return [failed("access", str(fault), "mend the file with the keys of JWTs")]
    file = configuration["access"]
    count = len(settings.access.identities)
    text = f"{file.path}: {several(count, 'identity', 'identities')}"
    found = [warning("access", each, "as it says") for each in file.warnings]
    return found or [ok("access", text)]


def dial_rules(configuration: Configuration) -> Sequence[Diagnosis]:
    """Look at what may be dialled, and when."""
    rules = configuration.settings.dial_rules
    place = configuration["dial_rules"]
    name = str(place.path) if place else "the default ones"
    zone = rules.quiet_hours.zone if rules.quiet_hours else TARGET
    if zone != TARGET and zone_named(zone) is None:
        text = f"{name}: this machine has no usable data of {zone}, the zone of its quiet hours"
        return [failed("dial rules", text, "install or mend the time zones of the system (tzdata)")]
    return [ok("dial rules", name)]


def secrets(configuration: Configuration) -> Sequence[Diagnosis]:
    """Look whether other users of the machine can read what is secret."""
    exposed = [*_exposed(configuration)]
    return exposed or [ok("secrets", "no file with a secret can be read by every user of this machine")]


def _exposed(configuration: Configuration) -> Iterator[Diagnosis]:
    named = {name: configuration.resolved[name].value for name in ("tls_key", "sip_tls_key") if name in SETTINGS}
    paths = {name: Path(value) for name, value in named.items() if value}
    config = configuration.file.value
    if config is not None and "***" in str(SETTINGS["database"].kind.show(configuration["database"])):
        paths["config"] = Path(config)
    for name, path in paths.items():
        try:
            mode = path.stat().st_mode
        except OSError:
            continue  # told where the file is needed
        if mode & (stat.S_IROTH | stat.S_IWOTH):
            what = "the password of the database" if name == "config" else "a key"
            text = f"{path} has {what}, and can be read or changed by every user of this machine"
            yield warning("secrets", text, f"chmod o-rw {path}")
