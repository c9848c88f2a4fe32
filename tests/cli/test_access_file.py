"""The access file and the limits file: what they may contain, and how each fault is reported."""

import hashlib
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringback.application.access import Grant, Role
from ringback.application.limits import LimitRules, Limits
from ringback.cli.access_file.limits import load_limits
from ringback.cli.access_file.load import load_access
from ringback.cli.access_file.token import new_token
from ringback.cli.yaml_file import FaultyFileError
from ringback.identity.rules import AccessRules, Identity, JwtRules
from tests.world.jwts import Signer, write_jwks

KEY = Signer().jwk
ONE, TWO, THREE = ("1" * 64, "2" * 64, "3" * 64)
SERVICE = "01890a5d-ac96-774b-bcce-b302099a8057"
WHOLE = f"""
jwt: {{jwks: keys/jwks.json, issuer: "https://id.example", audience: ringback, identity_claim: azp}}
limits:
  default: {{creates_per_s: 50, polls: 10}}
  identities:
    pbx: {{connections: 4}}
identities:
  crm:
    tokens_sha256: ["{ONE}", "{"A" * 64}"]
    certificates: ["CRM.Clients.Example", "SPIFFE://example/crm"]
    subjects: ["crm@clients"]
    grants:
      - {{role: caller, caller_ids: [crm, "crm/2"], services: ["*"]}}
    limits: {{creates_per_s: 0.5, open_callbacks: 100000, watches: 20}}
  pbx:
    tokens_sha256: ["{TWO}"]
    grants:
      - {{role: dialer, services: ["SIP:sales@EXAMPLE.com", "{SERVICE.upper()}"]}}
  board: {{tokens_sha256: ["{THREE}"], grants: [{{role: viewer, services: ["*"], numbers: masked}}]}}
  ops: {{certificates: ["ops.example"], grants: [{{role: operator}}, {{role: dialer, services: ["*"]}}]}}
"""


@pytest.fixture(autouse=True)
def in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("keys").mkdir()
    write_jwks(Path("keys/jwks.json"), KEY)


def read(text: str) -> AccessRules:
    Path("access.yaml").write_text(text)
    return load_access(Path("access.yaml")).rules


def faults_of(text: str) -> list[str]:
    Path("access.yaml").write_text(text)
    with pytest.raises(FaultyFileError) as caught:
        load_access(Path("access.yaml"))
    return [*caught.value.faults]


def test_every_key() -> None:
    assert read(WHOLE) == AccessRules(
        jwt=JwtRules(
            jwks=Path("keys/jwks.json"), issuer="https://id.example", audience="ringback", identity_claim="azp"
        ),
        default_limits=Limits(creates_per_s=50, polls=10),
        identities=(
            Identity(
                name="crm",
                tokens_sha256=frozenset({ONE, "a" * 64}),
                certificates=frozenset({"crm.clients.example", "spiffe://example/crm"}),
                subjects=frozenset({"crm@clients"}),
                grants=(Grant(role=Role.CALLER, caller_ids=("crm", "crm/2")),),
                limits=Limits(creates_per_s=0.5, open_callbacks=100_000, watches=20, polls=10),
            ),
            Identity(
                name="pbx",
                tokens_sha256=frozenset({TWO}),
                grants=(Grant(role=Role.DIALER, services=frozenset({"sip:sales@example.com", SERVICE})),),
                limits=Limits(creates_per_s=50, polls=10, connections=4),
            ),
            Identity(name="board", tokens_sha256=frozenset({THREE}), grants=(Grant(role=Role.VIEWER, masked=True),)),
            Identity(
                name="ops",
                certificates=frozenset({"ops.example"}),
                grants=(Grant(role=Role.OPERATOR), Grant(role=Role.DIALER)),
            ),
        ),
    )


