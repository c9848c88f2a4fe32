"""The trace that the call of this task belongs to, from where calls come in to where a callback is made.

It is a context variable, and no argument of each use case: what a call does is the same in every trace.
"""

from contextvars import ContextVar
from typing import Final

call_trace: Final[ContextVar[str | None]] = ContextVar("call_trace", default=None)
"""`traceparent` in version 00; None when the call belongs to no trace."""
