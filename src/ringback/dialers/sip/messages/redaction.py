"""Messages as logs and traces show them: without credentials, keys and dialled digits, with numbers masked.

Numbers look as in all logs (`domain/masking.py`). What an agent is shown of a callback (Subject, Call-Info,
User-to-User) is left out whole, as is an Identity, which has the numbers of the call inside.
"""

import re
from typing import Final

from ringback.dialers.sip.messages.header_values import printable
from ringback.dialers.sip.messages.headers import COMPACT
from ringback.domain.masking import mask_numbers, masked_number

HIDDEN: Final = "***"

_SECRET_HEADERS: Final = frozenset(
    {
        "authentication-info",
        "authorization",
        "call-info",
        "identity",
        "proxy-authentication-info",
        "proxy-authorization",
        "subject",
        "user-to-user",
    }
)
_SHOWN_BODIES: Final = ("application/sdp", "message/sipfrag")
# Here a bare CR ends a line, too: what another program takes for a header must not be shown.
_LINE_END: Final = re.compile("\r\n|\n|\r")
# The user of a URI that only dials: `*31#0785556677`, also escaped. What begins like a number is masked as one.
_DIALLED: Final = re.compile(
    r"(?P<scheme>\bsips?:)(?P<user>(?:[0-9*#+().\-]|%[0-9A-Fa-f]{2}){6,255}+)(?=[;:@])", re.IGNORECASE
)
# Where no @ follows, this is a host, by which the message is found again.
_ADDRESS: Final = re.compile(r"(?:[0-9]{1,3}\.){3}[0-9]{1,3}")
_UP_TO_HOST: Final = re.compile(r"[^\s@<>\"]{0,255}+@")
_PASSWORD: Final = re.compile(r"(\bsips?:[^@\s:<>\"]{0,255}+:)[^@\s<>\"]{1,255}+@", re.IGNORECASE)
# A number in a name, ahead of the URI: `"0785556677@pbx.example" <sip:…>`.
_NAME: Final = re.compile(
    r"(?<![0-9A-Za-z.:@=\-])(?P<number>\(?[0-9](?:[ ().\-]{0,3}+[0-9]){4,40}+)(?=[^<>\"]{0,64}+\"?[ \t]{0,8}<)"
)
_IN_URI: Final = re.compile(r"(authorization=)[^&>\s]++", re.IGNORECASE)
# In a session: keys, and who called in person.
_SECRET_LINES: Final = ("k=", "e=", "p=", "a=key-mgmt:", "a=ice-pwd:")
_MIN_DIGITS: Final = 6


def redacted(data: bytes, *, numbers: bool = False) -> str:
    """Return a message as text; with `numbers` telephone numbers are left as they are."""
    lines = _unfolded(_LINE_END.split(data.decode("utf-8", "surrogateescape")))
    if not lines[0].upper().startswith("SIP/") and " SIP/" not in lines[0].upper():
        return f"({len(data)} bytes that are not SIP)"
    end = lines.index("") if "" in lines else len(lines)
    shown = [_line(lines[0], numbers=numbers), *(_header(line, numbers=numbers) for line in lines[1:end])]
    if any(lines[end:]):
        shown += ["", *_body(_content_type(lines[1:end]), lines[end + 1 :], numbers=numbers)]
    return "\n".join(shown)


def _unfolded(lines: list[str]) -> list[str]:
    """Join what is folded, since a folded secret goes on in the next line; line ends ahead of the message are left."""
    first = next((place for place, line in enumerate(lines) if line), 0)
    unfolded: list[list[str]] = []
    in_head = True
    for line in lines[first:]:
        in_head = in_head and line != ""
        if in_head and unfolded and line[0] in " \t":
            unfolded[-1].append(line.strip(" \t"))
        else:
            unfolded.append([line])
    return [" ".join(parts) for parts in unfolded] or [""]


def _header(line: str, *, numbers: bool) -> str:
    name, colon, value = line.partition(":")
    key = name.strip().lower()
    if COMPACT.get(key, key) not in _SECRET_HEADERS:
        return _line(line, numbers=numbers)
    scheme = "Digest " if value.lower().split(maxsplit=1)[:1] == ["digest"] else ""
    return f"{printable(name)}{colon} {scheme}{HIDDEN}"


def _content_type(lines: list[str]) -> str:
    for line in lines:
        name, _, value = line.partition(":")
        if name.strip().lower() in ("content-type", "c"):
            return printable(value.partition(";")[0].strip().lower())
    return ""


def _body(kind: str, lines: list[str], *, numbers: bool) -> list[str]:
    if kind not in _SHOWN_BODIES:  # an INFO may have the digits of a PIN
        return [f"(a body of {sum(map(len, lines))} characters: {kind or 'of no type'})"]
    if kind == _SHOWN_BODIES[0]:
        return [_line(_hide_in_sdp(line), numbers=numbers) for line in lines]
    return [_header(line, numbers=numbers) for line in lines]


def _hide_in_sdp(line: str) -> str:
    if line.startswith("a=crypto:"):
        method, inline, _ = line.partition("inline:")
        return f"{method if inline else 'a=crypto:'}{inline}{HIDDEN}"
    if (name := next((name for name in _SECRET_LINES if line.startswith(name)), None)) is not None:
        return f"{name}{HIDDEN}"
    username, space, rest = line.partition(" ")
    if line.startswith("o=") and sum(sign.isdigit() for sign in username) >= _MIN_DIGITS:
        return f"o={HIDDEN}{space}{rest}"
    return line


def _line(line: str, *, numbers: bool) -> str:
    line = _IN_URI.sub(rf"\1{HIDDEN}", _PASSWORD.sub(rf"\1{HIDDEN}@", printable(line)))
    if numbers:
        return line
    return _NAME.sub(lambda name: masked_number(name["number"]), _DIALLED.sub(_hide_dialled, mask_numbers(line)))


def _hide_dialled(found: re.Match[str]) -> str:
    is_host = _ADDRESS.fullmatch(found["user"]) and not _UP_TO_HOST.match(found.string, found.end())
    few = sum(sign.isdigit() for sign in found["user"]) < _MIN_DIGITS
    return found[0] if few or is_host else f"{found['scheme']}{HIDDEN}"
