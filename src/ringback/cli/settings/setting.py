"""One setting, and what its flag, its environment variable, and its key in a file are called."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ringback.cli.settings.kinds import Kind


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting: its name, and from that its flag, its environment variable, and its key in a file."""

    name: str
    kind: Kind
    # As it would be written; None for a setting that has no value unless one is given.
    default: str | None
    help: str
    # The section of the file in which it stands; its name begins with that of the section.
    section: str = ""
    # It is taken from the environment alone: a flag is seen by every user of the machine, and a file is copied around.
    is_secret: bool = False

    @property
    def flag(self) -> str:
        return "--" + self.name.replace("_", "-")

    @property
    def variable(self) -> str:
        return "RINGBACK_" + self.name.upper()

    @property
    def key(self) -> str:
        """Its place in a file: that of a setting in a section has the name of the section before a dot."""
        return f"{self.section}.{self.key_in_section}" if self.section else self.name

    @property
    def key_in_section(self) -> str:
        return self.name.removeprefix(f"{self.section}_") if self.section else self.name

    def parse(self, text: str, folder: Path) -> Any:
        """Parse a value; a relative path in it starts at the folder. Raise `ValueError` or `FaultyFileError`."""
        if not text:
            raise ValueError("is empty")
        return self.kind.parse(text, folder)
