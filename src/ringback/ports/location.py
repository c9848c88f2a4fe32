"""The location of a database: the path of an SQLite file, or a PostgreSQL URL."""

from dataclasses import dataclass
from urllib.parse import urlsplit


@dataclass(frozen=True, slots=True)
class PostgresUrl:
    """The URL of a PostgreSQL database, with the credentials: `str()` is for the log and leaves them out."""

    url: str

    def __str__(self) -> str:
        parts = urlsplit(self.url)
        return f"postgresql://{parts.netloc.rpartition('@')[2]}{parts.path}"
