"""The server's log on stderr."""

import asyncio
import io
import logging
import sys
import threading
import warnings
from collections.abc import Mapping
from contextlib import nullcontext, suppress
from time import time
from types import TracebackType
from typing import Any, Final, TextIO

from ringback.cli.log_formats import JsonFormatter, TextFormatter

LEVELS: Final = ("debug", "info", "warning", "error")
_log = logging.getLogger("ringback")


def set_up_log(level: str, *, libraries: bool, form: str = "text") -> None:
    """Log what the server tells from this level on, and of libraries no more than warnings unless they are asked for.

    At DEBUG libraries tell of each statement and each frame, with all the data in them but numbers and tokens.
    """
    if form == "json" and isinstance(sys.stderr, io.TextIOWrapper):
        sys.stderr.reconfigure(encoding="utf-8")
    handler = _BatchHandler(sys.stderr)
    handler.setFormatter(JsonFormatter() if form == "json" else TextFormatter())
    least = logging.getLevelNamesMapping()[level.upper()]
    logging.basicConfig(handlers=[handler], level=least if libraries else max(least, logging.WARNING))
    logging.getLogger("ringback").setLevel(least)
    if not libraries:
        logging.getLogger("grpc._cython.cygrpc").addFilter(_is_no_metadata)
    # What is not in the format need not be found out for each line.
    logging.setLogRecordFactory(_Record)
    logging._srcfile = None  # noqa: SLF001 - the way that the manual of `logging` gives
    _log_what_goes_elsewhere()


def _log_what_goes_elsewhere() -> None:
    """Log what Python would write to stderr by itself, so that all of it has one form."""

    def warn(
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: TextIO | None = None,  # noqa: ARG001 - of the hook
        line: str | None = None,  # noqa: ARG001 - of the hook
    ) -> None:
        logging.getLogger("py.warnings").warning("%s: %s (%s:%d)", category.__name__, message, filename, lineno)

    def end(kind: type[BaseException], fault: BaseException, trace: TracebackType | None) -> None:
        if issubclass(kind, KeyboardInterrupt):
            sys.__excepthook__(kind, fault, trace)
        else:
            _log.critical("the server ends by a fault", exc_info=(kind, fault, trace))

    def end_thread(fault: threading.ExceptHookArgs) -> None:
        value = fault.exc_value or fault.exc_type()
        _log.error("a thread has died", exc_info=(fault.exc_type, value, fault.exc_traceback))

    def ignore(fault: "sys.UnraisableHookArgs") -> None:
        value = fault.exc_value or fault.exc_type()
        exc_info = (fault.exc_type, value, fault.exc_traceback)
        _log.error("nothing can handle a fault of %s", repr(fault.object), exc_info=exc_info)

    warnings.showwarning = warn
    sys.excepthook = end
    threading.excepthook = end_thread
    sys.unraisablehook = ignore


def _is_no_metadata(record: logging.LogRecord) -> bool:
    """Return False for the lines, and the traceback, that gRPC writes of metadata that is not in UTF-8.

    Everybody who reaches the port could fill the log with them. The call goes on, and is refused where it has to be.
    """
    return not str(record.msg).startswith("Invalid encoding on")


class _Record(logging.LogRecord):
    """A record that does not know in which file, thread and process it was made: each create makes one."""

    pathname = filename = module = funcName = ""  # noqa: N815 - their names
    lineno = 0
    relativeCreated = 0.0  # noqa: N815 - as above
    thread = threadName = process = processName = taskName = None  # noqa: N815 - as above
    stack_info = None
    exc_text: str | None = None

    def __init__(self, name: str, level: int, _: str, __: int, msg: str, args: Any, exc_info: Any, *___: Any) -> None:
        # Without that of the base, which finds all that out.
        self.created = time()
        self.msecs = self.created % 1 * 1000
        self.name = name
        self.levelno = level
        self.levelname = logging.getLevelName(level)
        self.msg = msg
        # A single mapping has the values by their names.
        self.args = args[0] if args and len(args) == 1 and isinstance(args[0], Mapping) and args[0] else args
        self.exc_info = exc_info


class _BatchHandler(logging.StreamHandler[TextIO]):
    """A handler that writes the lines of one round of the event loop at once, and those of other threads at once.

    Each write to the system lets the store's thread take the interpreter, and the loop waits to have it back, so that
    lines one by one would slow a busy server down. What a round has logged is written before the loop waits for
    anything.
    """

    def __init__(self, stream: TextIO) -> None:
        super().__init__(stream)
        self._lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self._lines.append(self.format(record) + self.terminator)
        except Exception:  # noqa: BLE001 - as any handler does, whatever the line is made of
            self.handleError(record)
            return
        if record.levelno >= logging.ERROR or not _is_in_loop():
            self.flush()
        elif len(self._lines) == 1:
            asyncio.get_running_loop().call_soon(self.flush)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - its name
        """Log that a line cannot be made, in place of it."""
        fault = sys.exception()
        exc_info = None if fault is None else (type(fault), fault, fault.__traceback__)
        text = f"a line of {record.name} cannot be written: {record.msg!r}"
        entry = logging.LogRecord("ringback.cli.log", logging.ERROR, "", 0, text, (), exc_info)
        with suppress(Exception):
            self._lines.append(self.format(entry) + self.terminator)
            self.flush()

    def flush(self) -> None:
        """Write what has been logged. Lines that cannot be written, as when the terminal has gone, are dropped."""
        with self.lock or nullcontext():
            lines, self._lines = self._lines, []
            if lines:
                with suppress(OSError, ValueError):
                    self.stream.write("".join(lines))
                    super().flush()


def _is_in_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
