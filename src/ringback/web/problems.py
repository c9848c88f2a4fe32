"""Problem details (RFC 9457): what HTTP says of a request that has failed, where no API says it in its own form."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

from starlette.responses import JSONResponse

MEDIA_TYPE: Final = "application/problem+json"


def problem(status: int, detail: str = "", *, headers: Mapping[str, str] | None = None, **members: Any) -> JSONResponse:
    """Return the response; `members` are further ones of the problem. Its `reason` is the name of the status."""
    known = HTTPStatus(status)
    content: dict[str, Any] = {"type": "about:blank", "title": known.phrase, "status": status}
    if detail:
        content["detail"] = detail
    content |= {"reason": known.name, "violations": []}
    return JSONResponse({**content, **members}, status, headers, MEDIA_TYPE)
