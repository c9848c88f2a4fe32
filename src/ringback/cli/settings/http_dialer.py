"""The settings of the HTTP dialer: the section `http_dialer` of the config file."""

from collections.abc import Mapping
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from ringback.cli.settings.kinds import Kind, length
from ringback.cli.settings.secret_file import SECRET_FILE
from ringback.cli.settings.setting import Setting
from ringback.cli.settings.sip_kinds import ENDPOINT
from ringback.dialers.http_settings import HttpDialerSettings

SECTION: Final = "http_dialer"
_setting = partial(Setting, section=SECTION)


def _parse_url(text: str, _: Path) -> str:
    # A URL is shown and logged, so it has no password.
    parts = urlsplit(text)
    is_url = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    if (
        not is_url
        or not text.isascii()
        or not text.isprintable()
        or " " in text
        or parts.fragment
        or "@" in parts.netloc
    ):
        raise ValueError(f"{text!r} is not http://HOST/PATH or https://HOST/PATH, without user and fragment")
    return text


_URL: Final = Kind(form="URL", parse=_parse_url, show=lambda url: url or None)

HTTP_DIALER_ROWS: Final = (
    _setting("http_dialer_url", _URL, None, "The gateway that gets the orders to place calls."),
    _setting(
        "http_dialer_secret_file",
        SECRET_FILE,
        None,
        "A file with the secret that orders and reports are signed with, which other users cannot read.",
    ),
    _setting("http_dialer_listen", ENDPOINT, "127.0.0.1:8093", "Where reports of the gateway are taken."),
    _setting("http_dialer_report_url", _URL, None, "The URL that the gateway reports to, in place of that address."),
    _setting(
        "http_dialer_timeout",
        length("s", least=timedelta(seconds=1), most=timedelta(minutes=1)),
        "10",
        "How long the gateway may take to respond to an order.",
    ),
)


def http_dialer_settings(values: Mapping[str, Any]) -> HttpDialerSettings:
    """Return the settings of the HTTP dialer."""
    secret_file = values.get("http_dialer_secret_file")
    return HttpDialerSettings(
        url=values.get("http_dialer_url") or None,
        secret=secret_file.secret if secret_file else None,
        listen=values["http_dialer_listen"],
        report_url=values.get("http_dialer_report_url") or None,
        timeout=values["http_dialer_timeout"],
    )
