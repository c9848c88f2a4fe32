"""The keys that a mapping of a file may have: one table for the reader and for the manual."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, TypeAlias, TypeVar

from ringback.cli.yaml_file import Place

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """One key. `read` adds the faults of a value to its place, and returns a value of the same type in any case."""

    read: Callable[[Place], Any]
    # How a value is written, and what it is for: for the manual.
    form: str
    help: str
    required: bool = False


Keys: TypeAlias = Mapping[str, Key]


class Section:
    """A mapping of a file, with the places of its values. With a fault anywhere, the whole file is refused."""

    def __init__(self, place: Place, keys: Keys, refused: Mapping[str, str] = MappingProxyType({})) -> None:
        """Read the values of all keys. `refused` has the faults of unknown keys of which there is more to say."""
        self.place = place
        self.values: dict[str, Any] = {}
        self.places: dict[str, Place] = {}
        for name, value in place.entries():
            self.places[name] = value
            if name in refused:
                value.fail(refused[name])
            elif name not in keys:
                value.fail_as_unknown(name, keys)
            elif value.is_empty:
                value.fail("is empty")
            else:
                self.values[name] = keys[name].read(value)
        for name, key in keys.items():
            if key.required and place.is_mapping and name not in self.places:
                place.fail(f"needs {name}: {key.help}")

    def get(self, name: str, otherwise: _T) -> _T:
        return self.values.get(name, otherwise)  # type: ignore[no-any-return]

    def __contains__(self, name: str) -> bool:
        return name in self.places


def read_list(place: Place, read: Callable[[Place], _T]) -> dict[_T, Place]:
    """Read the items of a list, each of which may be there once, with their places. An empty list says nothing."""
    items = place.items()
    if place.is_list and not items:
        place.fail("is empty")
    found: dict[_T, Place] = {}
    for item in items:
        before = len(item.faults)
        if item.is_empty:  # also null, which would be taken for a word
            item.fail("is empty")
            continue
        value = read(item)
        if len(item.faults) > before:
            continue
        if value in found:
            item.fail("is here twice")
        found[value] = item
    return found
