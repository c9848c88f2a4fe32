"""Who sees and does what: as over gRPC, at every path, and what is foreign looks like what is not there."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest

from ringback.app import App
from ringback.config import Settings
from ringback.ports.location import PostgresUrl
from tests.world.identities import FOREIGN, GRANTED, NOBODY, OTHERS, OWN, RULES, STRANGER, Identities, token_of
from tests.world.postgres import Cluster
from tests.world.rest import CALLBACKS, SERVICES, Answer, Rest, at


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    cluster = Cluster.start()
    yield cluster
    cluster.destroy()


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.long)])
def settings(request: pytest.FixtureRequest, settings: Settings) -> Settings:
    if request.param == "postgres":
        settings = replace(settings, database=PostgresUrl(request.getfixturevalue("cluster").new_schema()))
    return replace(settings, access=RULES)


@pytest.fixture
async def identities(app: App) -> AsyncIterator[Identities]:
    async with Identities.at(app.address) as identities:
        yield identities


def rest_of(app: App, name: str, service_id: str = "") -> Rest:
    assert app.edges.http is not None
    return Rest(app.edges.http.server.port, "" if name == NOBODY else token_of(name), service_id)


def without(name: str, answer: Answer) -> tuple[int, str]:
    """Return the answer, but for the name that the request gave."""
    return answer.status, answer.body.decode().replace(name, "…")


async def test_without_valid_credentials_nothing_is_told(app: App, identities: Identities) -> None:
    subject = await identities.subject(OWN, GRANTED)
    for name in (NOBODY, STRANGER):
        rest = rest_of(app, name)
        answers = [
            await rest.get(SERVICES),
            await rest.get(SERVICES, Unknown="x"),
            await rest.get(CALLBACKS),
            await rest.get(at(subject.callback_id)),
            await rest.get(at("no guid")),
            await rest.get(CALLBACKS, ExternalTaskId=subject.external_task_id, CallerId=OWN),
            await rest.delete(at(subject.callback_id)),
            await rest.delete(CALLBACKS),
            await rest.create(),
            await rest.post(b"no JSON"),
            await rest.call(
                "POST", CALLBACKS, b"x", {"Content-Type": "application/json; charset=latin1", "Accept": "text/plain"}
            ),
        ]
        for answer in answers:
            assert answer.outcome() == (401, "CREDENTIALS_INVALID")
            assert answer.headers["www-authenticate"] == "Bearer"
            assert answer.body == answers[0].body


async def test_roles_may_do_over_rest_what_they_may_over_grpc(app: App, identities: Identities) -> None:
    subject = await identities.subject(OWN, GRANTED)

    async def outcomes(name: str) -> list[Any]:
        rest = rest_of(app, name, subject.service_id)
        caller_id = "" if name != "operator" else OWN
        answers = [
            await rest.get(SERVICES),
            await rest.get(CALLBACKS),
            await rest.get(at(subject.callback_id)),
            await rest.create(Target="tel:+41445550001", CallerId=caller_id),
            await rest.delete(at(subject.callback_id)),
        ]
        return [answer.status for answer in answers]

    assert await outcomes("dialer") == [200, 403, 403, 403, 403]
    assert await outcomes("viewer") == [200, 200, 200, 403, 403]
    assert await outcomes("masked viewer") == [200, 200, 200, 403, 403]
    assert await outcomes("caller") == [200, 200, 200, 201, 200]
    assert await outcomes("operator") == [200, 200, 200, 201, 200]


async def test_what_is_foreign_looks_like_what_is_not_there(app: App, identities: Identities) -> None:
    own = await identities.subject(OWN, GRANTED)
    others = await identities.subject(OTHERS, FOREIGN)
    absent = str(uuid4())
    for name in ("caller", "viewer", "masked viewer"):
        rest = rest_of(app, name, own.service_id)
        for method in (rest.get, rest.delete):
            foreign_one, absent_one = await method(at(others.callback_id)), await method(at(absent))
            assert without(others.callback_id, foreign_one) == without(absent, absent_one)
            by_task = await method(CALLBACKS, ExternalTaskId=others.external_task_id, CallerId=OTHERS)
            no_task = await method(CALLBACKS, ExternalTaskId="task-none", CallerId=OTHERS)
            assert without(others.external_task_id, by_task) == without("task-none", no_task)
        assert [each["ServiceSip"] for each in (await rest.get(SERVICES)).json] == [GRANTED]
        assert [each["Id"] for each in (await rest.get(CALLBACKS)).json["Items"]] == [own.callback_id]
        for service_id in (others.service_id, absent):
            nothing = await rest.get(CALLBACKS, ServiceId=service_id)
            assert nothing.body == b'{"Items":[],"NextPageToken":null}'


async def test_a_create_tells_nothing_of_foreign_services_and_tasks(app: App, identities: Identities) -> None:
    own = await identities.subject(OWN, GRANTED)
    others = await identities.subject(OTHERS, FOREIGN)
    absent, absent_sip = str(uuid4()), "sip:absence@cc.example"
    rest = rest_of(app, "caller", own.service_id)
    for faults in ({}, {"Priority": "normal"}, {"Unknown": 1}):
        foreign_one = await rest.create(ServiceId=others.service_id, **faults)
        assert foreign_one.outcome() == (403, "NOT_ALLOWED")
        assert without(others.service_id, foreign_one) == without(absent, await rest.create(ServiceId=absent, **faults))
        foreign_one = await rest.create(ServiceId=..., ServiceSip=FOREIGN, **faults)
        absent_one = await rest.create(ServiceId=..., ServiceSip=absent_sip, **faults)
        assert without(FOREIGN, foreign_one) == without(absent_sip, absent_one)
        foreign_one = await rest.create(CallerId=OTHERS, ExternalTaskId=others.external_task_id, **faults)
        assert foreign_one.outcome() == (403, "NOT_ALLOWED")
        assert foreign_one.body == (await rest.create(CallerId=OTHERS, ExternalTaskId="none", **faults)).body
    # A foreign service is as good as none: the SIP address beside it counts.
    for service_id in (others.service_id, absent):
        answer = await rest.create(ServiceId=service_id, ServiceSip=GRANTED)
        assert (answer.status, answer.json["ServiceId"]) == (201, own.service_id)


async def test_a_caller_id_that_is_missing_is_that_of_the_credentials(app: App, identities: Identities) -> None:
    own = await identities.subject(OWN, GRANTED)
    rest = rest_of(app, "caller", own.service_id)
    created = await rest.create(ExternalTaskId="t")
    assert created.json["CallerId"] == OWN
    assert (await rest.get(CALLBACKS, ExternalTaskId="t")).json == created.json
    assert (await rest.create(ExternalTaskId="t", CallerId=OWN)).status == 200


async def test_a_masked_viewer_sees_no_number_in_any_member(app: App, identities: Identities) -> None:
    own = await identities.subject(
        OWN,
        GRANTED,
        alternative_target="tel:+41785550199",
        incoming_service_sip_uri="sip:+41785550198@cc.example",
        description="call +41 78 555 01 97",
    )
    rest = rest_of(app, "masked viewer")
    answers = [
        await rest.get(at(own.callback_id)),
        await rest.get(CALLBACKS, ExternalTaskId=own.external_task_id, CallerId=OWN),
        await rest.get(CALLBACKS),
    ]
    for answer in answers:
        assert answer.status == 200
        text = answer.body.decode().replace(" ", "")
        for number in (own.number, "+41785550199", "+41785550198", "+41785550197"):
            assert number not in text
    assert answers[0].json["DialTarget"] == "tel:+41 78 *** ** 99"
