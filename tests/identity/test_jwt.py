"""Which JWTs are accepted."""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, Final

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st
from jwt.api_jws import PyJWS

from ringback.domain.errors import CredentialsInvalid
from ringback.identity.files import UnusableFileError
from ringback.identity.jwks import read_keys
from ringback.identity.jwt import SKEW, Claims, verify
from ringback.identity.rules import JwtRules
from tests.world.jwts import AUDIENCE, ISSUER, Signer, claims, compact, write_jwks

NOW: Final = datetime(2026, 5, 4, 12, tzinfo=UTC)
AT: Final = int(NOW.timestamp())
RULES: Final = JwtRules(jwks=Path("keys.json"), issuer=ISSUER, audience=AUDIENCE)
SIGNERS: Final = {name: Signer(name, kid=name) for name in ("RS256", "ES256", "EdDSA")}
FILE: Final = Path("keys.json")


def _keys(*jwks: Mapping[str, Any]) -> Any:
    return read_keys(FILE, json.dumps({"keys": jwks}).encode())


ALL_KEYS: Final = _keys(*(signer.jwk for signer in SIGNERS.values()))
ES256: Final = SIGNERS["ES256"]


def _verify(token: str, keys: Any = ALL_KEYS) -> Claims:
    return verify(token, RULES, keys, NOW)


@pytest.mark.parametrize("signer", SIGNERS.values(), ids=SIGNERS)
def test_the_algorithm_of_each_type_of_key_is_accepted(signer: Signer) -> None:
    accepted = _verify(signer.token(claims(NOW)))
    assert accepted == Claims("crm@clients", NOW + timedelta(seconds=600) + SKEW)


ACCEPTED: Final[Mapping[str, dict[str, Any]]] = {
    "an audience among several": {"aud": ["other", AUDIENCE]},
    "expired within the skew": {"exp": AT - 59},
    "begins within the skew": {"nbf": AT + 60},
    "issued within the skew": {"iat": AT + 60},
    "no nbf, no iat": {"nbf": None, "iat": None},
    "fractions of seconds": {"exp": AT + 0.5},
}
REFUSED: Final[Mapping[str, dict[str, Any]]] = {
    "no exp": {"exp": None},
    "exp as text": {"exp": str(AT + 600)},
    "exp as truth value": {"exp": True},
    "exp as list": {"exp": [AT + 600]},
    "exp beyond all dates": {"exp": 10**18},
    "exp at the end of all dates": {"exp": int(datetime.max.replace(tzinfo=UTC).timestamp())},
    "exp negative beyond all dates": {"exp": -(10**18)},
    "exp of 400 digits": {"exp": 10**400},
    "expired": {"exp": AT - 60},
    "expired long ago": {"exp": AT - 86_400},
    "begins later": {"nbf": AT + 61},
    "nbf as text": {"nbf": str(AT)},
    "issued later": {"iat": AT + 61},
    "iat as text": {"iat": "now"},
    "no issuer": {"iss": None},
    "another issuer": {"iss": ISSUER + "/"},
    "issuer in upper case": {"iss": ISSUER.upper()},
    "a part of the issuer": {"iss": ISSUER[:-1]},
    "issuer as list": {"iss": [ISSUER]},
    "no audience": {"aud": None},
    "an audience that contains ours": {"aud": "ringback-staging"},
    "an audience that ours contains": {"aud": "ring"},
    "audiences that contain ours": {"aud": ["ringback-staging", "my ringback"]},
    "audiences in one text": {"aud": "other ringback"},
    "audience as object": {"aud": {AUDIENCE: True}},
    "audience within a list within a list": {"aud": [[AUDIENCE]]},
    "no subject": {"sub": None},
    "subject as list": {"sub": ["crm@clients"]},
    "an empty subject": {"sub": ""},
    "subject as number": {"sub": 7},
}


@pytest.mark.parametrize("changed", ACCEPTED.values(), ids=ACCEPTED)
def test_accepted_claims(changed: dict[str, Any]) -> None:
    assert _verify(ES256.token(claims(NOW, **changed))).subject == "crm@clients"


@pytest.mark.parametrize("changed", REFUSED.values(), ids=REFUSED)
def test_refused_claims(changed: dict[str, Any]) -> None:
    with pytest.raises(CredentialsInvalid):
        _verify(_signed(json.dumps(claims(NOW, **changed)).encode()))


def test_a_claim_that_is_null_is_refused() -> None:
    with pytest.raises(CredentialsInvalid):
        _verify(_signed(json.dumps(claims(NOW) | {"exp": None}).encode()))


def _signed(payload: bytes, **header: Any) -> str:
    """Sign a payload with the right key, whatever it is."""
    return PyJWS().encode(payload, ES256.private_key, "ES256", headers={"kid": "ES256"} | header)


