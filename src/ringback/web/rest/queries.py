"""Query strings: which parameters a call has, each once, but for those of which a list may have several."""

from collections.abc import Mapping, Sequence
from typing import Final
from urllib.parse import parse_qsl

from ringback.domain.faults import Faults
from ringback.v1 import callback_pb2 as cb
from ringback.v1 import callbacks_service_pb2 as pb
from ringback.web.rest.contract import (
    CALLER_ID,
    EXTERNAL_TASK_ID,
    PAGE_SIZE,
    PAGE_TOKEN,
    REASON,
    SERVICE_ID,
    STATE,
    STATES,
    Parameter,
)
from ringback.web.rest.strict_json import shown, without_braces

MAX_PARAMETERS: Final = 100
_MAX_DIGITS: Final = 10
_MAX_INT32: Final = 2**31 - 1


class Query:
    """The parameters of one call."""

    def __init__(self, query_string: bytes) -> None:
        """Read them; nothing is refused before it is known who calls."""
        self._pairs: Sequence[tuple[str, str]] = ()
        self._fault = ""
        try:
            self._pairs = parse_qsl(
                query_string.decode("ascii"),
                keep_blank_values=True,
                errors="strict",
                max_num_fields=MAX_PARAMETERS,
            )
        except UnicodeDecodeError:
            self._fault = "is not UTF-8 in percent-encoding"
        except ValueError:
            self._fault = f"has more than {MAX_PARAMETERS} parameters"

    def names(self, *parameters: Parameter) -> bool:
        """Return whether one of these is there."""
        wanted = {parameter.name for parameter in parameters}
        return any(name in wanted for name, _ in self._pairs)

    def take(self, faults: Faults, *parameters: Parameter) -> Mapping[str, Sequence[str]]:
        """Return the values of these parameters; any other one is a fault, and one that is there too often."""
        if self._fault:
            faults.add("query", self._fault)
        known = {parameter.name: parameter for parameter in parameters}
        values: dict[str, list[str]] = {}
        for name, value in self._pairs:
            if name in known:
                values.setdefault(name, []).append(value)
            else:
                faults.add(shown(name), "is no parameter of this call")
        for name, given in values.items():
            if len(given) > 1 and not known[name].many:
                faults.add(name, "is given more than once")
        return values


def read_key(values: Mapping[str, Sequence[str]], key: cb.CallbackKey) -> None:
    """Read an external key; one without an id is refused by the handler, as it is over gRPC."""
    key.external_task.external_task_id = _only(values, EXTERNAL_TASK_ID)
    key.external_task.caller_id = _only(values, CALLER_ID)


def read_reason(values: Mapping[str, Sequence[str]]) -> str:
    return _only(values, REASON)


def read_list(values: Mapping[str, Sequence[str]], faults: Faults) -> pb.ListCallbacksRequest:
    request = pb.ListCallbacksRequest(page_token=_only(values, PAGE_TOKEN))
    request.filter.service_ids.extend(map(without_braces, values.get(SERVICE_ID.name, ())))
    states = [state for given in values.get(STATE.name, ()) for state in given.split(",")]
    if set(states) <= set(STATES):
        request.filter.states.extend(cb.CallbackState.Value(f"CALLBACK_STATE_{state}") for state in states)
    else:
        faults.add(STATE.name, f"is none of {', '.join(STATES)}")
    if PAGE_SIZE.name in values:
        digits = _only(values, PAGE_SIZE)
        if digits.isascii() and digits.isdigit() and len(digits) <= _MAX_DIGITS and int(digits) <= _MAX_INT32:
            request.page_size = int(digits)
        else:
            faults.add(PAGE_SIZE.name, f"is not an integer between 0 and {_MAX_INT32}")
    return request


def _only(values: Mapping[str, Sequence[str]], parameter: Parameter) -> str:
    return next(iter(values.get(parameter.name, ())), "")
