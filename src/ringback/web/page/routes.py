"""The paths of the page. It has no data in it, so it is sent to everybody whom the door lets in, signed in or not."""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Final

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from ringback.web.page.assets import Asset, Assets
from ringback.web.page.conditions import has_already, takes_gzip
from ringback.web.problems import problem

FIRST_VIEW: Final = "/ui/queues"
_ASSETS: Final = "/ui/assets/"


def page_routes() -> Sequence[BaseRoute]:
    """Return what serves the page. Raise `UnusableAssets`."""
    served = _Served(Assets.read())
    return [
        Route("/", _lead_on, methods=["GET"]),
        Route(f"{_ASSETS}{{name:path}}", served.asset, methods=["GET"]),
        # Which view an address has is decided by the script of the page; one that it does not have, too.
        Route("/ui", served.document, methods=["GET"]),
        Route("/ui/{view:path}", served.document, methods=["GET"]),
    ]


async def _lead_on(_: Request) -> Response:
    return RedirectResponse(FIRST_VIEW, HTTPStatus.TEMPORARY_REDIRECT)


class _Served:
    def __init__(self, assets: Assets) -> None:
        self._assets: Final = assets

    async def document(self, request: Request) -> Response:
        return _response(self._assets.document, request)

    async def asset(self, request: Request) -> Response:
        asset = self._assets.by_name.get(request.path_params["name"])
        if asset is None:
            # Also after an upgrade, for a document that a browser has kept: it must not keep this.
            return problem(HTTPStatus.NOT_FOUND, "The page has no such file. Load the page again.")
        return _response(asset, request)


def _response(asset: Asset, request: Request) -> Response:
    is_gzipped = takes_gzip(request.headers.get("accept-encoding", ""))
    content = asset.gzipped if is_gzipped else asset.plain
    headers = {"cache-control": asset.cache_control, "etag": content.etag, "vary": "accept-encoding"}
    if has_already(request.headers.get("if-none-match", ""), content.etag):
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    headers["content-type"] = asset.content_type
    if is_gzipped:
        headers["content-encoding"] = "gzip"
    return Response(content.body, headers=headers)
