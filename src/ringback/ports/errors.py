"""What a store answers a write with that it did not take: expected, and handled by the use cases."""

from collections.abc import Collection


class RevisionConflict(Exception):  # noqa: N818 - expected: read again and decide anew
    """Something was changed since it was read; nothing of the write was stored.

    `callback_ids` are the callbacks of the write that stand in its way: all that were changed, or those whose target
    is in a call. None when it is the turn, or a service.
    """

    def __init__(self, message: str, callback_ids: Collection[str] = ()) -> None:
        self.callback_ids = frozenset(callback_ids)
        super().__init__(message)


class UnknownService(Exception):  # noqa: N818 - a fact, not a fault
    """The service of a new callback is not there any more; nothing of the call was stored."""

    def __init__(self, service_id: str) -> None:
        self.service_id = service_id
        super().__init__(f"no service {service_id}")


class DuplicateService(Exception):  # noqa: N818 - a fact, not a fault
    """Another service has this SIP address or id."""

    def __init__(self, service_id: str, field: str) -> None:
        self.service_id = service_id
        self.field = field
        super().__init__(f"{field} is taken by {service_id}")
