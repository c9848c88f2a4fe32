"""A database that version 0.1.0 wrote, and what its server said of it (`tests/storage/fixtures/`).

It was filled over gRPC: a callback in each state, retries, a reschedule, every setting of a service. Nothing here is
made anew when the code changes: it stands for the databases that are out there.
"""

import json
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message

_FIXTURES: Final = Path(__file__).parents[1] / "storage/fixtures"
SAID: Final[dict[str, Any]] = json.loads((_FIXTURES / "ringback-0.1.json").read_text(encoding="utf-8"))


def copy_of_database(folder: Path) -> Path:
    """Return a copy that a test may write to."""
    return Path(shutil.copy(_FIXTURES / "ringback-0.1.db", folder / "ringback.db"))


def as_said(messages: Iterable[Message]) -> list[dict[str, Any]]:
    """Return messages in the form of `SAID`: without what that version stored and did not say."""
    said = [MessageToDict(message, preserving_proto_field_name=True) for message in messages]
    for message in said:
        message.get("callback", message).pop("due_time", None)
    return said


def named(task: str) -> dict[str, Any]:
    """Return what was said of the callback with this external task id."""
    [callback] = [c for c in SAID["callbacks"] if c["callback_request"].get("external_task_id") == task]
    return dict(callback)
