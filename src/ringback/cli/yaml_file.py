"""A YAML file, read so that every fault in it is found, and reported with its line and path."""

import difflib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

import yaml

from ringback.cli.values import parse_switch, parse_whole

_T = TypeVar("_T")

_NULL: Final = "tag:yaml.org,2002:null"
_MAX_BYTES: Final = 4 * 1024 * 1024
# Twice as deep as any setting, and far from the depth at which Python gives up.
_MAX_DEPTH: Final = 20
# A fault that repeats a value must fit on a line.
_MAX_FAULT: Final = 500
# Keys are names; those of identities have up to 128 characters.
_MAX_PART: Final = 200
# The tag itself is not repeated: it may be a secret that begins with an exclamation mark.
_NO_TAGS: Final = "tags (!) are not taken"


class FaultyFileError(Exception):
    """A file that cannot be used; `str()` lists all its faults, one on each line."""

    def __init__(self, faults: Iterable[str], *, readable: bool = True) -> None:
        """`readable` is false for a file of which nothing can be read, so that no line of it can be named."""
        self.faults = tuple(faults)
        self.readable = readable
        super().__init__("\n".join(self.faults))


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """One node of a file, and its position. Reading it as another type adds a fault, and returns an empty value."""

    node: yaml.Node
    path: str
    line: int
    file: str
    faults: list[str]

    @classmethod
    def load(cls, path: Path) -> "Place | None":
        """Return the root of a file, None if that is empty. Raise `FaultyFileError`."""
        try:
            with path.open("rb") as file:
                content = file.read(_MAX_BYTES + 1)
        except (OSError, ValueError) as fault:  # a ValueError for a name with a NUL
            name = str(path) if str(path).isprintable() else repr(str(path))
            reason = getattr(fault, "strerror", None) or fault
            raise FaultyFileError([f"{shortened(name)}: {reason}"], readable=False) from None
        if len(content) > _MAX_BYTES:
            raise FaultyFileError([f"{path}: is larger than {_MAX_BYTES // 1024**2} MiB"], readable=False)
        try:
            return cls.root(content.decode("utf-8-sig"), str(path))
        except UnicodeDecodeError as fault:
            line = content.count(b"\n", 0, fault.start) + 1
            raise FaultyFileError([f"{path}:{line}: is not in UTF-8"]) from None

    @classmethod
    def root(cls, text: str, file: str) -> "Place | None":
        """Return the root of a text, None if that is empty. Raise `FaultyFileError`."""
        # The nodes and not their values: nodes know their lines, and 18:00 is not yet the number 1080.
        try:
            node = _Loader(text).get_single_node()
        except yaml.YAMLError as fault:
            raise FaultyFileError([_in_one_line(fault, text, file)]) from None
        return cls(node=node, path="", line=node.start_mark.line + 1, file=file, faults=[]) if node else None

    def fail(self, fault: str) -> None:
        where = f"{self.path}: " if self.path else ""
        self.faults.append(f"{self.file}:{self.line}: {where}{shortened(fault)}")

    def fail_as_unknown(self, name: str, known: Iterable[str]) -> None:
        """Add a fault for a key that is none of those known, with the one that is probably meant."""
        names = list(known)
        written, near = name.replace("-", "_"), difflib.get_close_matches(name.lower(), names, n=1)
        if written in names:
            self.fail(f"is written {written}, with _ and not -")
        elif near:
            self.fail(f"unknown; is {near[0]} meant?")
        else:
            self.fail(f"unknown; there are {', '.join(names)}")

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
            if not isinstance(key, yaml.ScalarNode):
                self._at(key, self.path, line_of=key).fail("a key must be a single word")
                continue
            name = str(key.value)
            place = self._at(value, f"{self.path}.{_as_part(name)}".removeprefix("."), line_of=key)
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

    @property
    def is_mapping(self) -> bool:
        return isinstance(self.node, yaml.MappingNode)

    @property
    def is_empty(self) -> bool:
        """Whether nothing stands here, or an empty text."""
        return isinstance(self.node, yaml.ScalarNode) and (self.node.tag == _NULL or not self.node.value)

    def read(self, parse: Callable[[str], _T], otherwise: _T) -> _T:
        """Parse a single value with a function that raises `ValueError` for a text that it cannot parse."""
        if not isinstance(self.node, yaml.ScalarNode):
            self.fail("must be a single value")
            return otherwise
        text = str(self.node.value)
        try:
            text.encode()
            return parse(text)
        except UnicodeEncodeError:
            self.fail("has half of a character (a surrogate)")
        except ValueError as fault:
            self.fail(str(fault))
        return otherwise

    def text(self) -> str:
        return self.read(str, "")

    def whole(self) -> int:
        return self.read(parse_whole, 0)

    def switch(self) -> bool:
        return self.read(parse_switch, otherwise=False)


def _as_part(key: str) -> str:
    """Return a key as a part of a path: in one line, and of a key longer than any that there is, its beginning."""
    part = key if len(key) <= _MAX_PART else f"{key[:_MAX_PART]}…"
    return part if part and part.isprintable() else repr(part)


def shortened(fault: str) -> str:
    """Return the text of a fault; when it repeats a value that is too long, its beginning."""
    return fault if len(fault) <= _MAX_FAULT else f"{fault[:_MAX_FAULT]}…"


class _Loader(yaml.SafeLoader):
    """A loader that refuses what makes a short file stand for a large one, and what nests without end."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._depth = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        event: Any = self.peek_event()  # type: ignore[no-untyped-call]
        if getattr(event, "anchor", None) is not None:
            raise yaml.MarkedYAMLError(
                problem="anchors (&) and aliases (*) are not taken", problem_mark=event.start_mark
            )
        if getattr(event, "tag", None) is not None:
            raise yaml.MarkedYAMLError(problem=_NO_TAGS, problem_mark=event.start_mark)
        if self._depth == _MAX_DEPTH:
            raise yaml.MarkedYAMLError(problem="is nested too deep", problem_mark=event.start_mark)
        self._depth += 1
        node: yaml.Node | None = super().compose_node(parent, index)
        self._depth -= 1
        return node


def _in_one_line(fault: yaml.YAMLError, text: str, file: str) -> str:
    if isinstance(fault, yaml.reader.ReaderError):
        line = text.count("\n", 0, fault.position) + 1
        return f"{file}:{line}: the character U+{fault.character:04X} is not allowed"
    if isinstance(fault, yaml.MarkedYAMLError) and (mark := fault.problem_mark or fault.context_mark):
        if str(fault.problem).startswith("found undefined tag handle"):
            return f"{file}:{mark.line + 1}: {_NO_TAGS}"
        # "expected a single document in the stream", "but found another document"
        problem = f"{fault.context} {fault.problem}" if str(fault.problem).startswith("but ") else fault.problem
        return f"{file}:{mark.line + 1}: {problem or fault.context}"
    return f"{file}: {' '.join(str(fault).split())}"
