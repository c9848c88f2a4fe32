"""Checks side by side, each within a time limit: one that hangs, as on a dead file system, holds up no other."""

import queue
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import TypeAlias

from msgspec import Struct

from ringback.cli.doctor.diagnosis import Diagnosis, failed

_REPORT = "if that names nothing which can be mended, report it as a bug"

Look: TypeAlias = Callable[[], Sequence[Diagnosis]]


class Check(Struct, frozen=True):
    """One look at something, under the name that is told when it does not end."""

    subject: str
    look: Look


def run_checks(checks: Sequence[Check], limit_s: float) -> Iterator[Diagnosis]:
    """Yield what the checks find, in their order, each as soon as it and those before it have ended."""
    ends = time.monotonic() + limit_s
    for check, results in [(check, _started(check)) for check in checks]:
        try:
            yield from results.get(timeout=max(ends - time.monotonic(), 0))
        except queue.Empty:
            yield failed(
                check.subject,
                f"was not found out within {limit_s:g} s",
                "see whether what it looks at responds, or give it more time with --check-timeout",
            )


def _started(check: Check) -> "queue.Queue[Sequence[Diagnosis]]":
    results: queue.Queue[Sequence[Diagnosis]] = queue.Queue(1)

    def look() -> None:
        try:
            found = check.look()
        except Exception as fault:  # noqa: BLE001 - it is told, and the other checks go on
            found = [failed(check.subject, f"cannot be found out: {_in_words(fault)}", _REPORT)]
        results.put(found)

    # A daemon: the process ends while it hangs.
    threading.Thread(target=look, name=f"check of {check.subject}", daemon=True).start()
    return results


def _in_words(fault: Exception) -> str:
    return " ".join(str(fault).split()) or type(fault).__name__
