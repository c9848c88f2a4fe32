"""How a record of the log is written: as a line for people, or as an object of JSON for programs.

Either way one record cannot pass for two: what comes from outside, such as the text of an error, may have line breaks.
"""

import logging
import re
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Final

import msgspec

from ringback.dialers.sip.settings import TRACE_LOG
from ringback.domain.masking import mask_secrets
from ringback.ports.log_fields import FIELDS

FORMATS: Final = ("text", "json")
# The first two make several lines for each callback, of parts that are masked already: to search each once more for
# numbers would take 4 % of a create. The last has what an operator wants to see of SIP messages, maybe with numbers.
_MASKED_ALREADY: Final = frozenset(
    {"ringback.application.events.transition_log", "ringback.tracing.call_log", TRACE_LOG}
)
# C0, DEL and C1; what some programs take for a line break, too; and what turns the direction of a text around.
_UNPRINTED: Final = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
# A library logs each statement at DEBUG, with all its values. Of a traceback the end says most.
_MAX_OF_LIBRARY: Final = 8192
_MAX_MESSAGE: Final = 65_536
_MAX_TRACEBACK: Final = 32_768
_NO_FIELDS: Final[Mapping[str, str | float]] = MappingProxyType({})
_INDENT: Final = "\n    "


class TextFormatter(logging.Formatter):
    """A formatter that masks the numbers of a line, its traceback included, whichever library has written it.

    It writes the time of a second once: a busy server logs thousands of lines in each. What begins in the first column
    is the beginning of a record: a traceback is indented.
    """

    def __init__(self) -> None:
        super().__init__()
        self._second = 0
        self._text = ""

    def format(self, record: logging.LogRecord) -> str:
        # Before anything is escaped: a line break may stand within a number.
        masked = str if record.name in _MASKED_ALREADY else mask_secrets
        message = masked(_bounded(record, record.getMessage()))
        if not message.isprintable():
            lines = message.split("\n") if record.name == TRACE_LOG else (message,)
            message = _INDENT.join(_escaped(line.strip("\r ")) for line in lines)
        line = f"{self._time(record)} {record.levelname} {message}"
        if traceback := masked(_traceback_of(self, record)):
            line += _INDENT + _INDENT.join(map(_escaped, traceback.splitlines()))
        return line

    def _time(self, record: logging.LogRecord) -> str:
        second = int(record.created)
        if second != self._second:
            self._second, self._text = second, time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(second))
        return f"{self._text},{int(record.msecs):03}"


class JsonFormatter(logging.Formatter):
    """A formatter that writes one object on a line: time, level, logger, message, the fields of the message."""

    def __init__(self) -> None:
        super().__init__()
        self._encode = msgspec.json.Encoder().encode
        self._second = 0
        self._text = ""

    def format(self, record: logging.LogRecord) -> str:
        masked = str if record.name in _MASKED_ALREADY else mask_secrets
        entry: dict[str, Any] = {
            "time": self._time(record.created),
            "level": record.levelname,
            "logger": record.name,
            "message": masked(_bounded(record, record.getMessage())),
        }
        for name, value in getattr(record, FIELDS, _NO_FIELDS).items():
            entry[name] = masked(value) if isinstance(value, str) else value
        if traceback := _traceback_of(self, record):
            entry["exception"] = masked(traceback)
        try:
            line = self._encode(entry).decode()
        except UnicodeEncodeError:  # half of a pair of surrogates, which is no text
            line = self._encode({name: _escaped_pairs(value) for name, value in entry.items()}).decode()
        return line if line.isprintable() else _UNPRINTED.sub(lambda found: f"\\u{ord(found[0]):04x}", line)

    def _time(self, created: float) -> str:
        """Return the time in UTC by RFC 3339, to the microsecond."""
        second, fraction = divmod(round(created * 1_000_000), 1_000_000)
        if second != self._second:
            self._second, self._text = second, datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S")
        return f"{self._text}.{fraction:06}Z"


def _traceback_of(formatter: logging.Formatter, record: logging.LogRecord) -> str:
    if not record.exc_info:
        return ""
    text = formatter.formatException(record.exc_info) if isinstance(record.exc_info, tuple) else ""
    return text if len(text) <= _MAX_TRACEBACK else f"… {text[-_MAX_TRACEBACK:]}"


def _bounded(record: logging.LogRecord, message: str) -> str:
    if len(message) <= _MAX_OF_LIBRARY:
        return message
    most = _MAX_MESSAGE if _is_ours(record.name) else _MAX_OF_LIBRARY
    return message if len(message) <= most else f"{message[:most]} … {len(message)} characters"


@lru_cache(maxsize=256)
def _is_ours(name: str) -> bool:
    return name.partition(".")[0] == "ringback"


def _escaped(line: str) -> str:
    """Return a line without what would garble a terminal, or pass for another line."""
    return line if line.isprintable() else _UNPRINTED.sub(lambda found: _escape_of(found[0]), line)


def _escape_of(sign: str) -> str:
    return sign.encode("unicode_escape").decode()


def _escaped_pairs(value: Any) -> Any:
    return value.encode("utf-8", "backslashreplace").decode() if isinstance(value, str) else value
