"""The table of all metrics. docs/metrics.md is made of it, and a scrape has nothing else."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Final, NamedTuple


class MetricType(StrEnum):
    """The types of Prometheus."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


class Scope(StrEnum):
    """What a value is of, and so how the values of several servers go together."""

    # Each server counts what it did: sum them.
    SERVER = "this server"
    # The same on every server of one database, but for moments: take one, with `max`.
    DATABASE = "the database"


class Metric(NamedTuple):
    """One metric. `name` is without the suffixes that its type brings."""

    name: str
    type: MetricType
    scope: Scope
    labels: tuple[str, ...]
    help: str

    @property
    def full_name(self) -> str:
        """The name of what is queried; that of a histogram is followed by `_bucket`, `_sum` or `_count`."""
        return f"{self.name}_total" if self.type is MetricType.COUNTER else self.name


def _counter(name: str, *labels: str, help: str) -> Metric:  # noqa: A002 - as Prometheus names it
    return Metric(f"ringback_{name}", MetricType.COUNTER, Scope.SERVER, labels, help)


def _gauge(name: str, *labels: str, help: str) -> Metric:  # noqa: A002
    return Metric(f"ringback_{name}", MetricType.GAUGE, Scope.SERVER, labels, help)


def _shared(name: str, *labels: str, help: str) -> Metric:  # noqa: A002
    return Metric(f"ringback_{name}", MetricType.GAUGE, Scope.DATABASE, labels, help)


def _histogram(name: str, *labels: str, help: str) -> Metric:  # noqa: A002
    return Metric(f"ringback_{name}", MetricType.HISTOGRAM, Scope.SERVER, labels, help)


# --- RPCs ------------------------------------------------------------------------------------------------------------

RPCS: Final = _counter("rpcs", "rpc", "edge", "code", help="RPCs that have ended, by their status.")
RPC_DURATION: Final = _histogram(
    "rpc_duration_seconds",
    "rpc",
    "edge",
    help="How long RPCs took. WatchCallbacks, WatchQueues and LeaseCallbacks, which wait, are only counted.",
)
CONNECTIONS: Final = _gauge("connections", "edge", help="Connections of clients that are open.")
POLLS: Final = _gauge("polls", help="LeaseCallbacks that wait for callbacks, those of the built-in dialer, too.")

# --- Promises --------------------------------------------------------------------------------------------------------

CREATED: Final = _counter("callbacks_created", "service_id", help="Callbacks that were created.")
ENDED: Final = _counter(
    "callbacks_ended", "service_id", "state", help="Callbacks that have ended, by their last state."
)
ATTEMPTS: Final = _counter("attempts", "service_id", "outcome", help="Attempts that have ended, by their outcome.")
DUE_TO_LEASE: Final = _histogram(
    "due_to_lease_seconds",
    "service_id",
    help="How long callbacks were due, with the service open, before a dialer got them.",
)

# --- Queues ----------------------------------------------------------------------------------------------------------

SERVICES: Final = _shared("services", help="Services.")
SERVICE_INFO: Final = _shared(
    "service_info", "service_id", "sip_address", help="1; the address of the service, with numbers masked."
)
WAITING: Final = _shared(
    "callbacks_waiting", "service_id", "priority", help="Callbacks that are QUEUED: due, and not with a dialer."
)
OLDEST_WAIT: Final = _shared(
    "oldest_wait_seconds",
    "service_id",
    "priority",
    help="How long the callback that has waited longest has been due; 0 when none waits.",
)
SCHEDULED: Final = _shared("callbacks_scheduled", "service_id", help="Callbacks that are SCHEDULED: not due yet.")
IN_PROGRESS: Final = _shared(
    "callbacks_in_progress", "service_id", "priority", help="Callbacks that are with a dialer: OFFERED to CANCELLING."
)
CAPACITY: Final = _shared("service_capacity", "service_id", help="How many calls may be in progress; 0 while paused.")
PAUSED: Final = _shared("service_paused", "service_id", help="1 while the service is paused.")
OPEN: Final = _shared("service_open", "service_id", help="1 within the opening hours of the service.")
UNATTENDED: Final = _shared(
    "service_unattended",
    "service_id",
    help="1 while callbacks wait for a service that may dial now, none is in progress, and no dialer is there.",
)
MAX_QUEUE_TIME: Final = _shared(
    "service_max_queue_seconds", "service_id", help="How long its callbacks may wait before they expire, by default."
)
DIALER_PRESENT: Final = _shared(
    "service_dialer_present",
    "service_id",
    help="1 while some dialer polls for callbacks of the service, on any server, or did within a minute, or is busy.",
)
AGENTS_RESTING: Final = _shared(
    "service_agents_resting", "service_id", help="1 while nothing is offered because its agents did not answer."
)

