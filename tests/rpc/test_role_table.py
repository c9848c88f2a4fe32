"""The table of roles, walked on the wire: every RPC, as every role, about what is one's own and what is another's.

What each cell has to be comes from `ROLES_WITH`, `RIGHT_FOR`, and the sentence that each row has about what it names.
"""

import itertools
from collections.abc import AsyncIterator
from dataclasses import replace

import grpc
import pytest

from ringback.app import App
from ringback.application.access import RIGHT_FOR, ROLES_WITH, Role
from ringback.config import Settings
from ringback.ports.location import PostgresUrl
from tests.world.api import refusal_of
from tests.world.identities import CLIENTS, FOREIGN, GRANTED, OTHERS, OWN, RULES, Identities, Subject, role_of
from tests.world.role_table import HIDDEN, ROWS, RPCS, Names, Row, call

# The reasons that stand for "there is no such thing".
_UNKNOWN = {"CALLBACK_NOT_FOUND", "LEASE_EXPIRED"}


def expected(row: Row, name: str, subject: Subject) -> str:
    role = role_of(name)
    if role is None:
        return "CREDENTIALS_INVALID"
    if any(role not in ROLES_WITH[right] for right in (RIGHT_FOR[row.rpc], row.also) if right is not None):
        return "NOT_ALLOWED"
    own = role is not Role.CALLER or subject.caller_id == OWN
    granted = role is Role.OPERATOR or subject.service_sip == GRANTED
    match row.names:
        case Names.NOTHING:
            return ""
        case Names.SERVICE:
            return "" if granted else "NOT_ALLOWED"
        case Names.NEW_CALLBACK:
            return "" if own and granted else "NOT_ALLOWED"
        case Names.CALLBACK | Names.ALL_CALLBACKS:
            return "" if own and granted else HIDDEN
        case Names.ALL_SERVICES | Names.QUEUE:
            return "" if granted else HIDDEN
        case Names.LEASE:
            return "" if is_own_lease(name, subject) else HIDDEN


def is_own_lease(name: str, subject: Subject) -> bool:
    """Return whether the subject is leased by the client itself; it is by another dialer otherwise."""
    return role_of(name) is Role.DIALER and (subject.caller_id, subject.service_sip) == (OWN, GRANTED)


async def result_of(identities: Identities, row: Row, name: str, subject: Subject) -> str:
    """Make the call, and return the reason of its refusal, "" for none."""
    try:
        response = await call(identities, row, name, subject)
    except grpc.aio.AioRpcError as error:
        reason = refusal_of(error).reason
        return HIDDEN if reason in _UNKNOWN else reason
    if name == "masked viewer":
        responses = response if isinstance(response, list) else [response]
        assert not [each for each in responses if subject.number.encode() in each.SerializeToString()]
    return row.result(response, subject)


@pytest.fixture(params=["sqlite", "postgres"])
def settings(request: pytest.FixtureRequest, settings: Settings) -> Settings:
    if request.param == "postgres":
        settings = replace(settings, database=PostgresUrl(request.getfixturevalue("cluster").new_schema()))
    return replace(settings, access=RULES)


@pytest.fixture
async def identities(app: App) -> AsyncIterator[Identities]:
    async with Identities.at(app.address) as identities:
        yield identities


def test_every_rpc_has_a_right_and_a_row() -> None:
    assert RPCS.keys() == RIGHT_FOR.keys() == {row.rpc for row in ROWS}


@pytest.mark.long
@pytest.mark.parametrize("row", ROWS, ids=str)
async def test_each_cell_of_the_table(identities: Identities, row: Row) -> None:
    found, wanted = {}, {}
    for name, caller_id, service_sip in itertools.product(CLIENTS, (OWN, OTHERS), (GRANTED, FOREIGN)):
        subject = await identities.subject(caller_id, service_sip)
        if row.rpc == "DeleteService":
            await identities.end_all()
        if row.names is Names.LEASE:
            leasing = name if is_own_lease(name, subject) else "other dialer"
            subject = replace(subject, lease_token=await identities.lease(leasing, subject, dialing=row.dialing))
        cell = (name, caller_id, service_sip)
        wanted[cell] = expected(row, name, subject)
        found[cell] = await result_of(identities, row, name, subject)
    assert found == wanted
