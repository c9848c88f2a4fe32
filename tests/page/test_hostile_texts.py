"""Texts that people and other systems have written are texts, whatever they look like."""

import re
from typing import TYPE_CHECKING, Final

import pytest
from google.protobuf.duration_pb2 import Duration
from playwright.async_api import expect

from ringback.v1 import callback_pb2 as cb
from ringback.v1 import dialer_service_pb2 as dialer_pb
from tests.world.page import REFUSED, OpenWorld, PageWorld, is_live

if TYPE_CHECKING:
    from playwright.async_api import Page

pytestmark = pytest.mark.browser

_TAG: Final = "<img src=x onerror=\"window.taken='{0}'\"><script>window.taken='{0}'</script><b>{0}</b>"
_QUOTES: Final = "\"'`>${{window.taken='{0}'}}<!-- {0} --></textarea></title></style>"
# Right-to-left letters are no control characters, and turn round what stands beside them.
_RIGHT_TO_LEFT: Final = "אבג 123 {0}"


def texts(kind: str) -> dict[str, str]:
    return {name: kind.format(name) for name in ("description", "supervisor")}


async def waiting(world: PageWorld, kind: str) -> cb.Callback:
    """Create a callback whose texts are of this kind, with an attempt that has such texts."""
    await world.api.add_service(display_name=kind.format("service")[:100])
    callback = await world.api.create(
        "tel:+41785556677",
        external_task_id="../../<b>task</b>?a=b#c%2F",
        caller_id="crm/../@x",
        labels={"<u>label</u>": kind.format("label")[:60]},
        context_url="https://crm.example.com/'%22%3E%3Cscript%3E?javascript:alert(1)",
        max_retries=3,
        **texts(kind),
    )
    leases = (
        await world.api.dialers.LeaseCallbacks(
            dialer_pb.LeaseCallbacksRequest(
                dialer_id="dialer-1",
                service_ids=[world.api.service_id],
                max_leases=1,
                lease_duration=Duration(seconds=60),
            )
        )
    ).leases
    token = leases[0].lease_token
    await world.api.dialers.ReportProgress(
        dialer_pb.ReportProgressRequest(lease_token=token, progress=dialer_pb.ATTEMPT_PROGRESS_DIALING)
    )
    await world.api.dialers.ReportOutcome(
        dialer_pb.ReportOutcomeRequest(
            lease_token=token,
            outcome=cb.CALL_OUTCOME_BUSY,
            detail=kind.format("detail"),
            agent=kind.format("agent")[:120],
            disposition="<s>gone</s>",
            call_ids=["<a@b>"],
        )
    )
    return await world.api.get(callback.callback_id)


async def nothing_was_run(page: "Page") -> None:
    assert await page.evaluate("window.taken") is None
    made = await page.evaluate(
        "document.querySelectorAll('main img, main b b, main i i, body script:not([src])').length"
    )
    assert made == 0


@pytest.mark.parametrize("kind", [_TAG, _QUOTES, _RIGHT_TO_LEFT], ids=["tags", "quotes", "right to left"])
async def test_texts_are_shown_as_they_are(page_world: OpenWorld, kind: str) -> None:
    async with page_world(dialer="none") as world:
        callback = await waiting(world, kind)
        page = await (await world.reader()).open(f"/ui/callbacks/{callback.callback_id}")
        await is_live(page)
        main = page.get_by_role("main")
        for text in (*texts(kind).values(), kind.format("detail"), "dialer-1", "<u>label</u>"):
            await expect(main).to_contain_text(text)
        await nothing_was_run(page)
        for path in (f"/ui/callbacks?sel={callback.callback_id}", "/ui/queues", "/ui/outcomes", "/ui/queues?wall=1"):
            await page.goto(world.origin + path)
            await is_live(page)
            await nothing_was_run(page)


async def test_a_task_with_any_id_has_an_address(page_world: OpenWorld) -> None:
    async with page_world(dialer="none") as world:
        callback = await waiting(world, _TAG)
        page = await (await world.reader()).open(
            "/ui/tasks/crm%2F..%2F%40x/..%2F..%2F%3Cb%3Etask%3C%2Fb%3E%3Fa%3Db%23c%252F"
        )
        await expect(page).to_have_url(f"{world.origin}/ui/callbacks/{callback.callback_id}")


async def test_a_link_leads_where_it_says(page_world: OpenWorld) -> None:
    async with page_world(dialer="none") as world:
        callback = await waiting(world, _TAG)
        page = await (await world.reader()).open(f"/ui/callbacks/{callback.callback_id}")
        link = page.get_by_role("link", name=re.compile(r"crm\.example\.com"))
        await expect(link).to_have_attribute("rel", "noopener noreferrer")
        await expect(link).to_have_attribute("href", callback.callback_request.context_url)


@pytest.mark.parametrize(
    "query",
    [
        "state=<img src=x onerror=window.taken=1>",
        "label=<script>window.taken=1</script>=<b>",
        "sel=<img src=x onerror=window.taken=1>",
        "%3Cimg%20src=x%20onerror=window.taken=1%3E",
        "target=javascript:window.taken=1",
        "due_before=99999999999999999999h&sort=__proto__&__proto__=1&constructor=x",
        "state=%ff%fe&caller=%00&label=%E0%A4%A",
    ],
)
async def test_an_address_is_a_text_too(page_world: OpenWorld, query: str) -> None:
    """What is unknown or malformed in it is shown struck through, and never run."""
    async with page_world(dialer="none") as world:
        await world.api.add_service()
        reader = await world.reader()
        reader.faults.expect(REFUSED)  # a callback that is none
        page = await reader.open(f"/ui/callbacks?{query}")
        await is_live(page)
        await nothing_was_run(page)
