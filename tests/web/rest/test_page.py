"""docs/rest.md has every field, every member of an answer, and a paragraph for every reason."""

import re
from pathlib import Path

from ringback.v1.error_reason_pb2 import ErrorReason
from ringback.web.rest.contract import FIELDS, KEY_PARAMETERS, LIST_PARAMETERS, PRIORITIES, REASON, STATES
from ringback.web.rest.problems import HTTP_REASONS, TYPE_BASE, type_of
from ringback.web.rest.responses import ATTEMPT_MEMBERS, CALLBACK_MEMBERS, SERVICE_MEMBERS

PAGE = (Path(__file__).parents[3] / "docs/rest.md").read_text(encoding="utf-8")
# Of RPCs that the contract does not have.
NOT_HERE = {
    *("UNSPECIFIED", "RESUME_TOKEN_INVALID", "RESUME_TOKEN_EXPIRED", "REQUEST_ID_REUSED", "SERVICE_ALREADY_EXISTS"),
    *("CALLBACK_IN_PROGRESS", "SERVICE_IN_USE", "ETAG_MISMATCH", "LEASE_SUPERSEDED", "LEASE_EXPIRED"),
    *("ATTEMPT_NOT_STARTED", "OUTCOME_CONFLICT"),
}


def test_every_field_is_mapped_to_ours() -> None:
    for field in FIELDS:
        assert f"| `{field.name}` | `{field.field}` |" in PAGE


def test_every_member_parameter_and_word_is_named() -> None:
    members = {member.name for member in (*CALLBACK_MEMBERS, *ATTEMPT_MEMBERS, *SERVICE_MEMBERS)}
    parameters = {parameter.name for parameter in (*KEY_PARAMETERS, *LIST_PARAMETERS, REASON)}
    for name in members | parameters | {*PRIORITIES, *STATES, *HTTP_REASONS.values()}:
        assert re.search(rf"\b{name}\b", PAGE), name


def test_the_type_of_every_problem_leads_to_its_paragraph() -> None:
    """GitHub makes the anchor of a heading of its words in lower case."""
    reasons = {name.removeprefix("ERROR_REASON_") for name in ErrorReason.keys()} - NOT_HERE  # noqa: SIM118
    headings = set(re.findall(r"^### ([A-Z_]+)$", PAGE, re.MULTILINE))
    assert headings == reasons
    for reason in reasons:
        assert type_of(reason) == f"{TYPE_BASE}{reason.lower()}"
