"""The commands for callbacks: what they print, and how they exit."""

import json
import signal
import socket
from pathlib import Path

from ringback.app import App
from ringback.v1 import callback_pb2 as cb
from ringback.v1 import callbacks_service_pb2 as pb
from tests.world.api import Api
from tests.world.command_line import Run, run, start
from tests.world.requests import from_now

SERVICE = ("--service", "sip:support@cc.example")
TARGET = "sip:answer@sim.example"
UNKNOWN_ID = "01890a5d-ac96-774b-bcce-b302099a8057"


async def test_create_says_whether_it_is_new(ringback: Run) -> None:
    command = ("create", TARGET, *SERVICE, "--external-id", "42", "--caller", "crm")
    created, existed = await ringback(*command), await ringback(*command)
    assert (created.code, existed.code) == (0, 0)
    assert created.out.split()[0] == "created"
    assert existed.out.split()[:2] == ["existed", created.out.split()[1]]
    assert created.out.split()[3:] == ["crm/42"]
    assert (await ringback("get", created.out.split()[3])).code == 0


async def test_create_sends_every_field(ringback: Run, api: Api) -> None:
    ran = await ringback(
        *("create", "sip:busy@sim.example", "--service", api.service_id, "--priority", "VERY_HIGH", "--json"),
        *("--retries", "2", "--gap", "5", "--due", "+1h", "--expire", "+2h", "--external-id", "42", "--caller", "crm"),
        *("--description", "[bold]Grüezi", "--context-url", "https://crm.example/42", "--supervisor", "eva"),
        *("--label", "team=a", "--label", "tier=b=c", "--alternative-target", "tel:+41785556677"),
        *("--incoming", "sip:session-7@cc.example"),
    )
    printed = json.loads(ran.out)
    stored = await api.get(printed["callback"]["callback_id"])
    assert printed["created"] is True
    assert stored.dial_target == "tel:+41785556677"
    request = stored.callback_request
    assert request.expire_time.seconds - request.due_date.seconds == 3600
    request.ClearField("due_date")
    request.ClearField("expire_time")
    assert request == cb.CallbackRequest(
        target="sip:busy@sim.example",
        alternative_target="tel:+41785556677",
        max_retries=2,
        seconds_between_retries=5,
        service_id=api.service_id,
        priority=cb.PRIORITY_VERY_HIGH,
        incoming_service_sip_uri="sip:session-7@cc.example",
        context_url="https://crm.example/42",
        supervisor="eva",
        description="[bold]Grüezi",
        external_task_id="42",
        caller_id="crm",
        labels={"team": "a", "tier": "b=c"},
    )


async def test_validate_only_stores_nothing(ringback: Run, api: Api) -> None:
    ran = await ringback("create", TARGET, *SERVICE, "--validate-only")
    assert ran == (0, "valid, not stored\n", "")
    assert await api.list_all() == []


async def test_a_refusal_names_every_fault(ringback: Run) -> None:
    ran = await ringback("create", "foo", *SERVICE, "--gap", "-1")
    assert (ran.code, ran.out) == (1, "")
    head, target, gap = ran.err.splitlines()
    assert head == "INVALID_FIELD:"
    assert target.startswith("  callback_request.target: ")
    assert gap.startswith("  callback_request.seconds_between_retries: ")


async def test_get_shows_the_attempts(ringback: Run, api: Api) -> None:
    callback = await api.create("sip:busy.answer@sim.example", external_task_id="42", description="[bold]")
    await api.until_ended(callback.callback_id)
    page, line = await ringback("get", "/42"), await ringback("get", callback.callback_id, "--json")
    assert ["state", "completed"] in [row.split() for row in page.out.splitlines()]
    assert ["description", "[bold]"] in [row.split() for row in page.out.splitlines()]
    assert [row.split()[:2] for row in page.out.splitlines()[-2:]] == [["1", "busy"], ["2", "answered"]]
    assert [attempt["outcome"] for attempt in json.loads(line.out)["attempts"]] == [
        "CALL_OUTCOME_BUSY",
        "CALL_OUTCOME_ANSWERED",
    ]


async def test_get_shows_both_targets_and_which_is_dialled(ringback: Run, api: Api) -> None:
    due_date = from_now(hours=1)
    both = await api.create("tel:+41 78 555 66 77", alternative_target="tel:+41 78 555 66 78", due_date=due_date)
    respelled = await api.create("tel:+41 78 555 66 79", due_date=due_date)
    plain = await api.create("sip:answer@sim.example", due_date=due_date)

    async def targets(callback: cb.Callback) -> list[str]:
        page = (await ringback("get", callback.callback_id)).out.splitlines()
        return [" ".join(row.split()) for row in page if row.startswith(("target", "alternative", "dialled"))]

    assert await targets(both) == [
        "target tel:+41 78 555 66 77",
        "alternative target tel:+41 78 555 66 78",
        "dialled tel:+41785556678 (the alternative target)",
    ]
    assert await targets(respelled) == ["target tel:+41 78 555 66 79", "dialled tel:+41785556679"]
    assert await targets(plain) == ["target sip:answer@sim.example"]


