"""What the product logs as an error while something runs."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager


class _Errors(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.found: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.found.append(self.format(record))


@contextmanager
def logged_errors() -> Iterator[list[str]]:
    """Collect the errors; the list is filled when the block is left."""
    errors = _Errors()
    logging.getLogger("ringback").addHandler(errors)
    try:
        yield errors.found
    finally:
        logging.getLogger("ringback").removeHandler(errors)
