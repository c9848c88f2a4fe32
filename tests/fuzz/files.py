"""Files that operators write, as they should not be: each is read, or refused in plain lines that name it."""

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from click.testing import CliRunner

from ringback.cli.access_file.limits import load_limits
from ringback.cli.access_file.load import load_access
from ringback.cli.dial_rules_file import load_rules
from ringback.cli.group import ringback
from ringback.cli.settings.services import SERVICES
from ringback.cli.settings.sources import BadSettings, resolve
from ringback.cli.yaml_file import FaultyFileError
from tests.fuzz import file_seeds
from tests.fuzz.dice import dice_of
from tests.fuzz.tally import FuzzTally
from tests.fuzz.yaml_mutations import mutated_file

# Of CPU. A file of some hundred lines takes a few milliseconds.
_LONG_S: Final = 10.0
# A line of a fault: the name of the file, the path within it, and the text.
_LONGEST_LINE: Final = 12_000
_FAULTY: Final = 2
# Commands take longer than what they call.
_COMMANDS: Final = 0.1


class FileKind(NamedTuple):
    """One kind of files: one that is right, how it is loaded, and the commands that check it."""

    seed: str
    load: Callable[[Path], object]
    commands: tuple[tuple[str, ...], ...] = ()


KINDS: Final[Mapping[str, FileKind]] = MappingProxyType(
    {
        "access": FileKind(file_seeds.ACCESS, load_access, (("access", "check"), ("access", "check", "--json"))),
        "limits": FileKind(file_seeds.LIMITS, load_limits),
        "dial rules": FileKind(file_seeds.DIAL_RULES, load_rules),
        "services": FileKind(file_seeds.SERVICES, lambda path: SERVICES.parse(str(path), path.parent)),
        "config": FileKind(
            file_seeds.CONFIG,
            lambda path: resolve({}, str(path)),
            (("config", "check"), ("config", "show", "--json", "--config"), ("config", "show", "--config")),
        ),
    }
)


class FileFuzz:
    """One file after the other, in one folder."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.tally: Final = FuzzTally("files", seed)
        self._folder = folder
        self._seed = seed
        (folder / "keys.json").write_text(file_seeds.KEYS)

    async def step(self, number: int) -> None:
        dice = dice_of(self._seed, "files", number)
        name = dice.choice(tuple(KINDS))
        kind = KINDS[name]
        content = mutated_file(kind.seed, dice)
        path = self._folder / "fuzz.yaml"
        path.write_bytes(content)
        began_s = time.process_time()
        faults, found = _load(kind, path)
        self.tally.note(name, "faulty" if faults else "read", refused=bool(faults))
        if time.process_time() - began_s > _LONG_S:
            found = found or "takes long"
        if kind.commands and not found and dice.chance(_COMMANDS):
            command = dice.choice(kind.commands)
            found = _run((*command, str(path)), is_faulty=bool(faults))
            self.tally.note(" ".join(command), "faulty" if faults else "read", refused=bool(faults))
        if found:
            self.tally.find(number, f"the {name} file {found}", content)


def _load(kind: FileKind, path: Path) -> tuple[list[str], str]:
    """Return the faults of a file, and what is wrong with how they are told."""
    try:
        kind.load(path)
    except FaultyFileError as refusal:
        faults = list(refusal.faults)
    except BadSettings as refusal:
        faults = refusal.message.split("\n")
    except Exception as bug:  # noqa: BLE001 - that is what is looked for
        return ["bug"], f"raises {type(bug).__name__}: {bug}"
    else:
        return [], ""
    if not faults:
        return faults, "is refused without a word"
    for fault in faults:
        if not fault.isprintable() or not fault.strip() or len(fault) > _LONGEST_LINE:
            return faults, f"is refused with a line that is none: {fault[:200]!r}"
    return faults, ""


def _run(arguments: tuple[str, ...], *, is_faulty: bool) -> str:
    """Run a command as its users do; return what is wrong with how it ends."""
    ran: Any = CliRunner().invoke(ringback, arguments, env={"RINGBACK_CONFIG": None})
    command = " ".join(arguments[:-1])
    if ran.exception is not None and not isinstance(ran.exception, SystemExit):
        return f"has `{command}` raise {type(ran.exception).__name__}: {ran.exception}"
    # Files that a right config names may still be missing.
    allowed = {_FAULTY} if is_faulty else {0, _FAULTY}
    if ran.exit_code not in allowed:
        return f"has `{command}` end with {ran.exit_code}: {ran.output[-300:]}"
    return "" if ran.output.strip() else f"has `{command}` say nothing"
