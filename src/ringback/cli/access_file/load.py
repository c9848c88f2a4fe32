"""The access file as a whole.

    identities:
      crm:
        tokens_sha256: ["<hex of sha256 of the token>"]
        grants:
          - {role: caller, caller_ids: [crm], services: ["*"]}

Nothing is allowed that it does not say, so nothing in it may be misread: each key and each value has to be understood,
or the whole file is refused.
"""

import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final

import yaml
from msgspec.structs import replace

from ringback.cli.access_file.identities import Draft, read_identities
from ringback.cli.access_file.keys import Key, Keys, Section
from ringback.cli.access_file.limits import LimitsSection, read_section
from ringback.cli.access_file.token import TOKEN
from ringback.cli.yaml_file import FaultyFileError, Place
from ringback.domain.control_characters import CONTROL
from ringback.identity.files import FileValue, UnusableFileError
from ringback.identity.jwks import read_keys
from ringback.identity.rules import AccessRules, JwtRules

DEFAULT_CLAIM: Final = "sub"


@dataclass(frozen=True, slots=True)
class AccessFile:
    """An access file that has no faults."""

    path: Path
    rules: AccessRules
    # What is not wrong, and better otherwise.
    warnings: tuple[str, ...] = ()


def load_access(path: Path) -> AccessFile:
    """Read an access file. Raise `FaultyFileError`."""
    root = Place.load(path)
    if root is None:
        raise FaultyFileError([f"{path}:1: is empty; identities are expected, since without them nothing is allowed"])
    # First of all, since the fault of such a place could repeat it.
    if in_clear := [*_tokens_in_clear(root.node, str(path))]:
        raise FaultyFileError(in_clear)
    rules = _read_rules(root)
    if root.faults:
        raise FaultyFileError(root.faults)
    return AccessFile(path, rules, (*_warnings(path), *_warnings_of_keys(rules)))


def _tokens_in_clear(node: yaml.Node, file: str) -> Iterator[str]:
    if isinstance(node, yaml.ScalarNode):
        if TOKEN.search(node.value):
            line = node.start_mark.line + 1
            yield f"{file}:{line}: a token stands here in clear; it is no secret any more and has to be replaced"
        return
    for item in node.value:
        for part in item if isinstance(item, tuple) else (item,):
            yield from _tokens_in_clear(part, file)


def _warnings(path: Path) -> Iterator[str]:
    mode = _mode_of(path)
    if mode & stat.S_IWOTH:
        yield f"{path}: every user of this machine can change who may do what; chmod o-rwx {path}"
    elif mode & stat.S_IROTH:
        yield f"{path}: every user of this machine can read who may do what; chmod o-rwx {path}"


def _warnings_of_keys(rules: AccessRules) -> Iterator[str]:
    # They are public: to read them is harmless.
    if rules.jwt is not None and _mode_of(rules.jwt.jwks) & stat.S_IWOTH:
        path = rules.jwt.jwks
        yield f"{path}: every user of this machine can add keys, and with one be any subject; chmod o-w {path}"


def _mode_of(path: Path) -> int:
    try:
        return path.stat().st_mode
    except OSError:  # it was replaced just now, or is a pipe that has ended
        return 0


# --- JWT -------------------------------------------------------------------------------------------------------------


def _text(text: str) -> str:
    if CONTROL.search(text) or text != text.strip():
        raise ValueError("has a control character, or a blank at an end")
    return text


def _read_text(place: Place) -> str:
    return place.read(_text, "")


def _read_jwks(place: Place) -> Path:
    """Read the path of a key file that can be used; a relative one starts at the folder of the access file."""
    text = _read_text(place)
    path = Path(place.file).parent / text
    if text:
        try:
            FileValue("the JWKS", [path], lambda content: read_keys(path, content))
        except UnusableFileError as fault:
            place.fail(str(fault))
    return path


JWT: Final[Keys] = MappingProxyType(
    {
        "jwks": Key(
            read=_read_jwks,
            form="a path",
            help="A file with the public keys of the issuer (RFC 7517), which is read again when it changes.",
            required=True,
        ),
        "issuer": Key(read=_read_text, form="a text", help="What `iss` has to be.", required=True),
        "audience": Key(read=_read_text, form="a text", help="What `aud` has to be, or to contain.", required=True),
        "identity_claim": Key(
            read=_read_text, form="a name", help=f"The claim that names the identity; `{DEFAULT_CLAIM}` without it."
        ),
    }
)


def _read_jwt(place: Place) -> JwtRules:
    section = Section(place, JWT)
    return JwtRules(
        jwks=section.get("jwks", Path()),
        issuer=section.get("issuer", ""),
        audience=section.get("audience", ""),
        identity_claim=section.get("identity_claim", DEFAULT_CLAIM),
    )


# --- The file --------------------------------------------------------------------------------------------------------

FILE: Final[Keys] = MappingProxyType(
    {
        "identities": Key(read=read_identities, form="names with identities", help="Who there is.", required=True),
        "jwt": Key(read=_read_jwt, form="a section", help="Which JWTs are accepted. Without it, none is."),
        "limits": Key(read=read_section, form="a section", help="How much at a time, as in a limits file."),
    }
)


def _read_rules(root: Place) -> AccessRules:
    section = Section(root, FILE)
    drafts: list[Draft] = section.get("identities", [])
    limits: LimitsSection = section.get("limits", LimitsSection())
    _check_together(drafts, section, limits)
    given = {**{draft.identity.name: draft.limits for draft in drafts if draft.limits is not None}, **limits.identities}
    identities = [
        replace(draft.identity, limits=limits.filled_in(given[draft.identity.name]))
        if draft.identity.name in given
        else draft.identity
        for draft in drafts
    ]
    return AccessRules(
        identities=tuple(identities),
        jwt=section.get("jwt", None),
        default_limits=limits.filled_in({}) if "limits" in section else None,
    )


def _check_together(drafts: list[Draft], section: Section, limits: LimitsSection) -> None:
    """Add the faults of what does not go together."""
    for draft in drafts:
        if "subjects" in draft.places and "jwt" not in section:
            draft.places["subjects"].fail("there is no section jwt, so no JWT is accepted")
    names = {draft.identity.name: draft for draft in drafts}
    for name, place in limits.places.items():
        if name not in names:
            place.fail("is none of the identities")
        elif "limits" in names[name].places:
            place.fail(f"has limits in line {names[name].places['limits'].line}, too")
