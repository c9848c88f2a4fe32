"""The location of a database: the path of an SQLite file, or a PostgreSQL URL."""

import re
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import unquote, urlsplit

HIDDEN: Final = "***"
# The last @ of all counts: a password that has an @, a / or a ? as it is would show its end otherwise.
_PASSWORD: Final = re.compile(r"(://[^:@/?]*):.*@", re.DOTALL)
_AUTHORITY: Final = re.compile(r"[^:]*://([^/?#]*)(.*)", re.DOTALL)
_OF_OTHER_FORMS: Final = re.compile(r"[@=]")
_PARAMETER: Final = re.compile(r"(?<=[?&])([^=&]*)=([^&]*)")
# Of libpq: password, sslpassword, oauth_client_secret, scram_client_key, scram_server_key.
_SECRET: Final = re.compile(r"password|secret|^scram_.*_key$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class PostgresUrl:
    """The URL of a PostgreSQL database, with the credentials: `str()` is for the log and leaves them out."""

    url: str = field(repr=False)

    def __str__(self) -> str:
        parts = urlsplit(self.url)
        return f"postgresql://{parts.netloc.rpartition('@')[2]}{parts.path}"


def password_may_show(url: str) -> bool:
    """Return whether a user or a password is not escaped, so that a part of it would be taken for host or database.

    No text about such a URL, of libpq or of ours, could leave that part out.
    """
    found = _AUTHORITY.match(url)
    return found is not None and (found[1].count("@") > 1 or "@" in found[2].partition("=")[0])


def without_secrets(url: str) -> str:
    """Return the URL with what is secret in it replaced: the password, also where it is a parameter.

    What is no URL may be a connection string of another form, with a password anywhere: it is hidden whole.
    """
    if "://" not in url and _OF_OTHER_FORMS.search(url):
        return HIDDEN
    return _PASSWORD.sub(rf"\1:{HIDDEN}@", _PARAMETER.sub(_hide, url))


def _hide(parameter: re.Match[str]) -> str:
    return f"{parameter[1]}={HIDDEN}" if _SECRET.search(unquote(parameter[1])) else parameter[0]
