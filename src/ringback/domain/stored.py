"""How domain values are kept: as the JSON that msgspec writes of them.

A field that has its default is left out of the JSON, so that what is empty takes no space. A default that means
something is written all the same: another default in a later version must not change what is stored.
"""

from typing import Any

from msgspec import field


def written(default: Any) -> Any:
    """Return the default of a struct's field that is written even when the field has it."""
    return field(default_factory=lambda: default)
