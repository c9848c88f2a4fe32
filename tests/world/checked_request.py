"""Requests as the use cases plan them."""

from ringback.domain.request import CallbackRequest, CheckedRequest, ServiceName
from ringback.domain.target import Target


def checked(request: CallbackRequest) -> CheckedRequest:
    """Return the request as if it had been checked: a test may plan what no caller may ask for."""
    return CheckedRequest(
        request=request,
        service=ServiceName("service_id", request.service_id or ""),
        target=Target.parse(request.alternative_target or request.target),
    )