def test_a_key_file_lies_beside_the_access_file(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    write_jwks(tmp_path / "etc/keys.json", KEY)
    path = tmp_path / "etc/access.yaml"
    path.write_text(WHOLE.replace("keys/jwks.json", "keys.json"))
    jwt = load_access(path).rules.jwt
    assert jwt is not None
    assert jwt.jwks == tmp_path / "etc/keys.json"


@pytest.mark.parametrize("name", ["1", "null", "A", "crm", "crm-2.example_x@y+z", "a" * 64])
def test_names_of_identities(name: str) -> None:
    (identity,) = read(f"identities: {{{name}: {{tokens_sha256: ['{ONE}'], grants: [{{role: operator}}]}}}}").identities
    assert identity.name == name


def one(line: str) -> str:
    """Return a file with one identity, which has this line."""
    return f"identities:\n  crm:\n    tokens_sha256: ['{ONE}']\n    {line}\n"


def granting(grant: str) -> str:
    return one(f"grants: [{{{grant}}}]")


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        # The file as a whole.
        ("", ":1: is empty; identities are expected, "),
        ("# later\n", ":1: is empty; identities are expected, "),
        ("{}", ":1: needs identities: "),
        ("[]", ":1: must be a mapping"),
        ("identities:", ":1: identities: is empty"),
        ("identities: {}", ":1: identities: is empty: without identities nothing is allowed to anybody"),
        ("identities: []", ":1: identities: must be a mapping"),
        ("identities: {crm: }", ":1: identities.crm: must be a mapping"),
        (one("grants: [{role: operator}]") + "identites: {}", ":5: identites: unknown; is identities meant?"),
        (one("grants: [{role: operator}]") + "identities: {}", ":5: identities: is here twice"),
        (one("grants: [{role: operator}]") + "  crm: {}", ":5: identities.crm: is here twice"),
        # Identities.
        (
            f"identities: {{crm: {{tokens_sha256: [{hashlib.sha256().hexdigest()}], grants: [{{role: operator}}]}}}}",
            ":1: identities.crm.tokens_sha256[0]: is the SHA-256 of an empty text, which is no token",
        ),
        (
            one("grants: [{role: caller, caller_ids: [null], services: ['*']}]"),
            ":4: identities.crm.grants[0].caller_ids[0]: ",
        ),
        (
            one("grants: [{role: caller, caller_ids: [a, ], services: [~]}]"),
            ":4: identities.crm.grants[0].services[0]: ",
        ),
        (
            "jwt: {jwks: keys/jwks.json, issuer: a, audience: b}\n"
            + one("grants: [{role: operator}]\n    subjects: [Null]"),
            ":6: identities.crm.subjects[0]: is empty",
        ),
        (one("grant: []"), ":4: identities.crm.grant: unknown; is grants meant?"),
        (one("description: x"), ":2: identities.crm: needs grants: What the identity may do"),
        (one("grants: []"), ":4: identities.crm.grants: is empty"),
        (one("grants:"), ":4: identities.crm.grants: is empty"),
        (one("grants: {role: operator}"), ":4: identities.crm.grants: must be a list"),
        ("identities: {crm: {grants: [{role: operator}]}}", ":1: identities.crm: has none of tokens_sha256, "),
        (
            "identities: {'a b': {tokens_sha256: [], grants: [{role: operator}]}}",
            ":1: identities.a b: an identity has ",
        ),
        ("identities: {'': {tokens_sha256: [], grants: [{role: operator}]}}", ":1: identities.'': an identity has "),
        (
            f"identities: {{{'a' * 65}: {{grants: [{{role: operator}}]}}}}",
            f":1: identities.{'a' * 65}: an identity has",
        ),
        ("identities: {'*': {grants: [{role: operator}]}}", ":1: identities.*: an identity has a name of "),
        (
            "identities: {'crm\\x0a': {grants: [{role: operator}]}}",
            ":1: identities.crm\\x0a: an identity has a name of ",
        ),
        # Grants.
        (granting("services: ['*']"), ":4: identities.crm.grants[0]: needs role: "),
        (granting("role: admin"), ":4: identities.crm.grants[0].role: 'admin' is none of caller, dialer, viewer, oper"),
        (granting("role: Operator"), ":4: identities.crm.grants[0].role: 'Operator' is none of "),
        (granting("role: "), ":4: identities.crm.grants[0].role: is empty"),
        (granting("role: [operator]"), ":4: identities.crm.grants[0].role: must be a single value"),
        (granting("role: operator, sevices: ['*']"), ":4: identities.crm.grants[0].sevices: unknown; is services "),
        (granting("role: viewer"), ":4: identities.crm.grants[0]: a viewer needs services: "),
        (granting("role: dialer, services: []"), ":4: identities.crm.grants[0].services: is empty"),
        (granting("role: dialer, services: '*'"), ":4: identities.crm.grants[0].services: must be a list"),
        (granting("role: dialer, services: [sales]"), ":4: identities.crm.grants[0].services[0]: 'sales' is neither "),
        (granting("role: dialer, services: ['**']"), ":4: identities.crm.grants[0].services[0]: '**' is neither the "),
        (granting("role: dialer, services: ['sip:*@a.example', 'sip:']"), ":4: identities.crm.grants[0].services[1]: "),
        (granting("role: dialer, services: ['']"), ":4: identities.crm.grants[0].services[0]: is empty"),
        (
            granting("role: dialer, services: ['sip:a@b.example', 'SIP:a@B.example']"),
            ":4: identities.crm.grants[0].services[1]: is here twice",
        ),
        (granting("role: caller, services: ['*']"), ":4: identities.crm.grants[0]: a caller needs caller_ids: "),
        (granting("role: caller, caller_ids: [a]"), ":4: identities.crm.grants[0]: a caller needs services: "),
        (
            granting("role: caller, services: ['*'], caller_ids: ['']"),
            ":4: identities.crm.grants[0].caller_ids[0]: is empty",
        ),
        (
            granting("role: caller, services: ['*'], caller_ids: ['*']"),
            ":4: identities.crm.grants[0].caller_ids[0]: may contain letters ",
        ),
        (
            granting(f"role: caller, services: ['*'], caller_ids: [{'a' * 129}]"),
            ":4: identities.crm.grants[0].caller_ids[0]: has 129 characters; ",
        ),
        (
            granting("role: dialer, services: ['*'], caller_ids: [a]"),
            ":4: identities.crm.grants[0].caller_ids: only a caller has caller_ids; ",
        ),
        (granting("role: operator, services: ['*']"), ":4: identities.crm.grants[0].services: an operator has all "),
        (
            granting("role: dialer, services: ['*'], numbers: masked"),
            ":4: identities.crm.grants[0].numbers: only a viewer can see masked numbers; ",
        ),
        (
            granting("role: viewer, services: ['*'], numbers: clear"),
            ":4: identities.crm.grants[0].numbers: 'clear' is not masked; ",
        ),
        # JWT.
        (
            one("grants: [{role: operator}]\n    subjects: [a]"),
            ":5: identities.crm.subjects: there is no section jwt, ",
        ),
        ("jwt: {issuer: a}\n" + one("grants: [{role: operator}]"), ":1: jwt: needs jwks: "),
        (
            "jwt: {jwks: none.json, issuer: a, audience: b}\n" + one("grants: [{role: operator}]"),
            ":1: jwt.jwks: none.json: cannot be read: No such file or directory",
        ),
        (
            "jwt: {jwks: keys, issuer: a, audience: b}\n" + one("grants: [{role: operator}]"),
            ":1: jwt.jwks: keys: cannot be read: it is no regular file",
        ),
        (
            "jwt: {jwks: access.yaml, issuer: a, audience: b}\n" + one("grants: [{role: operator}]"),
            ":1: jwt.jwks: access.yaml: is no JWKS, ",
        ),
        (
            'jwt: {jwks: "a\\0b", issuer: a, audience: b}\n' + one("grants: [{role: operator}]"),
            ":1: jwt.jwks: has a control character, ",
        ),
        (
            "jwt: {jwks: keys/jwks.json, issuer: ' a', audience: b}\n" + one("grants: [{role: operator}]"),
            ":1: jwt.issuer: has a control character, or a blank at an end",
        ),
        (
            "jwt: {jwks: keys/jwks.json, issuer: '', audience: b}\n" + one("grants: [{role: operator}]"),
            ":1: jwt.issuer: is empty",
        ),
        (
            "jwt: {jwks: keys/jwks.json, issuer: a, audience: b, algorithms: [HS256]}\n"
            + one("grants: [{role: operator}]"),
            ":1: jwt.algorithms: unknown; ",
        ),
        # Limits.
        (
            one("grants: [{role: operator}]\n    limits: {creates_per_s: 0}"),
            ":5: identities.crm.limits.creates_per_s: '0' is not a positive number, ",
        ),
        (
            one("grants: [{role: operator}]\n    limits: {watches: 0.5}"),
            ":5: identities.crm.limits.watches: '0.5' is not a positive whole number",
        ),
        (
            one("grants: [{role: operator}]\n    limits: {watch: 1}"),
            ":5: identities.crm.limits.watch: unknown; is watches meant?",
        ),
        (
            one("grants: [{role: operator}]") + "limits: {defaults: {}}",
            ":5: limits.defaults: unknown; is default meant?",
        ),
        (
            one("grants: [{role: operator}]") + "limits: {identities: {cmr: {}}}",
            ":5: limits.identities.cmr: is none of the identities",
        ),
        (
            one("grants: [{role: operator}]\n    limits: {polls: 1}") + "limits: {identities: {crm: {polls: 2}}}",
            ":6: limits.identities.crm: has limits in line 5, too",
        ),
    ],
)
def test_a_fault_has_its_place(text: str, fault: str) -> None:
    assert any(found.startswith(f"access.yaml{fault}") for found in faults_of(text)), faults_of(text)


