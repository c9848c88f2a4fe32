"""A message of the log with fields, for logs that programs read."""

from abc import ABC, abstractmethod
from collections.abc import Mapping


class LogMessage(ABC):
    """What is passed to a logger in place of a text. Its text is made only when a line is written."""

    @abstractmethod
    def __str__(self) -> str:
        """Return the line as people read it."""

    @abstractmethod
    def fields(self) -> Mapping[str, str | float]:
        """Return the same as fields. Programs that read the log rely on their names."""
