"""`ringback erase`, and `ringback log`, which shows who has done it."""

import json
import re
from dataclasses import replace

import pytest

from ringback.app import App
from ringback.config import Settings
from ringback.v1 import callback_pb2 as cb
from tests.world.api import Api
from tests.world.command_line import Run, start
from tests.world.dialer import DIALING, Dialer
from tests.world.pseudo_terminal import on_terminal
from tests.world.requests import cancel, from_now, update

NUMBER = "tel:+41785556677"


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Return settings without a dialer of the server's own."""
    return replace(settings, dialer="none")


async def test_everything_about_a_target_is_erased(ringback: Run, api: Api) -> None:
    for spelled in (NUMBER, "sip:+41785556677@gw.example"):
        await api.create(spelled, due_date=from_now(hours=1))
    kept = await api.create("tel:+41785556678", due_date=from_now(hours=1))
    ran = await ringback("erase", "tel: +41 78 555 66 77", "--yes")
    assert (ran.code, ran.out, ran.err) == (0, "erased  2 callbacks\n", "")
    assert [c.callback_id for c in await api.list_all()] == [kept.callback_id]
    again = await ringback("erase", NUMBER, "--yes", "--json")
    assert json.loads(again.out) == {}


async def test_a_call_in_progress_is_waited_for(app: App, api: Api) -> None:
    dialer = Dialer(api)
    await api.create(NUMBER)
    await dialer.report(lease := await dialer.lease_one(), DIALING)
    process = await start("erase", NUMBER, "--yes", "--json", RINGBACK_SERVER=f"127.0.0.1:{app.port}")
    assert process.stdout is not None
    assert process.stderr is not None
    assert (await process.stderr.readline()).startswith(b"1 in a call")
    await dialer.end(lease, cb.CALL_OUTCOME_NO_ANSWER)
    assert json.loads(await process.stdout.read()) == {"erased": 1}
    assert await process.wait() == 0


async def test_it_is_not_erased_without_a_question(ringback: Run, api: Api) -> None:
    await api.create(NUMBER, due_date=from_now(hours=1))
    ran = await ringback("erase", NUMBER)
    assert (ran.code, len(await api.list_all())) == (2, 1)
    assert "add --yes" in ran.err


@pytest.mark.parametrize(("answer", "left"), [(b"n\r", 1), (b"y\r", 0)])
async def test_the_answer_to_the_question_counts(app: App, api: Api, answer: bytes, left: int) -> None:
    await api.create(NUMBER, due_date=from_now(hours=1))
    async with on_terminal("erase", NUMBER, RINGBACK_SERVER=f"127.0.0.1:{app.port}") as terminal:
        await terminal.until(lambda text: f"Erase everything about {NUMBER}?" in text)
        terminal.type(answer)
        assert await terminal.process.wait() == left
    assert len(await api.list_all()) == left


async def test_what_is_no_target_is_told(ringback: Run) -> None:
    ran = await ringback("erase", "0785556677", "--yes")
    assert (ran.code, ran.err) == (1, "INVALID_FIELD:\n  target: must start with sip:, sips: or tel:\n")


# --- The log -------------------------------------------------------------------------------------------------


def told(out: str) -> list[list[str]]:
    return [re.split(r"\s{2,}", line.strip()) for line in out.splitlines()]


async def test_the_log_has_what_was_done_with_which_callback(ringback: Run, api: Api) -> None:
    mine = await api.create(NUMBER, caller_id="crm", external_task_id="1", due_date=from_now(hours=1))
    await update(api, mine, description="+41785556677")
    await cancel(api, mine)
    other = await api.create("sip:anna@example.com", due_date=from_now(hours=1))
    ran = await ringback("log")
    assert ran.code == 0, ran.err
    assert [line[1:] for line in told(ran.out)] == [
        ["-", "created", mine.callback_id, "crm/1", "tel:+41 78 *** ** 77"],
        ["-", "updated", mine.callback_id, "crm/1", "tel:+41 78 *** ** 77"],
        ["-", "cancelled", mine.callback_id, "crm/1", "tel:+41 78 *** ** 77"],
        ["-", "created", other.callback_id, "-", "sip:***@example.com"],
    ]
    await ringback("erase", NUMBER, "--yes")
    ran = await ringback("log", "--caller", "crm", "--json")
    lines = [json.loads(line) for line in ran.out.splitlines()]
    assert [line["change"] for line in lines] == ["created", "updated", "cancelled", "erased"]
    assert {line["target"] for line in lines} == {""}
    assert {line["callback_id"] for line in lines} == {mine.callback_id}


async def test_the_log_begins_when_it_is_told_to(ringback: Run, api: Api) -> None:
    await api.create(due_date=from_now(hours=1))
    assert len(told((await ringback("log", "--since", "-1h")).out)) == 1
    assert (await ringback("log", "--since", "+1h")).out == ""


async def test_the_log_goes_on_until_it_is_stopped(app: App, api: Api) -> None:
    await api.create(due_date=from_now(hours=1))
    process = await start("log", "--follow", RINGBACK_SERVER=f"127.0.0.1:{app.port}")
    assert process.stdout is not None
    assert b"created" in await process.stdout.readline()
    later = await api.create(due_date=from_now(hours=1))
    assert later.callback_id.encode() in await process.stdout.readline()
    process.send_signal(2)
    assert await process.wait() == 0


async def test_a_refused_filter_is_told(ringback: Run) -> None:
    ran = await ringback("log", "--target", "nonsense")
    assert ran.code == 1
    assert "INVALID_FIELD" in ran.err
