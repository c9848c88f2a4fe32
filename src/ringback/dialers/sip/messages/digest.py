"""Digest authentication as a client (RFC 3261 section 22, RFC 8760, RFC 7616; without qop as RFC 2069)."""

import hashlib
import re
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from ringback.dialers.sip.messages.header_values import CSeq, quoted
from ringback.dialers.sip.messages.message import cseq
from ringback.dialers.sip.messages.message_types import Request, Response

# A chain of proxies and the server, each of which may say once that a nonce is stale. A peer that goes on is given up.
MAX_ROUNDS: Final = 6
# Realms of one response, and of one dialog. Forking proxies gather challenges (section 16.7), but not by the dozen.
MAX_REALMS: Final = 8
# Requests of one dialog whose challenges are counted at the same time.
_UNDER_WAY: Final = 16

# Which challenge is answered by which header.
_ANSWERED_BY: Final = {"WWW-Authenticate": "Authorization", "Proxy-Authenticate": "Proxy-Authorization"}
# An open quote reaches to the end: nothing is read twice.
_PARAM: Final = re.compile(
    r"[\s,]*+(?:(?P<scheme>[^\s=,\"]++)[ \t]++)?(?P<name>[^\s=,\"]++)[ \t]*+=[ \t]*+"
    r'(?:"(?P<quoted>(?:[^"\\]++|\\.)*+)(?:"|\\?\Z)|(?P<token>[^\s,"]*+))',
    re.DOTALL,
)
_NEXT: Final = re.compile(r"[^,]*+,")


@dataclass(frozen=True, slots=True)
class SipCredentials:
    username: str
    password: str = field(repr=False)
    realm: str | None = None
    """The only realm that is answered; None answers each."""


@dataclass(slots=True)
class _Challenge:
    """A nonce of one realm, and how often it was used."""

    realm: str
    nonce: str
    algorithm: str
    """As it was sent; "" when it was not."""
    qop: str
    """`auth`, `auth-int`, or "" for none."""
    opaque: str | None
    stale: bool
    count: int = 0

    @property
    def session(self) -> bool:
        return self.algorithm.lower().endswith("-sess")

    def hash(self, text: str | bytes) -> str:
        data = text if isinstance(text, bytes) else text.encode("utf-8", "surrogateescape")
        sha = self.algorithm.lower().startswith("sha-256")
        return (hashlib.sha256(data) if sha else hashlib.md5(data, usedforsecurity=False)).hexdigest()


_Place = tuple[str, str]
"""The header of the answer, and the realm."""


@dataclass(frozen=True, slots=True)
class _Answer:
    """A request that was sent again because of a challenge."""

    request: Request
    rounds: int
    """How often it was challenged."""
    places: frozenset[_Place]
    """The challenges that were new: if they are refused, the password is wrong."""


