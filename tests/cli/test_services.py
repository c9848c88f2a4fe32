"""`ringback services`: a file becomes the directory, and the directory a file."""

import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeAlias

import pytest

from ringback.cli.services_file import parse
from ringback.v1 import directory_service_pb2 as pb
from tests.world.api import Api
from tests.world.command_line import Ran, Run
from tests.world.requests import from_now

SUPPORT = """
- sip_address: sip:support@cc.example
  ring_timeout: 20s
  opening_hours:
    sat: 10:00-11:00
    mon-fri: 8:00-12:00, 13:00-18:00
  closed_dates: [2026-12-31, 2026-12-25]
  retry_rules:
    declined: {retry: no}
    busy: {min_delay: 2m, max_retries: 5}
"""
SALES = """
- sip_address: SIP:sales@CC.example
  same_target_policy: refuse
"""


SPECIAL = """
- sip_address: sip:special@cc.example
  agent_address: sip:agents@pbx.example
  max_call_duration: 45m
  caller_line_identity: tel:+41445556677
  caller_line_restricted: yes
  default_region: CH
  keep_ended: 90d
  dial_rules: {phone: {allow: ["+41"]}}
"""

Apply: TypeAlias = Callable[[str], Awaitable[Ran]]


@pytest.fixture
def apply(ringback: Run, tmp_path: Path) -> Apply:
    """Apply a file with this text."""

    def apply_text(text: str) -> Awaitable[Ran]:
        file = tmp_path / "services.yaml"
        file.write_text(text)
        return ringback("services", "apply", str(file))

    return apply_text


def changes(out: str) -> list[str]:
    """Return what was done, without the ids."""
    return [" ".join(word for n, word in enumerate(line.split()) if n != 1) for line in out.splitlines()]


@pytest.mark.long
async def test_apply_creates_updates_and_leaves_alone(apply: Apply, api: Api) -> None:
    first, second = await apply(SUPPORT + SALES), await apply(SUPPORT + SALES)
    assert (first.code, second.code) == (0, 0)
    assert changes(first.out) == [
        "updated sip:support@cc.example (ring_timeout, opening_hours, closed_dates, retry_rules)",
        "created sip:sales@cc.example",
    ]
    # Neither the order of lists nor the case of an address makes a difference.
    assert changes(second.out) == ["unchanged sip:support@cc.example", "unchanged sip:sales@cc.example"]

    paused = await apply("- {sip_address: sip:support@cc.example, paused: yes}")
    assert changes(paused.out) == ["updated sip:support@cc.example (paused)"]
    response = await api.directory.GetService(pb.GetServiceRequest(service_id=api.service_id))
    assert response.service.paused
    assert response.service.ring_timeout.seconds == 20


async def test_a_service_is_found_by_its_id_first(apply: Apply, api: Api) -> None:
    ran = await apply(f"- {{service_id: {api.service_id.upper()}, sip_address: sip:help@cc.example}}")
    assert ran.out.split() == ["updated", api.service_id, "sip:help@cc.example", "(sip_address)"]


async def test_what_get_prints_can_be_applied(ringback: Run, apply: Apply) -> None:
    await apply(SUPPORT)
    printed = await ringback("services", "get", "sip:support@cc.example")
    assert changes((await apply(printed.out)).out) == ["unchanged sip:support@cc.example"]


async def test_get_prints_every_setting(ringback: Run, apply: Apply, api: Api) -> None:
    """So that the file makes the same service on another server."""
    await apply(SPECIAL)
    printed = (await ringback("services", "get", "sip:special@cc.example")).out
    [(service, named)] = parse(printed, "printed.yaml")
    found = (await api.directory.GetService(pb.GetServiceRequest(sip_address="sip:special@cc.example"))).service
    for name in ("create_time", "update_time", "etag"):
        found.ClearField(name)
    assert service == found
    assert {field.name for field, _ in found.ListFields()} <= set(named)


async def test_a_faulty_file_changes_nothing(apply: Apply, api: Api) -> None:
    ran = await apply(SALES + "\n  colour: blue")
    assert (ran.code, ran.out) == (2, "")
    assert "services.yaml:5: [0].colour: unknown" in ran.err
    assert len((await api.directory.ListServices(pb.ListServicesRequest())).services) == 1


async def test_what_the_server_refuses(apply: Apply) -> None:
    ran = await apply("- {sip_address: sip:sales@cc.example, ring_timeout: 1h}")
    assert ran.code == 1
    assert ran.err.startswith("INVALID_FIELD:\n  service.ring_timeout: ")


async def test_pause_and_resume(ringback: Run, api: Api) -> None:
    async def paused() -> bool:
        response = await api.directory.GetService(pb.GetServiceRequest(service_id=api.service_id))
        return response.service.paused

    first, second = [await ringback("services", "pause", "sip:support@cc.example") for _ in range(2)]
    assert first == (0, f"paused     {api.service_id}  sip:support@cc.example\n", "")
    assert changes(second.out) == ["unchanged sip:support@cc.example"]
    assert await paused()
    resumed = await ringback("services", "resume", api.service_id.upper(), "--json")
    assert json.loads(resumed.out)["service_id"] == api.service_id
    assert not await paused()


async def test_show(ringback: Run, apply: Apply, api: Api) -> None:
    await apply(SUPPORT + "  paused: yes")
    page = [
        " ".join(row.split()) for row in (await ringback("services", "show", "sip:support@cc.example")).out.splitlines()
    ]
    assert {
        "sip address sip:support@cc.example",
        "paused yes",
        "ring timeout 20s",
        "opening hours monday: 08:00-12:00, 13:00-18:00",
        "waiting 0",
        "in progress 0 of 10",
    } <= set(page)
    line = await ringback("services", "show", api.service_id, "--json")
    assert json.loads(line.out)["sip_address"] == "sip:support@cc.example"


async def test_delete(ringback: Run, api: Api) -> None:
    sales = await api.add_service("sip:sales@cc.example")
    await api.create(due_date=from_now(hours=1))
    unasked = await ringback("services", "delete", "sip:sales@cc.example")
    assert (unasked.code, unasked.out) == (2, "")
    assert "add --yes" in unasked.err
    in_use = await ringback("services", "delete", "sip:support@cc.example", "--yes")
    assert (in_use.code, in_use.out) == (1, "")
    assert in_use.err.startswith("SERVICE_IN_USE: ")
    deleted = await ringback("services", "delete", "sip:sales@cc.example", "--yes")
    assert deleted == (0, f"deleted    {sales}  sip:sales@cc.example\n", "")
    gone = await ringback("services", "delete", "sip:sales@cc.example", "--yes")
    assert gone.err.startswith("SERVICE_NOT_FOUND: ")
    assert gone.err.count("\n") == 1


async def test_list(ringback: Run, api: Api) -> None:
    await api.add_service("sip:sales@cc.example", display_name="Sales")
    table, lines = await ringback("services", "list"), await ringback("services", "list", "--json")
    assert {row.split()[1] for row in table.out.splitlines()[1:]} == {"sip:support@cc.example", "sip:sales@cc.example"}
    assert {json.loads(line).get("display_name") for line in lines.out.splitlines()} == {None, "Sales"}
