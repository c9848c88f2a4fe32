"""A YAML file, read so that every fault in it is found, and reported with its line and path."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TypeVar

import yaml

from ringback.cli.values import parse_whole

_T = TypeVar("_T")

_SWITCH: Mapping[str, bool] = MappingProxyType(
    {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """One node of a file, and its position. Reading it as another type adds a fault, and returns an empty value."""

    node: yaml.Node
    path: str
    line: int
    file: str
    faults: list[str]

    @classmethod
    def root(cls, text: str, file: str) -> "Place | None":
        """Return the root of a file, None if that is empty. Raise `yaml.YAMLError`."""
        # The nodes and not their values: nodes know their lines, and 18:00 is not yet the number 1080.
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        return cls(node=node, path="", line=1, file=file, faults=[]) if node else None

    def fail(self, fault: str) -> None:
        where = f"{self.path}: " if self.path else ""
        self.faults.append(f"{self.file}:{self.line}: {where}{fault}")

    def _at(self, node: yaml.Node, path: str, line_of: yaml.Node) -> "Place":
        # Marks count lines from 0, editors from 1.
        return Place(node=node, path=path, line=line_of.start_mark.line + 1, file=self.file, faults=self.faults)

    def entries(self) -> Iterator[tuple[str, "Place"]]:
        """Yield the keys of a mapping, and what they hold."""
        if not isinstance(self.node, yaml.MappingNode):
            self.fail("must be a mapping")
            return
        seen = set()
        for key, value in self.node.value:
            name = str(key.value)
            place = self._at(value, f"{self.path}.{name}".removeprefix("."), line_of=key)
            if name in seen:
                place.fail("is here twice")
            seen.add(name)
            yield name, place

    def items(self) -> list["Place"]:
        if not isinstance(self.node, yaml.SequenceNode):
            self.fail("must be a list")
            return []
        return [self._at(item, f"{self.path}[{index}]", line_of=item) for index, item in enumerate(self.node.value)]

    @property
    def is_list(self) -> bool:
        return isinstance(self.node, yaml.SequenceNode)

    def read(self, parse: Callable[[str], _T], otherwise: _T) -> _T:
        """Parse a single value with a function that raises `ValueError` for a text that it cannot parse."""
        if not isinstance(self.node, yaml.ScalarNode):
            self.fail("must be a single value")
            return otherwise
        try:
            return parse(str(self.node.value))
        except ValueError as fault:
            self.fail(str(fault))
            return otherwise

    def text(self) -> str:
        return self.read(str, "")

    def whole(self) -> int:
        return self.read(parse_whole, 0)

    def switch(self) -> bool:
        return self.read(_parse_switch, otherwise=False)


def _parse_switch(text: str) -> bool:
    try:
        return _SWITCH[text.lower()]
    except KeyError:
        raise ValueError(f"{text!r} is neither true nor false") from None
