"""The kinds of values that the settings of the SIP dialer have."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from ringback.cli.settings.kinds import Kind
from ringback.cli.yaml_file import FaultyFileError, Place
from ringback.config import Listen, SettingError
from ringback.dialers.sip.settings import AUDIO_CODECS, DTMF, TRANSPORTS
from ringback.domain.control_characters import CONTROL
from ringback.domain.sip_uri import SipUri
from ringback.domain.target import InvalidTarget, Target

_MAX_TEXT: Final = 255
_MAX_HEADERS: Final = 20
# RFC 3261 section 25.1.
_TOKEN: Final = re.compile(r"[A-Za-z0-9\-.!%*_+`'~]{1,64}")
# What a request is routed and told apart by, and what other settings say.
_OWN_HEADER: Final = re.compile(
    "[a-z]|accept|allow|authorization|call-id|contact|content-(encoding|length|type)|cseq|diversion|event|expires|from|"
    "max-forwards|p-asserted-identity|p-preferred-identity|privacy|proxy-(authorization|require)|rack|record-route|"
    "refer-to|referred-by|replaces|require|route|rseq|session-expires|supported|to|user-agent|via",
    re.IGNORECASE,
)


def _show(value: Any) -> str | None:
    """Return the text; None for a setting without a value, which is an empty tuple."""
    return str(value) if value else None


# --- Addresses -------------------------------------------------------------------------------------------------------


def _parse_endpoint(text: str, _: Path) -> tuple[str, int]:
    try:
        listen = Listen.parse(text)
    except SettingError:
        raise ValueError(f"{text!r} is not HOST:PORT, such as 192.0.2.7:5060 or [2001:db8::7]:5060") from None
    return listen.host.strip("[]"), listen.port


def show_endpoint(endpoint: tuple[str, int]) -> str:
    host, port = endpoint
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


ENDPOINT: Final = Kind(form="HOST:PORT", parse=_parse_endpoint, show=show_endpoint)


def _parse_advertise(text: str, _: Path) -> str:
    try:
        uri = SipUri.parse(f"sip:{text}")
    except ValueError:
        uri = None
    # It is written into Via and Contact as it is.
    if uri is None or uri.user is not None or uri.parameters or uri.headers:
        raise ValueError(f"{text!r} is neither HOST nor HOST:PORT; an IPv6 address stands in brackets")
    return text


ADVERTISE: Final = Kind(form="HOST[:PORT]", parse=_parse_advertise, show=_show)


def _parse_hop(text: str, _: Path) -> str:
    try:
        uri = SipUri.parse(text)
    except ValueError as fault:
        raise ValueError(f"{text!r} {fault}; such as sip:sbc.example:5061;transport=tls") from None
    if uri.user is not None or uri.headers:
        raise ValueError(f"{text!r} has more than a host, a port and parameters: it is where requests are sent to")
    for name, value in uri.parameters:
        if name == "transport" and value not in TRANSPORTS:
            raise ValueError(f"{text!r} has a transport that is none of {', '.join(TRANSPORTS)}")
    return str(uri)


HOP: Final = Kind(form="URI", parse=_parse_hop, show=_show)


def _parse_identity(text: str, _: Path) -> str:
    try:
        return Target.parse(text).uri
    except InvalidTarget as fault:
        raise ValueError(f"{text!r} {fault}") from None


IDENTITY: Final = Kind(form="URI", parse=_parse_identity, show=_show)


# --- Texts -----------------------------------------------------------------------------------------------------------


def _parse_text(text: str, _: Path) -> str:
    if CONTROL.search(text) or text != text.strip():
        raise ValueError("has a control character, or a blank at an end")
    if len(text) > _MAX_TEXT:
        raise ValueError(f"is longer than {_MAX_TEXT} characters")
    return text


TEXT: Final = Kind(form="TEXT", parse=_parse_text, show=_show)


def _parse_codecs(text: str, _: Path) -> tuple[str, ...]:
    return _codecs([name.strip() for name in text.split(",")])


def _codecs(names: list[str]) -> tuple[str, ...]:
    known = {name.lower(): name for name in (*AUDIO_CODECS, DTMF)}
    for name in names:
        if name.lower() not in known:
            raise ValueError(f"{name!r} is none of {', '.join(known.values())}")
    codecs = tuple(known[name.lower()] for name in names)
    if len(set(codecs)) < len(codecs):
        raise ValueError("has a codec twice")
    if not set(codecs) - {DTMF}:
        raise ValueError(f"has no codec for speech, such as {', '.join(AUDIO_CODECS)}")
    return codecs


def _read_codecs(place: Place, _: Path) -> tuple[str, ...]:
    if not place.is_list:
        return place.read(lambda text: _parse_codecs(text, Path()), ())
    names = [item.text() for item in place.items()]
    try:
        return _codecs(names)
    except ValueError as fault:
        place.fail(str(fault))
        return ()


CODECS: Final = Kind(form="NAME,…", parse=_parse_codecs, read=_read_codecs, show=list)


# --- Headers ---------------------------------------------------------------------------------------------------------


def _read_headers(place: Place, _: Path) -> Mapping[str, str]:
    headers: dict[str, str] = {}
    for name, value in place.entries():
        if not _TOKEN.fullmatch(name):
            value.fail("is no name of a header")
        elif _OWN_HEADER.fullmatch(name):
            value.fail("is set by the dialer itself")
        else:
            headers[name] = value.read(lambda text: _parse_text(text, Path()), "")
    if len(headers) > _MAX_HEADERS:
        place.fail(f"has more than {_MAX_HEADERS} headers")
    if len({name.lower() for name in headers}) < len(headers):
        place.fail("has a header twice")
    return MappingProxyType(headers)


def _parse_headers(text: str, folder: Path) -> Mapping[str, str]:
    """Read what could stand in a file: {X-Tenant: 7, X-Queue: callbacks}."""
    try:
        root = Place.root(text, "")
        if root is None:
            raise ValueError("is empty")
        headers = _read_headers(root, folder)
        if not root.faults:
            return headers
        faults: Sequence[str] = root.faults
    except FaultyFileError as fault:
        faults = fault.faults
    # Without the place: there is no file.
    raise ValueError("; ".join(fault.removeprefix(":1: ") for fault in faults))


HEADERS: Final = Kind(
    form="{NAME: VALUE, …}",
    parse=_parse_headers,
    read=_read_headers,
    show=lambda headers: None if headers == () else [f"{name}: {value}" for name, value in headers.items()],
)


# --- What is set elsewhere -------------------------------------------------------------------------------------------


def set_elsewhere(reason: str) -> Kind:
    """Return the kind of a setting that other dialers have, and which is refused with the reason."""

    def parse(_: str, __: Path) -> Any:
        raise ValueError(reason)

    return Kind(form="", parse=parse)