class DigestClient:
    """The nonces of one dialog, or of one registration."""

    def __init__(self, credentials: SipCredentials | None, cnonce: Callable[[], str]) -> None:
        self._credentials = credentials
        self._cnonce = cnonce
        self._challenges: dict[_Place, _Challenge] = {}
        self._answers: deque[_Answer] = deque(maxlen=_UNDER_WAY)

    def answer(self, request: Request, response: Response) -> Request | None:
        """Return the request again, with credentials for each challenge of a 401 or 407, and CSeq + 1.

        None when there are no credentials, no challenge that they could answer, or when they were just refused: a
        nonce that was used before this request may have expired, one that is new and not stale says that the password
        is wrong. Via headers are left out: the request is a new transaction.
        """
        number = cseq(request)
        before = self._answer_that_made(request, number)
        rounds = before.rounds + 1 if before else 1
        found = self._usable(response)
        refused = any(before and place in before.places and not found[place].stale for place in found)
        if not found or refused or rounds > MAX_ROUNDS:
            return None
        self._challenges = dict(list({**self._challenges, **found}.items())[-MAX_REALMS:])
        again = Request(request.method, request.uri, request.headers.copy(), request.body)
        again.headers.remove("Via")
        again.headers.set("CSeq", str(CSeq(number.number + 1, number.method)))
        self.authorize(again)
        self._answers.append(_Answer(again, rounds, frozenset(found)))
        return again

    def authorize(self, request: Request) -> None:
        """Put credentials into a request ahead of a challenge, for each realm whose nonce is known.

        Not into an ACK: it takes over the headers of its INVITE (section 22.1).
        """
        for header in _ANSWERED_BY.values():
            request.headers.remove(header)
        if self._credentials is None:
            return
        for (header, _), challenge in self._challenges.items():
            challenge.count += 1
            request.headers.add(header, self._answer(self._credentials, challenge, request))

    def _answer_that_made(self, request: Request, number: CSeq) -> "_Answer | None":
        """Return what a request was made by. A dialog may have numbered it anew, the way out may have copied it."""
        made = (answer for answer in self._answers if answer.request is request or cseq(answer.request) == number)
        return max(made, default=None, key=lambda answer: answer.rounds)

    def _usable(self, response: Response) -> "dict[_Place, _Challenge]":
        """Return the challenges that can be answered, one of each realm."""
        if self._credentials is None:
            return {}
        found: dict[_Place, _Challenge] = {}
        for asked, header in _ANSWERED_BY.items():
            for challenge in _challenges(response.headers.lines(asked)):
                if self._credentials.realm in (None, challenge.realm):
                    # Of one realm the first one that is usable: the server's preference (RFC 8760 section 2.4).
                    found.setdefault((header, challenge.realm), challenge)
        return dict(list(found.items())[:MAX_REALMS])

    def _answer(self, credentials: SipCredentials, challenge: _Challenge, request: Request) -> str:
        cnonce = self._cnonce() if challenge.qop or challenge.session else ""
        count = f"{challenge.count:08x}"
        username = quoted(credentials.username)
        secret = challenge.hash(f"{username[1:-1]}:{challenge.realm}:{credentials.password}")
        if challenge.session:
            secret = challenge.hash(f"{secret}:{challenge.nonce}:{cnonce}")
        a2 = f"{request.method}:{request.uri}"
        if challenge.qop == "auth-int":
            a2 += f":{challenge.hash(request.body)}"
        uses = f"{count}:{cnonce}:{challenge.qop}:" if challenge.qop else ""
        response = challenge.hash(f"{secret}:{challenge.nonce}:{uses}{challenge.hash(a2)}")
        parts = [
            f"username={username}",
            f'realm="{challenge.realm}"',
            f'nonce="{challenge.nonce}"',
            f'uri="{request.uri}"',
            f'response="{response}"',
        ]
        if challenge.algorithm:
            parts.append(f"algorithm={challenge.algorithm}")
        if challenge.opaque is not None:
            parts.append(f'opaque="{challenge.opaque}"')
        if cnonce:
            parts.append(f'cnonce="{cnonce}"')
        if challenge.qop:
            parts += [f"qop={challenge.qop}", f"nc={count}"]
        return f"Digest {', '.join(parts)}"


def realms_of(response: Response) -> tuple[str, ...]:
    """Return the realms of the challenges that can be answered, each once."""
    found = (each for header in _ANSWERED_BY for each in _challenges(response.headers.lines(header)))
    return tuple(dict.fromkeys(challenge.realm for challenge in found))


def _challenges(lines: list[str]) -> list[_Challenge]:
    """Return the usable challenges of one kind of header, in their order."""
    found = []
    for line in lines:
        for scheme, params in _schemes(line):
            if scheme == "digest" and (challenge := _challenge(params)) is not None:
                found.append(challenge)
    return found


def _schemes(line: str) -> list[tuple[str, dict[str, str]]]:
    """Split a line into challenges. One per line is the rule (RFC 3261 section 7.3.1), which not all keep."""
    schemes: list[tuple[str, dict[str, str]]] = []
    place = 0
    while place < len(line):
        found = _PARAM.match(line, place)
        if found is None:  # no parameter: go on behind the next comma
            skipped = _NEXT.match(line, place)
            place = skipped.end() if skipped else len(line)
            continue
        if found["scheme"]:
            schemes.append((found["scheme"].lower(), {}))
        if schemes:
            value = found["token"] if found["quoted"] is None else found["quoted"]
            schemes[-1][1].setdefault(found["name"].lower(), value)
        place = found.end()
    return schemes


def _challenge(params: dict[str, str]) -> _Challenge | None:
    """Return what can be answered: quoted texts as they were written, since that is what is hashed (RFC 7616, unq)."""
    algorithm = params.get("algorithm", "")
    if algorithm.lower() not in ("", "md5", "md5-sess", "sha-256", "sha-256-sess"):
        return None
    if not params.get("nonce") or "realm" not in params:
        return None
    offered = [qop.strip().lower() for qop in params.get("qop", "").split(",") if qop.strip()]
    # auth-int breaks where a proxy changes the body, so it is used only where nothing else is allowed.
    qop = next((qop for qop in ("auth", "auth-int") if qop in offered), "")
    if offered and not qop:
        return None
    return _Challenge(
        realm=params["realm"],
        nonce=params["nonce"],
        algorithm=algorithm,
        qop=qop,
        opaque=params.get("opaque"),
        stale=params.get("stale", "").lower() == "true",
    )
