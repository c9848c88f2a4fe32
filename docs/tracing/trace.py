"""Follows one callback from the request of its caller to its outcome, and prints the trace: `make trace`."""

import asyncio
import json
import secrets
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))  # also when it is run as a plain script

from ringback.v1 import callbacks_service_pb2 as pb
from tests.world.api import Api
from tests.world.command_line import start
from tests.world.server_process import ServerProcess

Span = Mapping[str, Any]


def tree(spans: Sequence[Span], root: str) -> Iterator[str]:
    """Yield a line for each span that is below the span `root`, which is of another program, with its times."""
    begun = min(_time(span, "start_time") for span in spans)
    yield f"{'span':52}{'begins':>10}{'lasts':>12}"
    yield from _below(spans, root, "", begun)


def _below(spans: Sequence[Span], parent: str, indent: str, begun: datetime) -> Iterator[str]:
    children = [span for span in spans if _id(span["parent_id"]) == parent]
    children.sort(key=lambda span: (span["start_time"], -_time(span, "end_time").timestamp()))
    for span in children:
        is_last = span is children[-1]
        start, end = _time(span, "start_time"), _time(span, "end_time")
        name = f"{indent}{'└' if is_last else '├'} {span['name']}"
        begins, lasts = (start - begun).total_seconds(), (end - start).total_seconds()
        yield f"{name:52}{begins:8.3f} s{1000 * lasts:9.1f} ms  {_facts(span['attributes'])}".rstrip()
        yield from _below(spans, _id(span["context"]["span_id"]), f"{indent}{' ' if is_last else '│'} ", begun)


def _facts(attributes: Mapping[str, Any]) -> str:
    """Return what a span says of its end."""
    if outcome := attributes.get("ringback.outcome"):
        return f"{outcome}, SIP {attributes['ringback.sip.status']}"
    if (attempts := attributes.get("ringback.attempts")) is not None:
        return f"{attributes['ringback.state']}, {attempts} attempts"
    return str(attributes.get("rpc.response.status_code", ""))


def _id(text: str | None) -> str:
    return (text or "").removeprefix("0x")


def _time(span: Span, name: str) -> datetime:
    return datetime.fromisoformat(span[name])


async def record(folder: str, trace: str, parent: str) -> list[Span]:
    """Have a server make two attempts for a callback that is requested in a trace; return the spans of the trace."""
    fast = ("--simulated-ring", "0.2", "--simulated-talk", "0.5")
    options = ("--listen", f"unix:{folder}/s", "--database", f"sqlite:///{folder}/r.db", "--traces", "console")
    process = await start("serve", *options, *fast)
    server = ServerProcess(process)
    async with Api.at(await server.address()) as api:
        await api.add_service()
        request = pb.CreateCallbackRequest(callback_request=api.request("sip:busy.answer@sim.example"))
        header = ("traceparent", f"00-{trace}-{parent}-01")
        created = await api.callbacks.CreateCallback(request, metadata=[header])
        await api.until_ended(created.callback.callback_id)
    await server.stop()
    assert process.stdout is not None
    spans = [json.loads(line) for line in (await process.stdout.read()).splitlines()]
    return [span for span in spans if _id(span["context"]["trace_id"]) == trace]


async def main() -> None:
    trace, parent = secrets.token_hex(16), secrets.token_hex(8)
    with tempfile.TemporaryDirectory() as folder:
        spans = await record(folder, trace, parent)
    print(f"trace {trace}, below the caller's span {parent}\n")
    for line in tree(spans, parent):
        print(line)


if __name__ == "__main__":
    asyncio.run(main())
