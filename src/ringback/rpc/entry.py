"""Whether this server still takes calls."""

from ringback.domain.errors import ServerDraining


class Gate:
    """Open until the server drains."""

    def __init__(self) -> None:
        self._closed = False

    def close(self) -> None:
        self._closed = True

    def check(self) -> None:
        """Raises `ServerDraining` once closed."""
        if self._closed:
            raise ServerDraining
