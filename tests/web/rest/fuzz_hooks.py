"""What Schemathesis puts into bodies: of texts that the schema allows, most are no targets, no services and no dates.

One that is such a text becomes one that the server takes, so that a request gets further. What the schema does not
allow stays as it is.
"""

from typing import Any

import schemathesis  # type: ignore[import-not-found,unused-ignore] # in an environment of its own

_TAKEN = {
    "Target": ("tel: +41785556677", 255),
    "AlternativeTarget": ("sip:bob@example.com", 255),
    "ServiceId": ("6f9619ff-8b86-4011-b42d-00cf4fc964ff", 2**31),
    "ServiceSip": ("sip:support@example.com", 2**31),
    "IncomingServiceSipUri": ("sip:hotline@example.com", 255),
    "ContextUrl": ("https://crm.example.com/tasks/4711", 2048),
    "DueDate": ("24.12.2025 08:30:00", 2**31),
    "CallerId": ("crm", 128),
    "Supervisor": ("jdoe", 128),
    "Description": ("ä" * 150, 150),
    "ExternalTaskId": ("task-4712", 128),
}
_STAYS = 9


@schemathesis.hook  # type: ignore[untyped-decorator,unused-ignore]
def map_body(_context: Any, body: Any) -> Any:
    if not isinstance(body, dict):
        return body
    return {name: _taken(name, value) for name, value in body.items()}


def _taken(name: Any, value: Any) -> Any:
    text, longest = _TAKEN.get(name, ("", 0))
    # By its length, so that the same body is always the same. Some stay, so that the server refuses some.
    if isinstance(value, str) and len(value) <= longest and len(value) % 10 != _STAYS:
        return text
    return value
