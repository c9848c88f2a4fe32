"""What a hunt runs against."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

import click

from tests.hunts.database import Durable


@dataclass(frozen=True)
class Setting:
    """One server with an SQLite file of its own, or many that share a PostgreSQL database."""

    servers: int = 1
    # Its URL; "" for SQLite.
    database: str = ""
    cluster: Durable | None = None

    def afresh(self) -> "Setting":
        """Return the same with an empty database."""
        if self.cluster is None:
            return self
        return Setting(self.servers, self.cluster.new_database(), self.cluster)


ONE_SERVER: Final = Setting()


def setting_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add --postgres and --servers, which `chosen` takes."""
    servers = click.option("--servers", default=3, show_default=True, help="How many servers share the PostgreSQL.")
    postgres = click.option("--postgres", is_flag=True, help="Many servers on one PostgreSQL, not one on SQLite.")
    return postgres(servers(command))


@contextmanager
def chosen(*, postgres: bool, servers: int) -> Iterator[Setting]:
    """Return a setting, and for as long as it is used a PostgreSQL."""
    if not postgres:
        yield ONE_SERVER
        return
    cluster = Durable.start({})  # PostgreSQL's defaults are safe
    try:
        yield Setting(servers, cluster.new_database(), cluster)
    finally:
        cluster.destroy()