async def test_what_is_not_there(ringback: Run) -> None:
    ran = await ringback("get", UNKNOWN_ID)
    assert (ran.code, ran.out) == (1, "")
    assert ran.err.startswith("CALLBACK_NOT_FOUND: ")


async def test_list_filters_and_follows_pages(ringback: Run, api: Api) -> None:
    await api.add_service("sip:sales@cc.example")
    due_date = from_now(hours=1)
    ids = [(await api.create(labels={"n": str(n % 2)}, due_date=due_date)).callback_id for n in range(4)]
    await api.create(service_sip="sip:sales@cc.example", due_date=due_date)

    async def listed(*options: str) -> list[str]:
        ran = await ringback("list", "--json", *options)
        assert ran.code == 0
        return [json.loads(line)["callback_id"] for line in ran.out.splitlines()]

    assert await listed(*SERVICE) == ids[::-1]
    assert await listed("--label", "n=0", "--state", "scheduled", "--state", "queued") == [ids[2], ids[0]]
    assert await listed(ids[0], "--priority", "normal", "--due-before", "+2h", "--target", TARGET) == [ids[0]]
    assert await listed("--due-after", "+2h") == []
    assert len(await listed("--limit", "3")) == 3
    await api.callbacks.CancelCallback(pb.CancelCallbackRequest(key=cb.CallbackKey(callback_id=ids[3])))
    assert await listed(*SERVICE, "--state", "open") == ids[2::-1]
    assert await listed("--state", "ended") == [ids[3]]
    assert len(await listed("--state", "OPEN", "--state", "cancelled")) == 5
    assert (await ringback("list")).out.count(TARGET) == 5
    named = (await api.create(due_date=due_date, caller_id="crm", external_task_id="42")).callback_id
    assert await listed("--task", "41", "--task", "42") == [named]
    assert await listed("--ended-after", "-1h", "--ended-before", "+1h") == [ids[3]]
    assert await listed("--ended-before", "-1h") == []
    assert (await ringback("list", "--ended-after", "soon")).code == 2


async def test_cancel_and_reschedule(ringback: Run, api: Api) -> None:
    callback = await api.create(due_date=from_now(hours=1), external_task_id="42")
    moved = await ringback("reschedule", "/42", "--due", "+2h", "--priority", "high", "--etag", callback.etag)
    assert moved == (0, f"{callback.callback_id}  scheduled\n", "")
    stale = await ringback("cancel", "/42", "--etag", callback.etag)
    assert stale.code == 1
    assert stale.err.startswith("ETAG_MISMATCH: ")
    cancelled = await ringback("cancel", "/42", "--reason", "has called in", RINGBACK_JSON="1")
    assert json.loads(cancelled.out)["cancel_reason"] == "has called in"
    assert (await api.get(callback.callback_id)).callback_request.priority == cb.PRIORITY_HIGH


async def test_watch_until_all_have_ended(ringback: Run, api: Api) -> None:
    callback = await api.create("sip:busy.answer@sim.example", seconds_between_retries=1)
    await api.create(due_date=from_now(hours=1))
    ran = await ringback("watch", callback.callback_id, "--until-ended")
    events = [json.loads(line) for line in ran.out.splitlines()]
    assert ran.code == 0
    assert {event["callback"]["callback_id"] for event in events} == {callback.callback_id}
    assert events[-1]["callback"]["state"] == "CALLBACK_STATE_COMPLETED"


async def test_ctrl_c_ends_a_watch_and_its_token_file_continues_it(app: App, api: Api, tmp_path: Path) -> None:
    server, token_file = f"127.0.0.1:{app.port}", tmp_path / "token"
    command = ("watch", "--resume-token-file", str(token_file), "--server", server)

    async def watched() -> str:
        """Return the callback of the first event that the command prints."""
        process = await start(*command)
        assert process.stdout is not None
        callback_id = json.loads(await process.stdout.readline())["callback"]["callback_id"]
        process.send_signal(signal.SIGINT)
        _, err = await process.communicate()
        assert (process.returncode, err) == (0, b"")
        return str(callback_id)

    one = await api.create(due_date=from_now(hours=1))
    assert await watched() == one.callback_id
    other = await api.create(due_date=from_now(hours=1))
    assert await watched() == other.callback_id


async def test_a_watch_that_cannot_tell_when_to_stop(ringback: Run) -> None:
    assert (await ringback("watch", "--until-ended", "--changes-only")).code == 2


async def test_no_server() -> None:
    ran = await run("get", "/42", "--server", "127.0.0.1:1")
    assert (ran.code, ran.out) == (1, "")
    assert ran.err.startswith("cannot reach a server at 127.0.0.1:1: ")
    assert ran.err.count("\n") == 1


async def test_a_server_that_does_not_answer() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        server = f"127.0.0.1:{silent.getsockname()[1]}"
        ran = await run("get", "/42", "--server", server, "--timeout", "0.1")
    assert ran == (1, "", f"no answer from {server} in time\n")
