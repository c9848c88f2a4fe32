"""/session: a person signs in with a token, sees who is signed in, and signs out."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

import msgspec
from msgspec import Struct
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from ringback.application.access import Caller
from ringback.application.turns import Turns
from ringback.domain.errors import CredentialsInvalid, ServerDraining
from ringback.entry.gate import Gate
from ringback.identity.authenticator import Authenticator, Credentials
from ringback.identity.known import Authenticated
from ringback.identity.tokens import is_well_formed
from ringback.ports.clock import Clock
from ringback.web.body import BodyTooLarge, ClientGone, UnsupportedEncoding, read_body
from ringback.web.door.sessions import Sessions, TokenTooLong
from ringback.web.peer import credentials_of, credentials_with
from ringback.web.problems import problem

PATH: Final = "/session"
# More than the longest token that is accepted over gRPC.
_MAX_BODY: Final = 16 * 1024
# As for calls: it slows down a client that guesses.
_PAUSE_S: Final = 0.05


class _TokenGiven(Struct, forbid_unknown_fields=True):
    token: str


class SessionState(Struct, omit_defaults=False):
    """Who a request comes from, as the page shows it."""

    signed_in: bool
    # False on a server without identities, to which a client certificate is no identity either.
    sign_in_needed: bool
    # "session", "token", "certificate", or "" for nobody.
    by: str = ""
    identity: str = ""
    roles: Sequence[str] = ()
    caller_ids: Sequence[str] = ()
    # Some numbers are seen masked.
    masked: bool = False
    # None where there is no end.
    ends_at: datetime | None = None


def session_routes(
    authenticator: Authenticator, sessions: Sessions, gate: Gate, turns: Turns, clock: Clock
) -> Sequence[BaseRoute]:
    """Return what serves /session."""
    desk = _Desk(authenticator, sessions, gate, turns, clock)
    return [
        Route(PATH, desk.show, methods=["GET"]),
        Route(PATH, desk.sign_in, methods=["POST"]),
        Route(PATH, desk.sign_out, methods=["DELETE"]),
    ]


class _Desk:
    def __init__(
        self, authenticator: Authenticator, sessions: Sessions, gate: Gate, turns: Turns, clock: Clock
    ) -> None:
        self._authenticator = authenticator
        self._sessions = sessions
        self._gate = gate
        self._turns = turns
        self._clock = clock

    # --- The three requests ------------------------------------------------------------------------------------------

    async def show(self, request: Request) -> Response:
        """Say who the request comes from: a session, a token, or a certificate. Nobody is no error."""
        credentials = credentials_of(request.scope)
        try:
            found = self._authenticator.authenticate(credentials, self._clock.now())
        except CredentialsInvalid:
            if "authorization" in request.headers:
                return await self._refused(credentials)
            response = self._response(SessionState(signed_in=False, sign_in_needed=True))
            if self._cookies_of(request):
                response.headers.append("set-cookie", self._sessions.no_cookie())
            return response
        return self._response(self._state(found, request))

    async def sign_in(self, request: Request) -> Response:
        """Exchange a token for a cookie. An earlier session of the browser ends."""
        try:
            self._gate.enter()
        except ServerDraining:
            return problem(503, str(ServerDraining()), reason="SERVER_DRAINING", headers={"retry-after": "1"})
        if not self._authenticator.has_identities:
            return self._response(SessionState(signed_in=False, sign_in_needed=False))
        token = await _token_in(request)
        if isinstance(token, Response):
            return token
        credentials = credentials_with(request.scope, token)
        try:
            if not is_well_formed(token):
                raise CredentialsInvalid  # noqa: TRY301 - refused as all others
            found = self._authenticator.authenticate(credentials, self._clock.now())
        except CredentialsInvalid:
            return await self._refused(credentials)
        secure = request.headers.get("origin", "").startswith("https://")
        try:
            session, cookie = self._sessions.open(token, token_ends_at=found.ends_at, secure=secure)
        except TokenTooLong:
            detail = "this token is too long for a cookie: use one of at most 2,800 characters, or a client certificate"
            return _invalid(detail, "token")
        self._end(request)
        state = _state_of(found.caller, "session", datetime.fromtimestamp(session.ends_at, UTC))
        response = self._response(state)
        response.headers.append("set-cookie", cookie)
        return response

    async def sign_out(self, request: Request) -> Response:
        """End the session, if there is one. The browser forgets its cookie in any case."""
        self._end(request)
        return Response(status_code=204, headers={"set-cookie": self._sessions.no_cookie()})

    # --- Their parts -------------------------------------------------------------------------------------------------

    def _end(self, request: Request) -> None:
        session = self._sessions.find(self._cookies_of(request), self._clock.now())
        if session is not None:
            self._sessions.end(session)

    def _cookies_of(self, request: Request) -> str:
        """Return the cookies that the door has let through."""
        return request.headers.get("cookie", "")

    def _state(self, found: Authenticated, request: Request) -> SessionState:
        if not self._authenticator.has_identities:
            return SessionState(signed_in=False, sign_in_needed=False)
        if "authorization" in request.headers:
            return _state_of(found.caller, "token", found.ends_at)
        session = self._sessions.find(self._cookies_of(request), self._clock.now())
        if session is None:
            return _state_of(found.caller, "certificate", found.ends_at)
        ends_at = datetime.fromtimestamp(session.ends_at, UTC)
        return _state_of(found.caller, "session", min(ends_at, found.ends_at or ends_at))

    async def _refused(self, credentials: Credentials) -> Response:
        """Refuse credentials as calls are refused: later, in turn, and with one text for all that may be wrong."""
        await asyncio.sleep(_PAUSE_S)
        async with self._turns.refusal(credentials.peer()):
            return problem(
                401, str(CredentialsInvalid()), reason="CREDENTIALS_INVALID", headers={"www-authenticate": "Bearer"}
            )

    def _response(self, state: SessionState) -> JSONResponse:
        return JSONResponse(msgspec.to_builtins(state))


def _state_of(caller: Caller, by: str, ends_at: datetime | None) -> SessionState:
    return SessionState(
        signed_in=True,
        sign_in_needed=True,
        by=by,
        identity=caller.identity,
        roles=sorted(caller.roles),
        caller_ids=sorted(set(caller.caller_ids)),
        masked=caller.masked,
        ends_at=ends_at,
    )


async def _token_in(request: Request) -> str | Response:
    """Return the token of the body, or the refusal of a body that has none."""
    try:
        body = await read_body(request.receive, request.scope["headers"], _MAX_BODY)
        return msgspec.json.decode(body, type=_TokenGiven).token
    except BodyTooLarge:
        return problem(413, f"the body has more than {_MAX_BODY} bytes", reason="CONTENT_TOO_LARGE")
    except UnsupportedEncoding:
        return problem(415, "the body is not encoded as it says", reason="UNSUPPORTED_MEDIA_TYPE")
    except ClientGone:
        return problem(408, "the body has not come in time", reason="REQUEST_TIMEOUT")
    except (ValueError, RecursionError):
        # What is wrong with it is not said: the text might have a part of the token.
        return _invalid('the body has to be {"token": "…"}, and nothing else', "body")


def _invalid(detail: str, field: str) -> Response:
    return problem(400, detail, reason="INVALID_FIELD", violations=[{"field": field, "description": detail}])
