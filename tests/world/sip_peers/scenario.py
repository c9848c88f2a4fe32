"""What a SIPp peer does, as a list of steps; SIPp itself wants XML.

A scenario is the called side of one call. What its INVITE said is kept in variables, since `[last_…]` of SIPp means
the message received last, which may be a CANCEL.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from textwrap import indent
from typing import Final
from xml.sax.saxutils import quoteattr

# Those of scenarios themselves are small.
_LABELS: Final = itertools.count(1000)
OUR_TAG: Final = "[pid]s[call_number]"

_REASONS: Final = {
    100: "Trying",
    180: "Ringing",
    183: "Session Progress",
    200: "OK",
    302: "Moved Temporarily",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    407: "Proxy Authentication Required",
    408: "Request Timeout",
    410: "Gone",
    421: "Extension Required",
    480: "Temporarily Unavailable",
    481: "Call/Transaction Does Not Exist",
    484: "Address Incomplete",
    486: "Busy Here",
    487: "Request Terminated",
    488: "Not Acceptable Here",
    491: "Request Pending",
    500: "Server Internal Error",
    503: "Service Unavailable",
    600: "Busy Everywhere",
    603: "Decline",
    604: "Does Not Exist Anywhere",
    607: "Unwanted",
}
# What a request is remembered by, and where it stands in it.
_REMEMBERED: Final = {"via": "Via:", "from": "From:", "to": "To:", "cseq": "CSeq:"}


def sdp(direction: str = "sendrecv", *, version: int = 1, port: int = 6000, payload: str = "8 PCMA/8000") -> str:
    """Return a session description of one audio stream."""
    number, _, _ = payload.partition(" ")
    return (
        f"v=0\r\no=sipp 42 {version} IN IP4 [local_ip]\r\ns=-\r\nc=IN IP4 [local_ip]\r\nt=0 0\r\n"
        f"m=audio {port} RTP/AVP {number}\r\na=rtpmap:{payload}\r\na={direction}\r\n"
    )


@dataclass(frozen=True)
class Step:
    """One element of a scenario."""

    xml: str
    variables: tuple[str, ...] = ()


def receive(
    method: str,
    *,
    named: str = "",
    optional: bool = False,
    then: int = 0,
    lost: int = 0,
    within_ms: int = 0,
    otherwise: int = 0,
    checks: Sequence[str] = (),
    digest: tuple[str, str] | None = None,
) -> Step:
    """Wait for a request, and go on at the label `then`. Another one may come in place of an optional one.

    Go on at the label `otherwise` when none has come in time. That counts for the first of several in a row only.
    Of a hundred requests `lost` are not seen. `checks` are regular expressions that the message must match, or the
    scenario fails. `digest` are the user and password that its Authorization has to be of (SIPp never looks at
    Proxy-Authorization). A name lets later steps tell it from the others of its method.
    """
    name = named or method.lower()
    variables = [f"{name}_{part}" for part in _REMEMBERED]
    actions = [
        f'<ereg regexp=".*" search_in="hdr" header="{header}" assign_to="{name}_{part}"/>'
        for part, header in _REMEMBERED.items()
    ]
    if method == "INVITE":
        variables += ["whole_contact", "contact"]
        actions.append(
            '<ereg regexp="(sips?:[^&gt;]*)" search_in="hdr" header="Contact:" assign_to="whole_contact,contact"/>'
        )
    for number, check in enumerate(checks):
        variables.append(f"{name}_check_{number}")
        actions.append(
            f'<ereg regexp={quoteattr(check)} search_in="msg" check_it="true" assign_to="{name}_check_{number}"/>'
        )
    if digest:
        variables.append(f"{name}_digest")
        actions.append(f'<verifyauth assign_to="{name}_digest" username="{digest[0]}" password="{digest[1]}"/>')
    where = f' next="{then}"' if then else ""
    where += f' timeout="{within_ms}" ontimeout="{otherwise}"' if otherwise else ""
    where += f' lost="{lost}"' if lost else ""
    where += ' optional="true"' if optional else ""
    xml = (
        f'<recv request="{method}"{where}>\n  <action>\n'
        + indent("\n".join(actions), "    ")
        + "\n  </action>\n</recv>"
    )
    if digest:
        xml += _unless(f"{name}_digest", f"the digest of the {name} is wrong")
    return Step(xml, tuple(variables))


def receive_response(status: int, *, optional: bool = False, then: int = 0) -> Step:
    """Wait for a response to a request of the peer's own, and go on at the label `then`."""
    where = f' next="{then}"' if then else ""
    where += ' optional="true"' if optional else ""
    return Step(f'<recv response="{status}"{where}></recv>')


