"""The table of roles, walked on the wire: every RPC, as every role, about what is one's own and what is another's.

What each cell has to be comes from `ROLES_WITH`, `RIGHT_FOR`, and the sentence that each row has about what it names.
"""

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from ringback.app import App
from ringback.application.access import RIGHT_FOR
from ringback.config import Settings
from ringback.ports.location import PostgresUrl
from tests.world.identities import RULES, Identities
from tests.world.role_table import ROWS, RPCS, Row, walk


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
    found, wanted = await walk(identities, row)
    assert found == wanted
