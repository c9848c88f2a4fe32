"""Makes a call between two real telephones, and keeps it in call.json for ladder.py: `make call-picture`."""

import asyncio
import json
import re
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))  # also when it is run as a plain script

from docs.sip.ladder import HERE, RINGBACK, Row
from tests.world.sip_peers.baresip import telephone
from tests.world.sip_server import sip_server

_MESSAGE = re.compile(r"^(\S+ \S+) INFO SIP (sent|received) \S+ \S+:(\d+)$")
_CHANGE = re.compile(r"^(\S+ \S+) INFO callback \S+ of \S+: \S+ → ([A-Z]+)")


def rows_in(log: Sequence[str], telephones: Mapping[int, str]) -> Iterator[Row]:
    """Yield what the log of a server tells of one call; `telephones` are the names by their ports."""
    for number, line in enumerate(log):
        if found := _CHANGE.match(line):
            yield Row(_seconds(found[1]), RINGBACK, RINGBACK, found[2])
        elif found := _MESSAGE.match(line):
            telephone = telephones[int(found[3])]
            ways = (RINGBACK, telephone) if found[2] == "sent" else (telephone, RINGBACK)
            yield Row(_seconds(found[1]), *ways, _label(_message(log, number + 1)))


def _message(log: Sequence[str], start: int) -> list[str]:
    """Return the lines of a message, which are indented."""
    lines = []
    for line in log[start:]:
        if line and not line.startswith(" "):
            break
        lines.append(line.strip())
    return lines


def _label(message: Sequence[str]) -> str:
    """Return what a message is, and which way media are to go."""
    first = message[0]
    text = first.removeprefix("SIP/2.0 ") if first.startswith("SIP/2.0") else first.partition(" ")[0]
    [method] = [line.rpartition(" ")[2] for line in message if line.startswith("CSeq:")]
    directions = [line[2:] for line in message if re.fullmatch("a=(sendrecv|sendonly|recvonly|inactive)", line)]
    has_sdp = any(line.startswith("m=audio") for line in message)
    notes = [method] if first.startswith("SIP/2.0") else []
    if has_sdp:
        notes.append(f"SDP {directions[0] if directions else 'sendrecv'}")
    return f"{text} ({', '.join(notes)})" if notes else text


def _seconds(time: str) -> float:
    return datetime.strptime(time, "%Y-%m-%d %H:%M:%S,%f").timestamp()  # noqa: DTZ007 - only differences count


def with_media(rows: Sequence[Row]) -> list[Row]:
    """Return the same from 0 s on, and when media begin to flow: with the ACK of the agent's second INVITE."""
    start = rows[0].at_s
    acknowledged = [number for number, row in enumerate(rows) if row.text == "ACK" and row.receiver == "agent"]
    media = Row(rows[acknowledged[1]].at_s, "agent", "target", "RTP, both ways, past Ringback")
    together = [*rows[: acknowledged[1] + 1], media, *rows[acknowledged[1] + 1 :]]
    return [row._replace(at_s=round(row.at_s - start, 2)) for row in together]


async def call(folder: Path) -> list[Row]:
    async with (
        telephone("agent", folder, answers=False) as agent,
        telephone("target", folder, tone_hz=880, answers=False) as target,
        sip_server(folder / "server", "--sip-trace") as server,
    ):
        callback_id = await server.callback(target.uri, agent.uri)
        await agent.event("CALL_INCOMING")
        await agent.command("accept")
        await server.until_ringing(callback_id)
        await agent.line("[0:00:01]")
        await target.command("accept")
        await server.until_connected(callback_id)
        await target.rates(sent=True, received=True)
        await target.command("hangup")
        await server.until_ended(callback_id)
        await agent.event("CALL_CLOSED")
        await server.process.stop()
        return with_media(list(rows_in(server.process.log, {agent.port: "agent", target.port: "target"})))


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="call-picture-") as folder:
        rows = asyncio.run(call(Path(folder)))
    lines = ",\n".join(json.dumps(list(row), ensure_ascii=False) for row in rows)
    (HERE / "call.json").write_text(f"[\n{lines}\n]\n")


if __name__ == "__main__":
    main()