# --- The database ----------------------------------------------------------------------------------------------------

COMMITS: Final = _counter("commits", "result", help="Transactions, by whether they are durable: ok or failed.")
COMMIT_DURATION: Final = _histogram("commit_seconds", help="How long it took to write a transaction durably.")
COMMIT_SIZE: Final = _histogram("commit_operations", help="How many requests shared a transaction.")
DATABASE_WRITABLE: Final = _gauge(
    "database_writable", help="1 if the database can be used: no write was refused since."
)
DATABASE_SIZE: Final = _shared("database_size_bytes", help="Space that the database takes.")
DATABASE_WAL: Final = _shared("database_wal_bytes", help="Size of the write-ahead log; of SQLite only.")
DATABASE_FREE: Final = _shared("database_free_bytes", help="Space left on the disk of the database; of SQLite only.")

# --- The event log ---------------------------------------------------------------------------------------------------

EVENTS: Final = _counter("events_read", help="Events of the log that this server has read, of all servers.")
WATCHES: Final = _gauge("watches", help="Watches that are open.")
WATCH_LAG_EVENTS: Final = _gauge("watch_lag_events", help="How many events the slowest watch is behind.")
WATCH_LAG: Final = _gauge("watch_lag_seconds", help="How long the slowest watch has been behind.")

# --- The scheduler ---------------------------------------------------------------------------------------------------

LEADER: Final = _gauge("leader", help="1 on the server that makes the passes of the scheduler.")
PASS_DURATION: Final = _histogram("scheduler_pass_seconds", help="How long the passes of the scheduler took.")
LAST_PASS: Final = _gauge(
    "scheduler_last_pass_timestamp_seconds",
    help="When the last pass ended on this server. The leader makes one at least every minute.",
)
MOVED: Final = _counter(
    "scheduler_moved",
    "work",
    help="What passes did: callbacks that became due, lapsed, expired, or were closed or planned anew; rows purged.",
)

# --- The built-in dialer ---------------------------------------------------------------------------------------------

DIALER_CALLS: Final = _gauge(
    "dialer_calls", "dialer", "phase", help="Calls of the built-in dialer, by how far they are."
)
DIALER_MAX_CALLS: Final = _gauge("dialer_max_calls", "dialer", help="How many calls the built-in dialer makes at once.")

# --- The process -----------------------------------------------------------------------------------------------------

BUILD_INFO: Final = _gauge("build_info", "version", "python", "database", help="1; what is running here.")
LOOP_DELAY: Final = _histogram(
    "event_loop_delay_seconds",
    help="How much later than it should the event loop came to a timer, four times a second.",
)
TIME: Final = _gauge("time_seconds", help="The time by which this server judges what is due.")
CERTIFICATE_END: Final = _gauge(
    "certificate_end_timestamp_seconds",
    "certificate",
    help="When the certificate ends: that of the server, or the first of those that clients' ones are judged by.",
)

ALL: Final[Sequence[Metric]] = tuple(value for value in tuple(globals().values()) if isinstance(value, Metric))
