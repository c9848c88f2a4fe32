"""The server's log on stderr."""

import logging
import sys
import time
from typing import Final

from ringback.domain.masking import mask_secrets

LEVELS: Final = ("debug", "info", "warning", "error")
# It makes several lines for each callback, of parts that are masked already: to search each once more for numbers would
# take 4 % of a create.
_MASKED_ALREADY: Final = "ringback.application.events.transition_log"


def set_up_log(level: str, *, libraries: bool) -> None:
    """Log what the server tells from this level on, and of libraries no more than warnings unless they are asked for.

    At DEBUG libraries tell of each statement and each frame, with all the data in them but numbers and tokens.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Formatter("%(asctime)s %(levelname)s %(message)s"))
    least = logging.getLevelNamesMapping()[level.upper()]
    logging.basicConfig(handlers=[handler], level=least if libraries else max(least, logging.WARNING))
    logging.getLogger("ringback").setLevel(least)
    if not libraries:
        logging.getLogger("grpc._cython.cygrpc").addFilter(_is_no_metadata)
    # What is not in the format need not be found out for each line.
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    logging._srcfile = None  # noqa: SLF001 - the way that the manual of `logging` gives


def _is_no_metadata(record: logging.LogRecord) -> bool:
    """Return False for the lines, and the traceback, that gRPC writes of metadata that is not in UTF-8.

    Everybody who reaches the port could fill the log with them. The call goes on, and is refused where it has to be.
    """
    return not str(record.msg).startswith("Invalid encoding on")


class _Formatter(logging.Formatter):
    """A formatter that masks the numbers of a line, its traceback included, whichever library has written it.

    It writes the time of a second once: a busy server logs thousands of lines in each.
    """

    _second = 0
    _text = ""

    def format(self, record: logging.LogRecord) -> str:
        line = super().format(record)
        return line if record.name == _MASKED_ALREADY else mask_secrets(line)

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:  # noqa: ARG002, N802 - its name
        second = int(record.created)
        if second != self._second:
            self._second, self._text = second, time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(second))
        return f"{self._text},{int(record.msecs):03}"
