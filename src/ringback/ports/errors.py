"""The errors of a store: for a write that it refuses, expected and handled by the use cases; and for its end."""

from collections.abc import Collection

from ringback.domain.callback import Callback


class RevisionConflict(Exception):  # noqa: N818 - expected: read again and decide anew
    """A value was changed since it was read; nothing of the write was stored.

    `callback_ids` are the callbacks of the write that conflict: all that were changed, or the one of a `PhoneInUse`.
    Empty when the turn, or a service, conflicts.
    """

    def __init__(self, message: str, callback_ids: Collection[str] = ()) -> None:
        self.callback_ids = frozenset(callback_ids)
        super().__init__(message)


class PhoneInUse(RevisionConflict):
    """The phone of a callback that would be leased is in a call, or kept."""


class TargetTaken(Exception):  # noqa: N818 - a fact, not a fault
    """The service has another open callback to the target of a change; nothing of the write was stored."""

    def __init__(self, other: Callback) -> None:
        self.other = other
        super().__init__(f"callback {other.callback_id} to the same target is open")


class UnknownService(Exception):  # noqa: N818 - a fact, not a fault
    """The service of a new callback no longer exists; nothing of the write was stored."""

    def __init__(self, service_id: str) -> None:
        self.service_id = service_id
        super().__init__(f"no service {service_id}")


class DuplicateService(Exception):  # noqa: N818 - a fact, not a fault
    """Another service has this SIP address or id."""

    def __init__(self, service_id: str, field: str) -> None:
        self.service_id = service_id
        self.field = field
        super().__init__(f"{field} is taken by {service_id}")


class HistoryLost(Exception):  # noqa: N818 - a fact, not a fault of the server
    """What this server has seen in the database is not there any more. It cannot go on; one that is started anew can.

    `str()` is a sentence for the operator.
    """