@pytest.mark.parametrize(
    ("certificate", "fault"),
    [
        ("*.example", "a wildcard matches no identity"),
        ("spiffe://example/*", "a wildcard matches no identity"),
        ("192.0.2.1", "'192.0.2.1' is an address"),
        ("[::1]", "'[::1]' is an address"),
        ("CN=crm", "'CN=crm' is neither a DNS name nor a URI"),
        ("crm clients", "'crm clients' is neither "),
        ("crm..example", "'crm..example' is neither "),
        ("zürich.example", "'zürich.example' is neither "),
        ("localhost:443", "'localhost:443' is neither "),
        ("", "is empty"),
    ],
)
def test_names_that_no_certificate_may_have(certificate: str, fault: str) -> None:
    text = f"identities: {{crm: {{certificates: ['{certificate}'], grants: [{{role: operator}}]}}}}"
    assert faults_of(text)[0].startswith(f"access.yaml:1: identities.crm.certificates[0]: {fault}")


@pytest.mark.parametrize(
    ("kind", "first", "second"),
    [
        ("tokens_sha256", "a" * 64, "A" * 64),
        ("certificates", "ops.example", "OPS.example."),
        ("subjects", "ops@clients", "ops@clients"),
    ],
)
def test_what_proves_two_identities(kind: str, first: str, second: str) -> None:
    text = f"""
jwt: {{jwks: keys/jwks.json, issuer: a, audience: b}}
identities:
  one:
    {kind}: ['{first}']
    grants: [{{role: operator}}]
  two:
    {kind}: ['{second}', '{second}']
    grants: [{{role: admin}}]
"""
    assert faults_of(text) == [
        f"access.yaml:8: identities.two.{kind}[1]: is here twice",
        "access.yaml:9: identities.two.grants[0].role: 'admin' is none of caller, dialer, viewer, operator",
        f"access.yaml:8: identities.two.{kind}[1]: is also at identities.one.{kind}[0], in line 5",
    ]


