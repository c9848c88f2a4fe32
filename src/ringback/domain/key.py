"""How a callback is named."""

from msgspec import Struct


class ExternalTaskKey(Struct, frozen=True, kw_only=True):
    """A callback as its caller names it."""

    caller_id: str
    external_task_id: str

    def __str__(self) -> str:
        return f"{self.caller_id or '(no caller)'}/{self.external_task_id}"


# How a callback is named: by its own id, or by its caller's.
Key = str | ExternalTaskKey
