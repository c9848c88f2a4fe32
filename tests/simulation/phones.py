"""The telephones: what really rings, by the true time, whatever the server believes."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass


@dataclass
class Ringing:
    """A phone in a call, which ends at `end_s` if its dialer does not go on with it."""

    callback_id: str
    end_s: float


class Phones:
    """All telephones. `findings` tells of each that was dialled while it was in a call."""

    def __init__(self, trace: Callable[..., None]) -> None:
        self.findings: list[str] = []
        self.calls = 0
        self._trace = trace
        self._in_call: dict[str, Ringing] = {}

    def ring(self, phone: str, callback_id: str, end_s: float) -> Ringing:
        """Dial a phone."""
        now = asyncio.get_running_loop().time()
        other = self._in_call.get(phone)
        if other is not None and now < other.end_s:
            self.findings.append(f"{now:.3f}: {phone} is dialled for {callback_id}, and rings for {other.callback_id}")
        self.calls += 1
        self._trace("ring", phone, callback_id)
        self._in_call[phone] = ringing = Ringing(callback_id, end_s)
        return ringing
