"""The identities of an access file: what proves each of them, and what it may do."""

import re
from collections.abc import Callable, Mapping
from ipaddress import ip_address
from types import MappingProxyType
from typing import Final, NamedTuple

from ringback.application.access import Grant, Role
from ringback.cli.access_file.keys import Key, Keys, Section, read_list
from ringback.cli.access_file.limits import Given, read_limits
from ringback.cli.yaml_file import Place
from ringback.domain.control_characters import CONTROL
from ringback.domain.request import caller_violation, parse_guid
from ringback.domain.target import InvalidTarget, normalise_sip
from ringback.identity.rules import Identity
from ringback.identity.tokens import digest_of

MAX_NAME_LENGTH: Final = 64
_NAME: Final = re.compile(rf"[A-Za-z0-9][A-Za-z0-9._@+-]{{0,{MAX_NAME_LENGTH - 1}}}")
_SHA256: Final = re.compile(r"[0-9a-fA-F]{64}")
_EMPTY: Final = digest_of("").hex()
# What a credential in clear could be called.
_IN_CLEAR: Final = dict.fromkeys(
    ("token", "tokens", "bearer", "secret", "secrets", "password", "passwords"),
    "a token must not stand here in clear, and is no secret any more: put the SHA-256 of another under tokens_sha256, "
    "as `ringback access token` prints both",
)
_LABEL: Final = r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?"
_DNS_NAME: Final = re.compile(rf"(?=.{{1,253}}$){_LABEL}(\.{_LABEL})*")
_URI: Final = re.compile(r"([a-z][a-z0-9+.-]*://|urn:|sips?:)[!-~]+")
ALL_SERVICES: Final = "*"
MASKED: Final = "masked"


def _list_of(parse: Callable[[str], str]) -> Callable[[Place], dict[str, Place]]:
    return lambda place: read_list(place, lambda item: item.read(parse, ""))


# --- Grants ----------------------------------------------------------------------------------------------------------


def _role(text: str) -> Role | None:
    try:
        return Role(text)
    except ValueError:
        raise ValueError(f"{text!r} is none of {', '.join(Role)}") from None


def _caller_id(text: str) -> str:
    for _, fault in caller_violation("", text):
        raise ValueError(fault)
    if not text:
        raise ValueError("is empty")
    return text


def _service(text: str) -> str:
    """Return the canonical form, as `Grant.services` has it."""
    if text == ALL_SERVICES:
        return text
    if service_id := parse_guid(text):
        return service_id
    try:
        return normalise_sip(text)
    except InvalidTarget:
        raise ValueError(f'{text!r} is neither the UUID nor the SIP address of a service, nor "*" for all') from None


def _numbers(text: str) -> str:
    if text != MASKED:
        raise ValueError(f"{text!r} is not {MASKED}; leave it out to show numbers as they are")
    return text


GRANT: Final[Keys] = MappingProxyType(
    {
        "role": Key(
            read=lambda place: place.read(_role, None),
            form=", ".join(Role),
            help="What the identity is.",
            required=True,
        ),
        "caller_ids": Key(
            read=_list_of(_caller_id),
            form="a list",
            help="The systems that a caller speaks for, by `caller_id`. The first is meant where a request names none.",
        ),
        "services": Key(
            read=_list_of(_service),
            form='UUIDs, SIP addresses, or `"*"`',
            help="The services for which the grant holds. An operator has all.",
        ),
        "numbers": Key(
            read=lambda place: place.read(_numbers, ""),
            form="`masked`",
            help="Of a viewer: it sees targets without their last digits, and cannot filter by them.",
        ),
    }
)


def _read_grant(place: Place) -> Grant | None:
    section = Section(place, GRANT)
    role: Role | None = section.get("role", None)
    if role is None:
        return None
    _check_keys(section, role)
    services: Mapping[str, Place] = section.get("services", {})
    return Grant(
        role=role,
        caller_ids=tuple(section.get("caller_ids", {})),
        services=None if ALL_SERVICES in services or role is Role.OPERATOR else frozenset(services),
        masked=section.get("numbers", "") == MASKED,
    )