def test_all_faults_at_once() -> None:
    text = f"""
identites: {{}}
identities:
  crm:
    tokens_sha256: [abc]
    certificate: [a.example]
    grants: [{{role: caller, caller_ids: ['*'], services: [sales, '*', x]}}, {{role: boss}}]
    limits: {{watches: -1}}
  pbx:
    tokens_sha256: ['{ONE}']
"""
    assert [fault.split(": ")[:2] for fault in faults_of(text)] == [
        ["access.yaml:2", "identites"],
        ["access.yaml:5", "identities.crm.tokens_sha256[0]"],
        ["access.yaml:6", "identities.crm.certificate"],
        ["access.yaml:7", "identities.crm.grants[0].caller_ids[0]"],
        ["access.yaml:7", "identities.crm.grants[0].services[0]"],
        ["access.yaml:7", "identities.crm.grants[0].services[2]"],
        ["access.yaml:7", "identities.crm.grants[1].role"],
        ["access.yaml:8", "identities.crm.limits.watches"],
        ["access.yaml:9", "identities.pbx"],
    ]


# --- Tokens in clear -------------------------------------------------------------------------------------------------

SECRET = "!Hunter2-Hunter2"


@pytest.mark.parametrize(
    "text",
    [
        one(f"tokens: ['{SECRET}']"),
        one(f"token: '{SECRET}'"),
        one(f"token: {SECRET}"),
        one(f"password: '{SECRET}'"),
        one(f"tokens: {{'{SECRET}': x}}"),
        f"identities: {{crm: {{tokens_sha256: ['{SECRET}'], grants: [{{role: operator}}]}}}}",
        f"identities: {{crm: {{tokens_sha256: '{SECRET}', grants: [{{role: operator}}]}}}}",
        f"identities: {{crm: {{tokens_sha256: [{SECRET}], grants: [{{role: operator}}]}}}}",
        f"identities: {{crm: {{tokens_sha256: {SECRET}, grants: [{{role: operator}}]}}}}",
        f"identities: {{crm: {{tokens_sha256: {{'{SECRET}': 1}}, grants: [{{role: operator}}]}}}}",
        f"identities: {{crm: {{tokens_sha256: [['{SECRET}']], grants: [{{role: operator}}]}}}}",
        f"identities: {{crm: '{SECRET}'}}",
        f"identities: {{crm: {{tokens_sha256: ['{SECRET}{'1' * 64}'], grants: [{{role: operator}}]}}}}",
        f"identities: {{crm: {{tokens_sha256: [!x{SECRET}], grants: [{{role: operator}}]}}}}",
        "identities: {crm: {tokens_sha256: [!Hunter2!Hunter2], grants: [{role: operator}]}}",
    ],
)
def test_a_token_in_clear_is_refused_and_not_repeated(text: str) -> None:
    faults = faults_of(text)
    assert faults
    assert not [fault for fault in faults if "unter2" in fault]


