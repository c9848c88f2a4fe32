"""The settings of the HTTP dialer, and which of them do not go together."""

import ipaddress
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

MIN_SECRET_LENGTH: Final = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpDialerSettings:
    """All settings of the HTTP dialer, as the section `http_dialer` of the config file has them."""

    # Where orders are sent to.
    url: str | None = None
    # What orders and reports are signed with.
    secret: str | None = field(default=None, repr=False)
    # Where reports are taken; port 0 lets the system choose one.
    listen: tuple[str, int] = ("127.0.0.1", 8093)
    # What the gateway is told in place of it.
    report_url: str | None = None
    # For one order, and its response.
    timeout: timedelta = timedelta(seconds=10)

    def conflicts(self) -> Iterator[tuple[str, tuple[str, ...]]]:
        """Yield what does not go together: a reason, and the names of the settings, first the one to mend."""
        if self.url is None:
            yield "orders have to go somewhere: give --http-dialer-url", ("url",)
        if self.secret is None:
            yield "orders and reports are signed: give --http-dialer-secret-file", ("secret_file",)
        if self.report_url is None and _is_every_address(self.listen[0]):
            reason = f"the gateway cannot report to {self.listen[0]}: give the URL that it reaches"
            yield f"{reason} with --http-dialer-report-url", ("report_url", "listen")
        if self.secret is not None and len(self.secret) < MIN_SECRET_LENGTH:
            yield f"a secret of less than {MIN_SECRET_LENGTH} characters can be guessed", ("secret_file",)


def _is_every_address(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_unspecified
    except ValueError:
        return False