@pytest.mark.parametrize(
    "payload", [b"", b"[]", b"null", b'"text"', b"{", b"\xff", b"[" * 3000, b'{"exp": NaN}', b'{"exp": 1e999}']
)
def test_a_payload_that_is_no_object_is_refused(payload: bytes) -> None:
    with pytest.raises(CredentialsInvalid):
        _verify(compact({"alg": "ES256"}, payload, b"x") if not payload else _signed(payload))


def test_the_claim_of_the_identity_is_a_setting() -> None:
    rules = JwtRules(jwks=FILE, issuer=ISSUER, audience=AUDIENCE, identity_claim="client_id")
    token = ES256.token(claims(NOW, client_id="pbx"))
    assert verify(token, rules, ALL_KEYS, NOW).subject == "pbx"


@given(st.sampled_from(sorted(SIGNERS)), st.integers(0, 2), st.data())
def test_a_changed_token_is_refused(name: str, part: int, data: st.DataObject) -> None:
    parts = SIGNERS[name].token(claims(NOW)).split(".")
    at = data.draw(st.integers(0, len(parts[part]) - 1))
    parts[part] = parts[part][:at] + parts[part][at + 1 :]
    with pytest.raises(CredentialsInvalid):
        _verify(".".join(parts))


# --- Keys and algorithms ---------------------------------------------------------------------------------------------


def _public_pem(signer: Signer) -> bytes:
    pem: bytes = signer.private_key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return pem


def _hmac(secret: bytes, algorithm: str = "HS256", **header: Any) -> str:
    unsigned = compact({"alg": algorithm, "typ": "JWT"} | header, claims(NOW)).rpartition(".")[0]
    digest = hmac.new(secret, unsigned.encode(), getattr(hashlib, "sha" + algorithm[2:])).digest()
    return f"{unsigned}.{base64.urlsafe_b64encode(digest).rstrip(b'=').decode()}"


def _public_der(signer: Signer) -> bytes:
    der: bytes = signer.private_key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return der


def _hmac_with(form: Callable[[Signer], bytes], signer: Signer, algorithm: str, kid: str) -> str:
    return _hmac(form(signer), algorithm, kid=kid)


FORGED: Final[Mapping[str, Callable[[], str]]] = {
    **{
        f"HMAC with the public key of {name} as {form.__name__}, {algorithm}": partial(
            _hmac_with, form, signer, algorithm, name
        )
        for name, signer in SIGNERS.items()
        for form in (_public_pem, _public_der)
        for algorithm in ("HS256", "HS384", "HS512")
    },
    "HMAC with nothing": lambda: _hmac(b""),
    "HMAC with /dev/null as kid": lambda: _hmac(b"", kid="../../../../dev/null"),
    "none": lambda: compact({"alg": "none"}, claims(NOW)) + "",
    "none with a signature": lambda: compact({"alg": "none"}, claims(NOW), b"x"),
    "None": lambda: compact({"alg": "None"}, claims(NOW), b"x"),
    "no algorithm": lambda: compact({"typ": "JWT"}, claims(NOW), b"x"),
    "algorithm as list": lambda: compact({"alg": ["ES256"]}, claims(NOW), b"x"),
    "a header that is a list": lambda: compact([], claims(NOW), b"x"),  # type: ignore[arg-type]
    "the algorithm of another key": lambda: compact({"alg": "RS256", "kid": "ES256"}, claims(NOW), b"x" * 256),
    "an empty ES256 signature": lambda: compact({"alg": "ES256", "kid": "ES256"}, claims(NOW), bytes(64)),
    "a key that is not in the file": lambda: Signer("ES256", kid="ES256").token(claims(NOW)),
    "a key that it brings along": lambda: (other := Signer()).token(claims(NOW), jwk=other.jwk),
    "a kid that the file does not have": lambda: ES256.token(claims(NOW), kid="unknown"),
    "the kid of another key": lambda: ES256.token(claims(NOW), kid="RS256"),
    "a kid that is a path": lambda: ES256.token(claims(NOW), kid="../keys.json"),
    "a kid that is an address": lambda: ES256.token(claims(NOW), kid="https://id.example/keys.json"),
    "an empty kid": lambda: ES256.token(claims(NOW), kid=""),
    "crit": lambda: ES256.token(claims(NOW), crit=["exp"], exp=1),
    "an empty crit": lambda: _signed(json.dumps(claims(NOW)).encode(), crit=[]),
    "too long": lambda: ES256.token(claims(NOW, much="x" * 8192)),
    "padding": lambda: ES256.token(claims(NOW)) + "==",
    "a line break": lambda: ES256.token(claims(NOW)) + "\n",
    "a fourth part": lambda: ES256.token(claims(NOW)) + ".e30",
    "two parts": lambda: ES256.token(claims(NOW)).rpartition(".")[0],
    "without a signature": lambda: ES256.token(claims(NOW)).rpartition(".")[0] + ".",
}