@pytest.mark.parametrize("place", ["certificates: ['{}']", "{}: x", "grants: [{{role: '{}'}}]", "subjects: ['x {}']"])
def test_a_token_of_ringback_is_found_wherever_it_stands(place: str) -> None:
    token = new_token().text
    (fault,) = faults_of(one(place.format(token)))
    assert fault.startswith("access.yaml:4: a token stands here in clear; ")
    assert token not in fault


def test_tokens() -> None:
    tokens = [new_token() for _ in range(100)]
    assert len({token.text for token in tokens}) == len({token.sha256 for token in tokens}) == 100
    for token in tokens:
        assert token.sha256 == hashlib.sha256(token.text.encode()).hexdigest()
        assert token.text not in repr(token)
        # 256 bits in base64, after the prefix.
        assert len(token.text) == len("ringback_") + 43


# --- Who can read and change it --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mode", "warning"),
    [(0o600, None), (0o640, None), (0o644, "can read"), (0o646, "can change"), (0o602, "can change")],
)
def test_a_file_that_others_can_read_or_change_is_warned_of(mode: int, warning: str | None) -> None:
    path = Path("access.yaml")
    path.write_text(one("grants: [{role: operator}]"))
    path.chmod(mode)
    warnings = load_access(path).warnings
    if warning is None:
        assert warnings == ()
    else:
        (text,) = warnings
        assert text.startswith(f"access.yaml: every user of this machine {warning} who may do what")


