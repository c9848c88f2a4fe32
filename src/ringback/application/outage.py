"""An outage of the database, as one of the loops that wait it out tells of it."""

import logging


class OutageLog:
    """The level at which each failure is told: as a warning when an outage begins, for details while it goes on."""

    def __init__(self) -> None:
        self._goes_on = False

    def level(self) -> int:
        """Return the level for one more failure."""
        level = logging.DEBUG if self._goes_on else logging.WARNING
        self._goes_on = True
        return level

    def end(self) -> None:
        self._goes_on = False
