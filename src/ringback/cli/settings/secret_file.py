"""Secrets: in the environment, or in a file of their own."""

import stat
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from ringback.cli.settings.kinds import Kind
from ringback.domain.control_characters import CONTROL

MAX_BYTES: Final = 4096
_HIDDEN: Final = "***"


@dataclass(frozen=True, slots=True)
class SecretFile:
    """A file with a secret in it. Only its path may be shown."""

    path: Path
    secret: str = field(repr=False)


def _parse_secret(text: str, _: Path) -> str:
    if CONTROL.search(text):
        raise ValueError("has a control character")
    return text


SECRET: Final = Kind(form="TEXT", parse=_parse_secret, show=lambda secret: _HIDDEN if secret else None)


def read_private(text: str, path: Path) -> bytes:
    """Return the beginning of a file that others cannot read. Raise `ValueError`; `text` is the path as it was given.

    One byte more than a file may have is returned of a longer one.
    """
    try:
        with path.open("rb") as file:
            mode = path.stat().st_mode
            content = file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as fault:  # a ValueError for a name with a NUL
        raise ValueError(f"{text!r} cannot be read: {getattr(fault, 'strerror', None) or fault}") from None
    if mode & (stat.S_IROTH | stat.S_IWOTH):
        raise ValueError(f"{text!r} can be read or changed by every user of this machine: chmod o-rw {path}")
    return content


def _parse_secret_file(text: str, folder: Path) -> SecretFile:
    path = folder / text
    content = read_private(text, path)
    try:
        secret = content.decode().removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError:
        secret = ""
    if not secret or len(content) > MAX_BYTES or CONTROL.search(secret):
        raise ValueError(f"{text!r} must have one line with the secret, and nothing else")
    return SecretFile(path, secret)


SECRET_FILE: Final = Kind(
    form="FILE", parse=_parse_secret_file, show=lambda file: str(file.path) if file else None, is_path=True
)