def test_a_key_file_that_others_can_change_is_warned_of() -> None:
    path = Path("access.yaml")
    path.write_text("jwt: {jwks: keys/jwks.json, issuer: a, audience: b}\n" + one("grants: [{role: operator}]"))
    path.chmod(0o600)
    Path("keys/jwks.json").chmod(0o644)
    assert load_access(path).warnings == ()
    Path("keys/jwks.json").chmod(0o666)
    (warning,) = load_access(path).warnings
    assert warning.startswith("keys/jwks.json: every user of this machine can add keys, ")


@pytest.mark.parametrize("path", ["none.yaml", ".", "a\0b"])
def test_a_file_that_cannot_be_read(path: str) -> None:
    for load in (load_access, load_limits):
        with pytest.raises(FaultyFileError) as caught:
            load(Path(path))
        assert len(caught.value.faults) == 1


@given(
    st.recursive(
        st.sampled_from(["*", "a", ONE, "masked", "caller", "operator", 1, None, "sip:a@b.example"]),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["identities", "grants", "role", "services", "caller_ids", "tokens_sha256", "limits"]),
                inner,
                max_size=4,
            )
        ),
        max_leaves=12,
    )
)
def test_any_file_is_taken_or_refused(content: object) -> None:
    Path("access.yaml").write_text(json.dumps(content))
    try:
        rules = load_access(Path("access.yaml")).rules
    except FaultyFileError:
        return
    assert rules.identities
    for identity in rules.identities:
        assert identity.grants
        assert identity.tokens_sha256 | identity.certificates


# --- Limits ----------------------------------------------------------------------------------------------------------


def test_a_limits_file() -> None:
    path = Path("limits.yaml")
    path.write_text(
        "default: {creates_per_s: 50, watches: 7}\nidentities:\n  crm: {creates_per_s: 200}\n  pbx: {polls: 3}"
    )
    file = load_limits(path)
    assert file.rules == LimitRules(
        default=Limits(creates_per_s=50, watches=7),
        identities={
            "crm": Limits(creates_per_s=200, watches=7),
            "pbx": Limits(creates_per_s=50, watches=7, polls=3),
        },
    )
    assert file.rules.of("crm").creates_per_s == 200
    assert file.rules.of("192.0.2.1") == file.rules.default
    assert file.faults_with(["crm", "pbx", "ops"]) == []
    assert file.faults_with(["crm"]) == ["limits.yaml:4: identities.pbx: is no identity of the access file"]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", ":1: is empty; limits are expected, "),
        ("off", ":1: must be a mapping"),
        ("creates_per_s: 1", ":1: creates_per_s: unknown; there are default, identities"),
        ("default:", ":1: default: is empty"),
        ("default: {creates_per_s: nan}", ":1: default.creates_per_s: 'nan' is not a positive number, "),
        ("default: {creates_per_s: -1}", ":1: default.creates_per_s: '-1' is not a positive number, "),
        ("default: {creates_per_s: 0.0}", ":1: default.creates_per_s: '0.0' is not a positive number, "),
        ("default: {creates_per_s: 99999999}", ":1: default.creates_per_s: '99999999' is not a positive number, "),
        ("default: {creates_per_s: '٣'}", ":1: default.creates_per_s: '٣' is not a positive number, "),
        ("default: {polls: }", ":1: default.polls: is empty"),
        ("default: {polls: 1e3}", ":1: default.polls: '1e3' is not a positive whole number"),
        ("identities: {crm: 5}", ":1: identities.crm: must be a mapping"),
        ("identities: [crm]", ":1: identities: must be a mapping"),
    ],
)
def test_faults_of_a_limits_file(text: str, fault: str) -> None:
    path = Path("limits.yaml")
    path.write_text(text)
    with pytest.raises(FaultyFileError) as caught:
        load_limits(path)
    assert caught.value.faults[0].startswith(f"limits.yaml{fault}")
