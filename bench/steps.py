"""Where the time of a create goes: by thread, beside the echo, and the steps in Python by themselves."""

import asyncio
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from bench.contestants import Contestant, as_users_run_it, bare_echo
from bench.part import Course, Measured, Part, Plots, Scale
from bench.processes import BUILD, CLIENT, load_client
from bench.rounds import Spread
from bench.scaling.load import requests
from bench.tables import table
from ringback.domain.faults import Faults
from ringback.domain.ids import CallbackIds
from ringback.domain.planning import plan
from ringback.domain.request import check
from ringback.domain.service import Service
from ringback.storage.callback_row import row_of
from ringback.v1.callbacks_service_pb2 import CreateCallbackRequest, CreateCallbackResponse
from ringback.wire.callbacks import read_request, write_callback

IN_FLIGHT: Final = 64
_SERVICE_ID: Final = "00000000-0000-4000-8000-000000000001"
_REPEATED: Final = 2_000
ROW: Final = "make its row and its JSON"


@dataclass(frozen=True, slots=True)
class Threads:
    """CPU time per call, in microseconds."""

    loop_us: float
    # On SQLite: the busiest of the others.
    writer_us: float
    others_us: float


# --- Measuring -------------------------------------------------------------------------------------------------


async def measure(course: Course) -> Measured:
    if not CLIENT.exists():
        return {"missing": "no Go to build the client with"}
    rounds, seconds = (3, 1.0) if course.scale is Scale.SHORT else (9, 2.0)
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=BUILD)))
        ringback = await stack.enter_async_context(as_users_run_it(folder / "steps.db"))
        echo = await stack.enter_async_context(bare_echo())
        for one in (echo, ringback):
            await _threads(one, seconds=0.3)
        return {
            "rounds": [
                {
                    "echo": asdict(await _threads(echo, seconds)),
                    "ringback": asdict(await _threads(ringback, seconds)),
                    "steps_us": await _steps_us(),
                }
                for _ in range(rounds)
            ]
        }


async def _threads(contestant: Contestant, seconds: float) -> Threads:
    pid = contestant.server.pid
    before = _cpu_us(pid)
    flags = ("-due", "1h", "-in-flight", str(IN_FLIGHT), "-duration", f"{seconds}s")
    load = await load_client("load", *contestant.flags, *flags)
    spent = {thread: used - before.get(thread, 0) for thread, used in _cpu_us(pid).items()}
    loop = spent.pop(pid)
    others = sorted((used / load["count"] for used in spent.values()), reverse=True)
    return Threads(loop / load["count"], others[0], sum(others[1:]))


def _cpu_us(pid: int) -> Mapping[int, float]:
    tasks = Path(f"/proc/{pid}/task").iterdir()
    return {int(task.name): int((task / "schedstat").read_text().split()[0]) / 1000 for task in tasks}


async def _steps_us() -> Mapping[str, float]:
    """Return what the steps take in loops that do nothing else, while another process is as busy as a client is.

    Cores that are two threads of one are half as quick then.
    """
    client = await asyncio.create_subprocess_exec(sys.executable, "-c", "while True: pass")
    try:
        return _timed_steps()
    finally:
        client.kill()
        await client.wait()


def _timed_steps() -> Mapping[str, float]:
    now = datetime.now(UTC)
    service = Service(service_id=_SERVICE_ID, sip_address="sip:1@cc.example", create_time=now, update_time=now)
    ids = CallbackIds()
    messages = [CreateCallbackRequest.FromString(sent) for sent in requests(_REPEATED, [_SERVICE_ID], due_s=3600)]
    taken: dict[str, float] = {}

    def timed(name: str, step: Callable[[Any], Any], subjects: Sequence[Any]) -> list[Any]:
        begun = time.perf_counter()
        made = [step(subject) for subject in subjects]
        taken[name] = (time.perf_counter() - begun) / len(subjects) * 1e6
        return made

    read = timed("read the message", lambda sent: read_request(sent.callback_request, Faults()), messages)
    checked = timed("check all fields", lambda request: check(request, now, Faults()), read)
    planned = timed(
        "plan the callback",
        lambda request: plan(request, service=service, callback_id=ids.next(now), now=now),
        checked,
    )
    timed(ROW, row_of, planned)
    timed("write the answer", _answer, planned)
    return taken


def _answer(callback: Any) -> bytes:
    response = CreateCallbackResponse(created=True)
    write_callback(callback, response.callback)
    return response.SerializeToString()


# --- Showing ---------------------------------------------------------------------------------------------------


def show(measured: Measured, _: Plots) -> str:
    if "missing" in measured:
        return f"Not measured: {measured['missing']}."
    rounds = measured["rounds"]
    echo, ours = ([Threads(**one[who]) for one in rounds] for who in ("echo", "ringback"))
    threads = [
        _beside("event loop", [one.loop_us for one in echo], [one.loop_us for one in ours]),
        _beside("busiest other thread: SQLite's", [one.writer_us for one in echo], [one.writer_us for one in ours]),
        _beside("all others: gRPC's", [one.others_us for one in echo], [one.others_us for one in ours]),
    ]
    steps = [[name, Spread.of([one["steps_us"][name] for one in rounds]).show(1)] for name in rounds[0]["steps_us"]]
    share = Spread.of_ratio([one.loop_us for one in echo], [one.loop_us for one in ours])
    more = Spread.of([mine.loop_us - bare.loop_us for mine, bare in zip(ours, echo, strict=True)])
    known = Spread.of([sum(us for name, us in one["steps_us"].items() if name != ROW) for one in rounds])
    return f"""
CPU time per create with {IN_FLIGHT} in flight, by thread, beside the echo of the same message. Medians of {len(rounds)}
rounds, and in brackets the lowest and the highest.

{table(["µs", "echo", "Ringback"], threads)}

The bare call is {share.show()} of what the event loop does for a create. It shares Python's lock with SQLite's thread:
whatever is Python on either of them adds up. The steps, each in a loop of its own beside a busy process:

{table(["", "µs"], steps)}

The row is made on SQLite's thread, all else on the event loop: {known.show(0)} µs of the {more.show(0)} µs that it
takes more than for the echo. The rest are tasks and futures, handing over to the other thread and back, caches that
others have used meanwhile, and an answer that is larger than the echo's.
"""


def _beside(name: str, echo: Sequence[float], ours: Sequence[float]) -> Sequence[str]:
    return [name, Spread.of(echo).show(0), Spread.of(ours).show(0)]


PART: Final = Part("steps", "Where the time of a create goes", measure, show)
