"""The enums of the domain as the numbers that the wire has for them."""

from enum import Enum
from typing import Any, Final, Generic, TypeVar

from ringback.domain.callback import State
from ringback.domain.faults import Faults
from ringback.domain.outcome import Outcome
from ringback.domain.priority import Priority
from ringback.domain.retry_delay import RetryDelayReason
from ringback.domain.service import FirstLeg, TargetPolicy
from ringback.v1 import callback_pb2, directory_service_pb2

_Member = TypeVar("_Member", bound=Enum)


class WireEnum(Generic[_Member]):
    """One enum of the domain, and the proto enum whose values have the same names after a prefix."""

    def __init__(self, kind: type[_Member], proto: Any, prefix: str) -> None:
        """Take the generated enum as `proto`. Raise `ValueError` when it lacks one of the names."""
        # As `Any`: the stubs type a number by its enum, which is of no use in a mapping.
        self._numbers: dict[_Member, Any] = {member: proto.Value(f"{prefix}_{member.name}") for member in kind}
        self._members: dict[int, _Member] = {number: member for member, number in self._numbers.items()}

    def number(self, member: _Member) -> Any:
        return self._numbers[member]

    def read(self, number: int, name: str, faults: Faults) -> _Member:
        """Read a number. Proto enums are open: any number may come, also one that only newer clients know."""
        member = self._members.get(number)
        if member is None:
            faults.add(name, f"{number} is not a known value" if number else "is unspecified")
            return next(iter(self._numbers))
        return member


STATES: Final = WireEnum(State, callback_pb2.CallbackState, "CALLBACK_STATE")
PRIORITIES: Final = WireEnum(Priority, callback_pb2.Priority, "PRIORITY")
OUTCOMES: Final = WireEnum(Outcome, callback_pb2.CallOutcome, "CALL_OUTCOME")
RETRY_DELAY_REASONS: Final = WireEnum(RetryDelayReason, callback_pb2.RetryDelayReason, "RETRY_DELAY_REASON")
FIRST_LEGS: Final = WireEnum(FirstLeg, directory_service_pb2.FirstLeg, "FIRST_LEG")
TARGET_POLICIES: Final = WireEnum(TargetPolicy, directory_service_pb2.TargetPolicy, "TARGET_POLICY")
