"""What responses have told: ids, tokens and names, which later requests use."""

from collections import defaultdict, deque
from collections.abc import Sequence
from typing import Any, Final

from google.protobuf.message import Message

# Of each name: what is newer takes the place of what is oldest.
_KEPT: Final = 40
# What requests call otherwise than responses.
_ALSO: Final = {
    "next_page_token": ("page_token",),
    "lease_token": ("lease_tokens",),
    "service_id": ("service_ids",),
    "sip_address": ("service_sip", "service_sips"),
    "external_task_id": ("external_task_ids",),
    "caller_id": ("caller_ids",),
    "supervisor": ("supervisors",),
}


class LearntTexts:
    """Texts by the names of the fields that take them."""

    def __init__(self) -> None:
        self._texts: dict[str, deque[str]] = defaultdict(lambda: deque(maxlen=_KEPT))

    def of(self, name: str) -> Sequence[str]:
        return self._texts[name]

    def learn(self, message: Message) -> None:
        """Take the texts of a response, and of the messages in it."""
        if message.DESCRIPTOR.name.endswith("LeaseResult"):  # it has what was asked for, known or not
            return
        for field, value in message.ListFields():
            # A map has no messages that could be told apart from its keys.
            if field.message_type is not None and field.message_type.GetOptions().map_entry:
                continue
            values: Sequence[Any] = value if isinstance(value, Sequence) and not isinstance(value, str) else (value,)
            for each in values[:_KEPT] if not isinstance(value, str | bytes) else values:
                if isinstance(each, Message):
                    self.learn(each)
                elif isinstance(each, str) and each:
                    self.note(field.name, each)

    def note(self, name: str, text: str) -> None:
        for key in (name, *_ALSO.get(name, ())):
            if text not in self._texts[key]:
                self._texts[key].append(text)
