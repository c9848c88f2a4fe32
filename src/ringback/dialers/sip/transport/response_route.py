"""Where the responses to a request go: RFC 3261 section 18.2, RFC 3581."""

from dataclasses import replace

from ringback.dialers.sip.messages.headers import Headers, split
from ringback.dialers.sip.messages.message import Request, top_via
from ringback.dialers.sip.transport.destination import Destination


def take_source(request: Request, source: Destination) -> Destination:
    """Note in the topmost Via where a request came from; return where its responses go (section 18.2, RFC 3581)."""
    via = top_via(request)
    noted: dict[str, str | None] = {}
    wants_port = "rport" in via.params
    if wants_port:
        noted["rport"] = str(source.port)
    if wants_port or via.host.strip("[]").lower() != source.address.lower():
        noted["received"] = source.address
    if noted:
        _replace_top_via(request, str(via.with_params(**noted)))
    if source.transport.is_reliable or wants_port:
        return source
    return replace(source, port=via.port or source.transport.default_port)


def _replace_top_via(request: Request, value: str) -> None:
    items = request.headers.items()
    place = next(place for place, (name, _) in enumerate(items) if name.lower() in ("via", "v"))
    others = split(items[place][1])[1:]
    items[place] = ("Via", ", ".join([value, *others]))
    request.headers = Headers(items)
