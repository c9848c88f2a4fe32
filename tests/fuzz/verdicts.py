"""Which ends of a call the contract has, and which are a finding."""

from typing import Final

from google.protobuf.message import Message

from ringback.rpc.server import MAX_RECEIVE_BYTES
from ringback.v1 import callbacks_service_pb2 as pb
from ringback.v1.error_reason_pb2 import ErrorReason
from tests.world.api import CODES, Refusal, refusal_in

# What a healthy server does not say, whatever it is sent.
_NEVER: Final = frozenset({"INTERNAL", "SERVER_DRAINING", "STORAGE_UNAVAILABLE", "UNSPECIFIED"})
REASONS: Final = (
    frozenset(name.removeprefix("ERROR_REASON_") for name in ErrorReason.DESCRIPTOR.values_by_name) - _NEVER
)
_BUGS: Final = frozenset({"INTERNAL", "UNKNOWN", "DATA_LOSS"})
# RPCs that wait, if told to, for longer than a fuzz does.
WAITING: Final = frozenset({"LeaseCallbacks"})
# They store nothing, whatever comes of them.
READS: Final = ("Get", "List", "Count", "Watch", "Check", "ServerReflection")


def fault_of_refusal(rpc: str, refusal: Refusal, size: int, *, has_details: bool) -> str:
    """Return what is wrong with a call that was refused; "" for nothing. `has_details`: of our own services."""
    code = refusal.code.name
    if code == "DEADLINE_EXCEEDED":
        return "" if rpc in WAITING else "there was no response"
    if code in _BUGS or (not refusal.reason and code in ("CANCELLED", "UNAVAILABLE")):
        return f"ended as {code} {refusal.reason}"
    if size > MAX_RECEIVE_BYTES:
        return "" if code == "RESOURCE_EXHAUSTED" else f"{size} bytes ended as {code}"
    if has_details and refusal.reason not in REASONS:
        return f"ended as {code} with the reason {refusal.reason!r}"
    return ""


def fault_of_response(response: Message) -> str:
    """Return what is wrong with the parts of a batch; "" for nothing."""
    if isinstance(response, pb.BatchCreateCallbacksResponse):
        for result in response.results:
            if result.HasField("error"):
                refusal = refusal_in(result.error)
                if refusal.reason not in REASONS or CODES[result.error.code].name in _BUGS:
                    return f"a part of it ended as {refusal.code.name} with the reason {refusal.reason!r}"
    return ""