def label(number: int) -> Step:
    return Step(f'<label id="{number}"/>')


def jump(to: int, *, chance: float = 1) -> Step:
    """Go on at a label, or only at times."""
    return Step(f'<nop next="{to}" chance="{chance}"/>')


def note(text: str) -> Step:
    """Write a line into the log of the scenario."""
    return Step(f'<nop><action><log message="[clock_tick] [call_id] {text}"/></action></nop>')


def respond(
    status: int,
    *headers: str,
    to: str = "invite",
    body: str = "",
    tag: str | None = None,
    contact: bool = True,
    repeated: bool = False,
) -> Step:
    """Respond to the request of that name; `repeated`: until the next message is there."""
    if tag is None:
        tag = OUR_TAG if to == "invite" else ""  # later ones have it already
    lines = [
        f"SIP/2.0 {status} {_REASONS[status]}",
        f"Via:[${to}_via]",
        f"From:[${to}_from]",
        f"To:[${to}_to]" + (f";tag={tag}" if tag and status > 100 else ""),
        "Call-ID: [call_id]",
        f"CSeq:[${to}_cseq]",
        *(["Contact: <sip:sipp@[local_ip]:[local_port];transport=[transport]>"] if contact and status > 100 else []),
        *headers,
        *(["Content-Type: application/sdp"] if body else []),
    ]
    return _send(lines, body, repeated=repeated)


def request(
    method: str, *headers: str, number: int = 1, body: str = "", repeated: bool = True, tag: str = OUR_TAG
) -> Step:
    """Send a request in the dialog that the first INVITE has made; `number` is its CSeq."""
    lines = [
        f"{method} [$contact] SIP/2.0",
        "Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]",
        f"From:[$invite_to];tag={tag}",
        "To:[$invite_from]",
        "Call-ID: [call_id]",
        f"CSeq: {number} {method}",
        "Contact: <sip:sipp@[local_ip]:[local_port];transport=[transport]>",
        "Max-Forwards: 70",
        *headers,
        *(["Content-Type: application/sdp"] if body else []),
    ]
    return _send(lines, body, repeated=repeated and method != "ACK")


def pause(milliseconds: int) -> Step:
    return Step(f'<pause milliseconds="{milliseconds}"/>')


def scenario(name: str, steps: Sequence[Step]) -> str:
    """Return the XML of a scenario."""
    # SIPp refuses a variable that is used once only.
    variables = sorted({variable for step in steps for variable in step.variables})
    references = f'<Reference variables="{",".join(variables)}"/>' if variables else ""
    body = "\n".join(step.xml for step in steps)
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n<!DOCTYPE scenario SYSTEM "sipp.dtd">\n'
        f"<scenario name={quoteattr(name)}>\n{body}\n{references}\n</scenario>\n"
    )


def _unless(variable: str, error: str) -> str:
    """Return steps that end the scenario with an error unless the variable is true."""
    ok = next(_LABELS)
    return (
        f'\n<nop test="{variable}" next="{ok}"/>\n<nop><action><error message="{error}"/></action></nop>\n'
        f'<label id="{ok}"/>'
    )


def _send(lines: Sequence[str], body: str, *, repeated: bool) -> Step:
    text = "\n".join([*lines, "Content-Length: [len]", "", body.replace("\r\n", "\n")])
    retransmitted = ' retrans="500"' if repeated else ""
    return Step(f"<send{retransmitted}>\n<![CDATA[\n{text}\n]]>\n</send>")
