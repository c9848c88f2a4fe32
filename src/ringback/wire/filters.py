"""How callers name callbacks: by key, by target, and by filter."""

from ringback.application.access import Caller, Right
from ringback.application.directory import Directory
from ringback.domain.faults import Faults
from ringback.domain.filter import CallbackFilter
from ringback.domain.key import ExternalTaskKey, Key
from ringback.domain.request import (
    MAX_EXTERNAL_TASK_ID_LENGTH,
    MAX_LABELS,
    MAX_SUPERVISOR_LENGTH,
    ServiceName,
    caller_violation,
    read_target,
    text_violation,
)
from ringback.domain.service import common_region
from ringback.v1 import callback_pb2 as pb
from ringback.wire.enums import PRIORITIES, STATES
from ringback.wire.values import read_guid, read_list, read_sip, read_time

MAX_VALUES = 1000


async def find_filter(
    caller: Caller, message: pb.CallbackFilter, directory: Directory, faults: Faults
) -> CallbackFilter:
    """Read a filter with the help of the services that it names. Raise `NotAllowed`, `StorageUnavailable`.

    What a number means depends on none but the caller's services: it would tell what others there are.
    """
    unread = Faults()  # `read_filter` adds the faults
    sips = read_list(MAX_VALUES, read_sip, message.service_sips, "service_sips", unread)
    addressed = await directory.known([ServiceName("service_sip", sip_address) for sip_address in sips])
    region = ""
    if message.dial_target:
        ids = read_list(MAX_VALUES, read_guid, message.service_ids, "service_ids", unread)
        named = [*addressed, *await directory.known([ServiceName("service_id", service_id) for service_id in ids])]
        granted = directory.granted(caller, Right.READ_CALLBACKS)
        region = common_region([service for service in named if service in granted] if ids or sips else granted)
    return read_filter(message, faults, tuple(service.service_id for service in addressed), region)


def read_filter(
    message: pb.CallbackFilter, faults: Faults, ids_of_sips: tuple[str, ...] = (), region: str = ""
) -> CallbackFilter:
    """Read a filter into one normal form, since page and resume tokens are bound to it.

    `ids_of_sips` are those of the services that it names by SIP address, as far as they exist; `region` is that of
    national numbers.
    """
    if len(message.labels) > MAX_LABELS:
        faults.add("labels", f"has {len(message.labels)} pairs; at most {MAX_LABELS} are allowed")
    return CallbackFilter(
        keys=read_list(MAX_VALUES, read_key, message.keys, "keys", faults),
        caller_ids=read_list(MAX_VALUES, _read_caller, message.caller_ids, "caller_ids", faults),
        service_ids=read_list(MAX_VALUES, read_guid, message.service_ids, "service_ids", faults),
        service_sips=read_list(MAX_VALUES, read_sip, message.service_sips, "service_sips", faults),
        ids_of_sips=ids_of_sips,
        states=read_list(MAX_VALUES, STATES.read, message.states, "states", faults),
        priorities=read_list(MAX_VALUES, PRIORITIES.read, message.priorities, "priorities", faults),
        supervisors=read_list(MAX_VALUES, _read_supervisor, message.supervisors, "supervisors", faults),
        # The order of a map is undefined.
        labels=dict(sorted(message.labels.items())),
        due_after=read_time(message, "due_after", faults),
        due_before=read_time(message, "due_before", faults),
        dial_target=_read_dial_target(message.dial_target, region, faults),
        external_task_ids=read_list(MAX_VALUES, _read_task_id, message.external_task_ids, "external_task_ids", faults),
        end_after=read_time(message, "end_after", faults),
        end_before=read_time(message, "end_before", faults),
    )


def read_key(message: pb.CallbackKey, name: str, faults: Faults) -> Key:
    """Read the key in the field `name`."""
    match message.WhichOneof("key"):
        case "callback_id":
            return read_guid(message.callback_id, f"{name}.callback_id", faults)
        case "external_task":
            return _read_external_task(message.external_task, faults.under(f"{name}.external_task"))
        case _:
            faults.add(name, "is required: set callback_id or external_task")
            return ""


def _read_dial_target(text: str, region: str, faults: Faults) -> str:
    target = read_target(text, "dial_target", faults, region)
    return "" if target is None else target.uri


def _read_external_task(message: pb.ExternalTaskKey, faults: Faults) -> ExternalTaskKey:
    task_id = message.external_task_id
    if not task_id:
        faults.add("external_task_id", "is required")
    faults.extend(text_violation("external_task_id", task_id, MAX_EXTERNAL_TASK_ID_LENGTH))
    return ExternalTaskKey(caller_id=_read_caller(message.caller_id, "caller_id", faults), external_task_id=task_id)


def _read_caller(text: str, name: str, faults: Faults) -> str:
    """Read a caller id; empty is a caller like any other."""
    faults.extend(caller_violation(name, text))
    return text


def _read_task_id(text: str, name: str, faults: Faults) -> str:
    faults.extend(text_violation(name, text, MAX_EXTERNAL_TASK_ID_LENGTH))
    return text


def _read_supervisor(text: str, name: str, faults: Faults) -> str:
    faults.extend(text_violation(name, text, MAX_SUPERVISOR_LENGTH))
    return text
