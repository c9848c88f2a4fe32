"""`ringback count` and `outcomes`."""

import json
from datetime import UTC, datetime, timedelta

from ringback.cli.counts import _outcomes_table
from ringback.cli.times import Times
from ringback.v1 import callback_pb2 as cb
from ringback.v1 import directory_service_pb2 as directory
from tests.world.api import Api
from tests.world.command_line import Run
from tests.world.requests import cancel, from_now

SUPPORT = "sip:support@cc.example"


def rows(text: str) -> list[list[str]]:
    return [line.split() for line in text.splitlines()]


async def test_callbacks_are_counted_by_state(ringback: Run, api: Api) -> None:
    for caller_id in ("crm", "crm", "erp"):
        await api.create(due_date=from_now(hours=1), caller_id=caller_id)
    await cancel(api, await api.create(due_date=from_now(hours=1)))
    counted = await ringback("count")
    assert (counted.code, counted.err) == (0, "")
    heading, *lines = rows(counted.out)
    assert heading == ["state", "callbacks"]
    assert [f"CALLBACK_STATE_{state.upper()}" for state, _ in lines] == cb.CallbackState.keys()[1:]
    assert {state: count for state, count in lines if count != "0"} == {"scheduled": "3", "cancelled": "1"}
    assert ["scheduled", "2"] in rows((await ringback("count", "--caller", "crm", "--state", "open")).out)
    found = json.loads((await ringback("count", "--json", "--ended-after", "-1h")).out)
    counts = {each["state"]: each["count"] for each in found["states"] if "count" in each}
    assert counts == {"CALLBACK_STATE_CANCELLED": "1"}


@pytest.mark.long
async def test_how_it_ended_is_shown_by_half_hour(ringback: Run, api: Api) -> None:
    quiet = await api.add_service("sip:quiet@cc.example")
    callback = await api.create("sip:busy.answer@sim.example")
    await api.until_ended(callback.callback_id)
    shown = await ringback("outcomes", "--since", "-1h")
    assert (shown.code, shown.err) == (0, "")
    heading, *lines = rows(shown.out)
    assert heading == ["half", "hour", "service", "answered", "busy", "completed"]
    assert {line[1] for line in lines} == {SUPPORT}
    assert sum(int(count) for line in lines for count in line[2:]) == 3
    assert len(rows((await ringback("outcomes", "--service", quiet)).out)) == 1
    found = json.loads((await ringback("outcomes", "--json", "--service", "sip:support@CC.example")).out)
    assert [each["state"] for each in found["ends"]] == ["CALLBACK_STATE_COMPLETED"]
    assert (await ringback("outcomes", "--since", "-16d")).err.split()[:2] == ["INVALID_FIELD:", "begin_time:"]
    assert (await ringback("outcomes", "--service", "sip:nobody@cc.example")).err.startswith("SERVICE_NOT_FOUND")


def test_a_line_has_what_ended_in_its_half_hour() -> None:
    begin = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
    response = directory.GetOutcomesResponse()
    for service_id, later, outcome, count in (("b", 0, cb.CALL_OUTCOME_BUSY, 7), ("a", 1, cb.CALL_OUTCOME_ANSWERED, 8)):
        counted = response.outcomes.add(service_id=service_id, outcome=outcome, count=count)
        counted.begin_time.FromDatetime(begin + later * timedelta(minutes=30))
    response.ends.add(service_id="a", state=cb.CALLBACK_STATE_EXPIRED, count=9).begin_time.FromDatetime(begin)
    table = _outcomes_table(response, {"a": "sip:a@cc.example"}, Times())
    columns = [[str(column.header), *map(str, column.cells)] for column in table.columns]
    assert columns == [
        ["half hour", "2026-03-02T09:30:00Z", "2026-03-02T09:30:00Z", "2026-03-02T10:00:00Z"],
        ["service", "sip:a@cc.example", "b", "sip:a@cc.example"],
        ["answered", "", "", "8"],
        ["busy", "", "7", ""],
        ["expired", "9", "", ""],
    ]
