"""The keys that name a callback."""

from msgspec import Struct


class ExternalTaskKey(Struct, frozen=True, kw_only=True):
    """The key that the caller gave a callback."""

    caller_id: str
    external_task_id: str

    def __str__(self) -> str:
        return f"{self.caller_id or '(no caller)'}/{self.external_task_id}"


# What names a callback: its own id, or its caller's.
Key = str | ExternalTaskKey