@pytest.mark.parametrize("forge", FORGED.values(), ids=FORGED)
def test_forged_tokens_are_refused(forge: Callable[[], str]) -> None:
    with pytest.raises(CredentialsInvalid):
        _verify(forge())


@pytest.mark.parametrize("name", ["jku", "x5u"])
def test_addresses_in_the_header_open_nothing(name: str) -> None:
    """The token is accepted for its key in the file; of one that is not there the address makes no difference."""
    header = {name: "http://127.0.0.1:1/keys.json"}
    assert _verify(ES256.token(claims(NOW), **header)).subject == "crm@clients"
    with pytest.raises(CredentialsInvalid):
        _verify(Signer(kid="ES256").token(claims(NOW), **header))


def test_a_token_without_kid_is_tried_with_every_key_of_its_algorithm() -> None:
    first, second = Signer(kid="first"), Signer(kid="second")
    second_unnamed = Signer(kid=None)
    second_unnamed.private_key = second.private_key
    assert _verify(second_unnamed.token(claims(NOW)), _keys(first.jwk, second.jwk)).subject == "crm@clients"


def test_a_key_without_kid_is_tried_for_every_kid() -> None:
    unnamed = Signer(kid=None)
    assert _verify(unnamed.token(claims(NOW), kid="any"), _keys(Signer().jwk, unnamed.jwk)).subject == "crm@clients"


# --- The file --------------------------------------------------------------------------------------------------------


def _private(signer: Signer) -> dict[str, Any]:
    return signer.jwk | {"d": "AAAA"}


PASSED_OVER: Final[Mapping[str, Mapping[str, Any]]] = {
    "a secret": {"kty": "oct", "k": "c2VjcmV0", "kid": "ES256"},
    "for encryption": ES256.jwk | {"use": "enc"},
    "to sign with": ES256.jwk | {"key_ops": ["sign"]},
    "for another algorithm": ES256.jwk | {"alg": "HS256"},
    "of another curve": {"kty": "EC", "crv": "P-384", "x": "AAAA", "y": "AAAA"},
    "of an unknown type": {"kty": "new"},
    "of no type": {"kid": "x"},
    "a type that is no text": {"kty": ["EC"]},
    "a kid that is no text": ES256.jwk | {"kid": 7},
}


@pytest.mark.parametrize("key", PASSED_OVER.values(), ids=PASSED_OVER)
def test_keys_for_other_purposes_are_passed_over(key: Mapping[str, Any]) -> None:
    keys = _keys(key, SIGNERS["EdDSA"].jwk)
    assert [each.algorithm for each in keys] == ["EdDSA"]
    with pytest.raises(UnusableFileError, match=r"keys\.json: has no key for RS256"):
        _keys(key)


UNUSABLE: Final[Mapping[str, tuple[bytes, str]]] = {
    "no JSON": (b"-----BEGIN PUBLIC KEY-----", "is no JWKS"),
    "no keys": (b"{}", "is no JWKS"),
    "keys that are no list": (b'{"keys": {}}', "is no JWKS"),
    "keys that are no objects": (b'{"keys": ["a"]}', "is no JWKS"),
    "deep": (b"[" * 100_000, "is no JWKS"),
    "an empty list": (b'{"keys": []}', "has no key for"),
    "a private key": (json.dumps({"keys": [_private(ES256)]}).encode(), "has a private key"),
    "half a key": (b'{"keys": [{"kty": "EC", "crv": "P-256", "x": "AAAA"}]}', "key 1 cannot be read"),
    "not on the curve": (
        json.dumps({"keys": [ES256.jwk | {"x": "A" * 43, "y": "A" * 43}]}).encode(),
        "key 1 cannot be read",
    ),
    "too many": (json.dumps({"keys": [ES256.jwk] * 21}).encode(), "has more than 20 keys"),
}


@pytest.mark.parametrize(("content", "reason"), UNUSABLE.values(), ids=UNUSABLE)
def test_files_that_cannot_be_used(content: bytes, reason: str) -> None:
    with pytest.raises(UnusableFileError, match=reason) as refusal:
        read_keys(FILE, content)
    assert str(refusal.value).startswith("keys.json: ")


def test_a_short_rsa_key_is_passed_over() -> None:
    short = Signer("RS256")
    short.private_key = rsa.generate_private_key(65537, 1024)
    with pytest.raises(UnusableFileError, match="2048 bits or more"):
        _keys(short.jwk)


def test_write_jwks_is_read(tmp_path: Path) -> None:
    rules = write_jwks(tmp_path / "keys.json", ES256.jwk)
    assert len(read_keys(rules.jwks, rules.jwks.read_bytes())) == 1
