"""What the windowed table of callbacks shows: all of its rows, read by scrolling through them."""

from typing import TYPE_CHECKING, Final

from ringback.v1 import callback_pb2 as cb

if TYPE_CHECKING:
    from playwright.async_api import Page

_READ: Final = """async () => {
    const painted = () => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
    const table = document.querySelector("table[aria-label=Callbacks]");
    if (!table) return {};
    let box = table.parentElement;
    while (box !== document.body && !["auto", "scroll"].includes(getComputedStyle(box).overflowY)) {
        box = box.parentElement;
    }
    if (box === document.body) box = document.scrollingElement;
    const rows = {};
    box.scrollTop = 0;
    for (;;) {
        await painted();
        for (const row of table.querySelectorAll("tr[data-id]")) {
            const cells = [...row.querySelectorAll("td[data-column]")].map((cell) => [
                cell.dataset.column, cell.innerText.trim()]);
            rows[row.dataset.id] = {
                ...Object.fromEntries(cells),
                gone: row.classList.contains("gone"),
                place: Number(row.ariaRowIndex ?? row.getAttribute("aria-rowindex")),
            };
        }
        const before = box.scrollTop;
        box.scrollTop += Math.max(box.clientHeight / 2, 50);
        if (box.scrollTop === before) return rows;
    }
}"""


async def shown_rows(page: "Page") -> dict[str, dict[str, str]]:
    """Return the texts of all rows by the ids of their callbacks, and by column."""
    rows: dict[str, dict[str, str]] = await page.evaluate(_READ)
    return rows


async def shown_states(page: "Page") -> dict[str, str]:
    """Return the state of each callback that is shown, as the API spells it."""
    return {callback_id: row["state"].split()[0] for callback_id, row in (await shown_rows(page)).items()}


def states_of(callbacks: list[cb.Callback]) -> dict[str, str]:
    """Return the same of what the server has returned."""
    return {each.callback_id: state_name(each.state) for each in callbacks}


def state_name(state: cb.CallbackState.ValueType) -> str:
    return cb.CallbackState.Name(state).removeprefix("CALLBACK_STATE_")