def _check_keys(section: Section, role: Role) -> None:
    """Add the faults of keys that this role lacks, and of those that mean nothing for it and would mislead."""
    if role is Role.CALLER and "caller_ids" not in section:
        section.place.fail("a caller needs caller_ids: the systems that it speaks for")
    if role is not Role.OPERATOR and "services" not in section:
        section.place.fail(f'a {role} needs services: a list, or ["*"] for all')
    if role is not Role.CALLER and "caller_ids" in section:
        section.places["caller_ids"].fail(f"only a caller has caller_ids; this is a grant for the role {role}")
    if role is Role.OPERATOR and "services" in section:
        section.places["services"].fail("an operator has all services; leave it out, or give another role")
    if role is not Role.VIEWER and "numbers" in section:
        section.places["numbers"].fail(f"only a viewer can see masked numbers; this is a grant for the role {role}")


# --- What proves an identity -----------------------------------------------------------------------------------------


def _token_hash(text: str) -> str:
    # What stands here instead may be a token: it is not repeated.
    if not _SHA256.fullmatch(text):
        raise ValueError(
            "is not the SHA-256 of a token, in 64 hexadecimal digits. If it is the token itself, it is no secret any "
            "more: `ringback access token` makes another"
        )
    if text.lower() == _EMPTY:
        raise ValueError("is the SHA-256 of an empty text, which is no token")
    return text.lower()


def _certificate(text: str) -> str:
    name = text.lower().removesuffix(".")
    if "*" in name:
        raise ValueError("a wildcard matches no identity; write out the name that the certificate has")
    if _is_address(name.strip("[]")):
        raise ValueError(f"{text!r} is an address; a certificate is recognised by a DNS name or a URI")
    if not _DNS_NAME.fullmatch(name) and not _URI.fullmatch(name):
        raise ValueError(f"{text!r} is neither a DNS name nor a URI, as a certificate has them (SAN, not CN), in ASCII")
    return name


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def _subject(text: str) -> str:
    if not text or CONTROL.search(text):
        raise ValueError("is empty" if not text else "contains a control character")
    return text


IDENTITY: Final[Keys] = MappingProxyType(
    {
        "tokens_sha256": Key(
            read=_list_of(_token_hash),
            form="a list of 64 hexadecimal digits each",
            help="The SHA-256 of bearer tokens. Two while one takes the place of the other.",
        ),
        "certificates": Key(
            read=_list_of(_certificate),
            form="a list of DNS names and URIs",
            help="Names of client certificates: a subject alternative name (SAN), never the CN, and no wildcard.",
        ),
        "subjects": Key(
            read=_list_of(_subject),
            form="a list",
            help="Values of the claim `identity_claim` of a JWT, exactly as they stand there.",
        ),
        "grants": Key(
            read=lambda place: read_list(place, _read_grant),
            form="a list of grants",
            help="What the identity may do: the sum of all its grants.",
            required=True,
        ),
        "limits": Key(read=read_limits, form="limits", help="How much at a time; the default for what is not here."),
    }
)
PROOFS: Final = ("tokens_sha256", "certificates", "subjects")


class Draft(NamedTuple):
    """An identity as it stands in the file: its limits lack the default yet."""

    identity: Identity
    limits: Given | None
    places: dict[str, Place]


def read_identities(place: Place) -> list[Draft]:
    if place.is_mapping and not place.node.value:
        place.fail("is empty: without identities nothing is allowed to anybody")
    taken: dict[tuple[str, str], Place] = {}
    return [_read_identity(name, item, taken) for name, item in place.entries()]


def _read_identity(name: str, place: Place, taken: dict[tuple[str, str], Place]) -> Draft:
    """Read one identity. `taken` has what proves those before it."""
    if not _NAME.fullmatch(name):
        place.fail(
            f"an identity has a name of up to {MAX_NAME_LENGTH} letters A-Z and a-z, digits and . _ - @ +, "
            "beginning with a letter or a digit"
        )
    section = Section(place, IDENTITY, _IN_CLEAR)
    if place.is_mapping and not any(proof in section for proof in PROOFS):
        place.fail(f"has none of {', '.join(PROOFS)}, so nothing proves this identity")
    proofs: dict[str, dict[str, Place]] = {proof: section.get(proof, {}) for proof in PROOFS}
    for proof, credentials in proofs.items():
        for credential, item in credentials.items():
            first = taken.setdefault((proof, credential), item)
            if first is not item:
                item.fail(f"is also at {first.path}, in line {first.line}")
    grants: Mapping[Grant | None, Place] = section.get("grants", {})
    identity = Identity(
        name=name,
        tokens_sha256=frozenset(proofs["tokens_sha256"]),
        certificates=frozenset(proofs["certificates"]),
        subjects=frozenset(proofs["subjects"]),
        grants=tuple(grant for grant in grants if grant is not None),
    )
    return Draft(identity, section.get("limits", None), section.places)
