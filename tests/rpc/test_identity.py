"""GetIdentity: who a credential belongs to, and what it may do."""

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from ringback.app import App
from ringback.application.access import RIGHT_FOR, ROLES_WITH, Role
from ringback.config import Settings
from ringback.v1 import directory_service_pb2 as pb
from tests.world.api import Api
from tests.world.identities import RULES, Identities, role_of


@pytest.fixture
async def identities(settings: Settings) -> AsyncIterator[Identities]:
    async with await App.start(replace(settings, access=RULES)) as app, Identities.at(app.address) as identities:
        yield identities


async def _identity(api: Api) -> pb.GetIdentityResponse:
    return await api.directory.GetIdentity(pb.GetIdentityRequest())


@pytest.mark.parametrize("name", ["caller", "dialer", "viewer", "masked viewer", "operator"])
async def test_each_role_is_told_what_it_may_call(identities: Identities, name: str) -> None:
    found = await _identity(identities[name])
    role = role_of(name)
    assert role is not None
    assert (found.identity, list(found.roles)) == (name, [role.value])
    assert list(found.allowed_rpcs) == [rpc for rpc, right in RIGHT_FOR.items() if role in ROLES_WITH[right]]


async def test_only_a_masked_identity_is_told_that_it_is(identities: Identities) -> None:
    masked = {name: (await _identity(identities[name])).masked for name in ("viewer", "masked viewer", "operator")}
    assert masked == {"viewer": False, "masked viewer": True, "operator": False}


async def test_the_first_caller_id_is_the_one_that_is_meant(identities: Identities) -> None:
    assert list((await _identity(identities["caller"])).caller_ids) == ["own", "own-too"]


async def test_without_identities_everybody_may_call_everything(api: Api) -> None:
    found = await _identity(api)
    assert (found.identity, list(found.roles), found.masked) == ("", [Role.DIALER, Role.OPERATOR], False)
    assert found.allowed_rpcs == list(RIGHT_FOR)
