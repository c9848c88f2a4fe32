"""The database in PostgreSQL: what it is, what this role may do in it, and how durable what it acknowledges is."""

import asyncio
from collections.abc import Iterator, Sequence
from typing import Final

from ringback.cli.doctor.diagnosis import Diagnosis, failed, in_bytes, ok, several, warning
from ringback.cli.doctor.schema_and_services import of_schema, of_services
from ringback.ports.location import PostgresUrl
from ringback.storage.errors import StoreCannotOpen
from ringback.storage.inspection import look_at_postgres
from ringback.storage.postgres_facts import LONG_TRANSACTION_S, PostgresFacts

# Older ones are mended by nobody any more.
_OLDEST: Final = 140_000
# Of one server, and of one more that starts.
_CONNECTIONS: Final = 7
# Servers go by the clock of the database. A larger difference is worth mending, though it harms nothing by itself.
_CLOCK_S: Final = 1.0
_LAG_S: Final = 10.0
# PostgreSQL refuses to write at some 2,100 million.
_OLD_TRANSACTIONS: Final = 1_500_000_000


def database(location: PostgresUrl) -> Sequence[Diagnosis]:
    """Look at what the database is and has."""
    try:
        facts = asyncio.run(look_at_postgres(location))
    except StoreCannotOpen as fault:
        return [failed("database", str(fault), "see that PostgreSQL runs, is reached from here, and lets this role in")]
    return [*of_postgres(str(location), facts)]


def of_postgres(name: str, facts: PostgresFacts) -> Iterator[Diagnosis]:
    """Judge what a database is."""
    yield _of_server(name, facts)
    yield _of_schema(facts)
    yield _of_rights(facts)
    yield _of_durability(facts)
    yield from _of_standbys(facts)
    yield _of_connections(facts)
    yield _of_transactions(facts)
    yield _of_clock(facts)
    if facts.schema_version == facts.newest_schema:
        yield of_services(facts.services)


def _of_server(name: str, facts: PostgresFacts) -> Diagnosis:
    text = f"{name}, PostgreSQL {facts.version}, {in_bytes(facts.size_bytes)}"
    if facts.encoding != "UTF8":
        return failed("database", f"{text}, encoding {facts.encoding}", "make the database anew, with ENCODING 'UTF8'")
    if facts.is_standby:
        return failed("database", f"{text}: a standby", "name the primary in --database: a standby takes no writes")
    if facts.version_number < _OLDEST:
        return warning("database", text, "upgrade PostgreSQL: this version is not maintained any more")
    return ok("database", text)


def _of_schema(facts: PostgresFacts) -> Diagnosis:
    if facts.schema_version:
        return of_schema(facts.schema_version, facts.newest_schema)
    text = "the database is empty: the first server that starts makes the tables"
    return warning("schema", text, "if it should not be empty, see --database, and search_path")


def _of_rights(facts: PostgresFacts) -> Diagnosis:
    if facts.tables_without_rights:
        named = ", ".join(facts.tables_without_rights)
        return failed("rights", f"this role may not read and write {named}", "GRANT it the tables, or make it own them")
    if not facts.may_create or facts.tables_of_others:
        # A server of the version that made the tables serves; the next version cannot change them.
        grade = warning if facts.schema_version == facts.newest_schema else failed
        text = "this role may not create and change tables, which an upgrade does"
        return grade("rights", text, "make it own the tables, and GRANT CREATE ON SCHEMA to it")
    return ok("rights", "this role may read, write and upgrade the tables")


def _of_durability(facts: PostgresFacts) -> Diagnosis:
    off = [name for name in ("fsync", "full_page_writes") if facts.durability.get(name) == "off"]
    if off:
        return failed("durability", f"{', '.join(off)} off: a crash loses what was acknowledged", "turn it on")
    # A server does not go below that, whatever the role or the database has.
    commit = str(facts.durability.get("synchronous_commit")).replace("off", "on")
    if commit in ("local", "remote_write") and facts.durability.get("synchronous_standby_names"):
        text = f"synchronous_commit is {commit}: a standby that takes over may lack what was acknowledged"
        return warning("durability", text, "set it to on, for the role or the database")
    return ok("durability", f"synchronous_commit is {commit}")


def _of_standbys(facts: PostgresFacts) -> Iterator[Diagnosis]:
    for standby in facts.standbys:
        if standby.state is None:
            yield ok("standby", f"{standby.name}: this role may not see more (GRANT pg_monitor)")
            continue
        text = f"{standby.name}: {standby.state}, {standby.sync_state}"
        if standby.lag_s is not None:
            text += f", {standby.lag_s:.1f} s behind"
        if standby.state != "streaming" or (standby.lag_s or 0) > _LAG_S:
            yield warning("standby", text, "see its log, its disk and the network between both")
        elif standby.sync_state == "async":
            remedy = "name it in synchronous_standby_names if it may take over: it lacks what was acknowledged last"
            yield warning("standby", text, remedy)
        else:
            yield ok("standby", text)
    if facts.durability.get("synchronous_standby_names") and not facts.standbys and not facts.is_standby:
        text = "synchronous_standby_names is set, and no standby is connected: nothing is acknowledged"
        yield failed("standby", text, "bring the standby up, or take its name out of the setting")


def _of_connections(facts: PostgresFacts) -> Diagnosis:
    left = facts.connections_allowed - facts.connections
    text = f"{facts.connections} of {facts.connections_allowed} are in use"
    if left < _CONNECTIONS:
        return warning("connections", text, f"raise max_connections: a server takes {_CONNECTIONS} when it starts")
    return ok("connections", text)


def _of_transactions(facts: PostgresFacts) -> Diagnosis:
    if facts.prepared_transactions:
        text = f"{several(facts.prepared_transactions, 'prepared transaction')}, which Ringback never makes"
        return warning("transactions", text, "end them: SELECT gid FROM pg_prepared_xacts; ROLLBACK PREPARED 'GID'")
    if facts.long_transactions:
        longest_min = facts.longest_transaction_s / 60
        text = f"{several(facts.long_transactions, 'transaction')} of others, the longest for {longest_min:.0f} min"
        return warning("transactions", text, "see pg_stat_activity: nothing that is deleted is freed meanwhile")
    if facts.transaction_age > _OLD_TRANSACTIONS:
        text = f"the oldest transaction number is {facts.transaction_age:,} back"
        return failed("transactions", text, "VACUUM the database before PostgreSQL takes no writes any more")
    return ok("transactions", f"none lasts longer than {LONG_TRANSACTION_S / 60:.0f} min")


def _of_clock(facts: PostgresFacts) -> Diagnosis:
    ahead_s = (facts.clock - facts.asked_at).total_seconds()
    text = f"that of the database is {abs(ahead_s):.1f} s {'ahead' if ahead_s > 0 else 'behind'}"
    if abs(ahead_s) > _CLOCK_S + facts.took_s:
        return warning("clocks", text, "run a time service on both machines: servers go by the database's clock")
    return ok("clocks", text)
