"""How domain values are stored: as the JSON that msgspec writes of them.

A field with its default value is left out of the JSON, so that empty fields take no space. A default that carries a
meaning is written all the same: another default in a later version must not change what is stored.
"""

from typing import Any

from msgspec import field


def written(default: Any) -> Any:
    """Return a default for a struct's field that is written even when the field has it."""
    return field(default_factory=lambda: default)
