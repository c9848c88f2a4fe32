"""The contract's fields, once: how each is called, what it is here, and what it may be.

Requests are read by this table, faults are put into its names, and the OpenAPI document is made of it. Limits are those
of the domain.
"""

from collections.abc import Mapping
from enum import Enum
from types import MappingProxyType
from typing import Final

from msgspec import Struct

from ringback.application.callbacks.query import DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE
from ringback.domain.callback import State
from ringback.domain.priority import Priority
from ringback.domain.request import (
    MAX_CALLER_ID_LENGTH,
    MAX_DESCRIPTION_LENGTH,
    MAX_EXTERNAL_TASK_ID_LENGTH,
    MAX_RETRIES,
    MAX_SECONDS_BETWEEN_RETRIES,
    MAX_SUPERVISOR_LENGTH,
    MAX_URL_LENGTH,
)
from ringback.domain.target import MAX_TARGET_LENGTH
from ringback.wire.handlers.callbacks import MAX_REASON_LENGTH

ROOT_PATH: Final = "/v1.0/"
SERVICES_PATH: Final = f"{ROOT_PATH}services"
CALLBACKS_PATH: Final = f"{ROOT_PATH}callbackrequests"
CALLBACK_PATH: Final = f"{CALLBACKS_PATH}/{{Id}}"
OPENAPI_PATH: Final = "/openapi.json"

# In examples.
EXAMPLE_SERVICE_ID: Final = "6f9619ff-8b86-4011-b42d-00cf4fc964ff"
EXAMPLE_SERVICE_SIP: Final = "sip:support@example.com"

# The words of the contract, such as VeryHigh.
PRIORITIES: Final[Mapping[str, Priority]] = MappingProxyType(
    {"".join(part.capitalize() for part in level.name.split("_")): level for level in Priority}
)
PRIORITY_WORDS: Final[Mapping[int, str]] = MappingProxyType({level.value: word for word, level in PRIORITIES.items()})
STATES: Final = tuple(state.name for state in State)


class FieldKind(Enum):
    """What a value is in JSON, and how it is read."""

    TEXT = "text"
    INTEGER = "integer"
    DATE = "date"
    PRIORITY = "priority"
    GUID = "guid"


class Field(Struct, frozen=True):
    """One field of a callback request, in the contract and here."""

    # In the contract.
    name: str
    # In `CallbackRequest`.
    field: str
    kind: FieldKind
    # Of a text its longest length, 0 for any; of an integer its highest value, and 0 is the lowest.
    limit: int
    meaning: str
    example: str | int
    required: bool = False


FIELDS: Final = (
    Field(
        "Target",
        "target",
        FieldKind.TEXT,
        MAX_TARGET_LENGTH,
        "Whom to call: a SIP address, or a telephone number. A blank after `tel:` is taken.",
        "tel: +41785556677",
        required=True,
    ),
    Field(
        "AlternativeTarget",
        "alternative_target",
        FieldKind.TEXT,
        MAX_TARGET_LENGTH,
        "As `Target`. When it is given, it is called instead of `Target`.",
        "tel:+41443334455",
    ),
    Field(
        "MaxRetries",
        "max_retries",
        FieldKind.INTEGER,
        MAX_RETRIES,
        "How often an unsuccessful dial-out is repeated. When it is missing, the service says so.",
        3,
    ),
    Field(
        "SecondsBetweenRetries",
        "seconds_between_retries",
        FieldKind.INTEGER,
        MAX_SECONDS_BETWEEN_RETRIES,
        "The least time between unsuccessful dial-outs, in seconds.",
        600,
        required=True,
    ),
    Field(
        "ServiceId",
        "service_id",
        FieldKind.GUID,
        0,
        "The service on whose behalf the call is made. This or `ServiceSip` is required.",
        EXAMPLE_SERVICE_ID,
    ),
    Field(
        "ServiceSip",
        "service_sip",
        FieldKind.TEXT,
        0,  # where it does not count it may be anything
        "The SIP address of the service. It counts only when `ServiceId` is missing, is no GUID, or names no service "
        "that there is for the caller.",
        EXAMPLE_SERVICE_SIP,
    ),
    Field(
        "IncomingServiceSipUri",
        "incoming_service_sip_uri",
        FieldKind.TEXT,
        MAX_TARGET_LENGTH,
        "Set when the request was made in a session of a service.",
        "sip:hotline@example.com",
    ),
    Field(
        "Priority",
        "priority",
        FieldKind.PRIORITY,
        0,
        "`StrictPriority` comes always before lower ones, `NothingElse` only when nobody else waits; the seven levels "
        "between them share by weight.",
        "Normal",
        required=True,
    ),
    Field(
        "ContextUrl",
        "context_url",
        FieldKind.TEXT,
        MAX_URL_LENGTH,
        "An `https:` or `http:` link to be opened when the request reaches an agent.",
        "https://crm.example.com/tasks/4711",
    ),
    Field(
        "DueDate",
        "due_date",
        FieldKind.DATE,
        0,
        "When to try first: `dd.mm.yyyy hh:MM:ss`, which is UTC, or ISO 8601; UTC also without an offset. At most 366 "
        "days ahead. When it is missing, or in the past: now.",
        "24.12.2026 08:30:00",
    ),
    Field(
        "Supervisor", "supervisor", FieldKind.TEXT, MAX_SUPERVISOR_LENGTH, "Who made it, if a supervisor did.", "jdoe"
    ),
    Field(
        "Description",
        "description",
        FieldKind.TEXT,
        MAX_DESCRIPTION_LENGTH,
        "Shown to the agent who accepts the dial-out.",
        "Order 4711: the delivery is late",
    ),
    Field(
        "ExternalTaskId",
        "external_task_id",
        FieldKind.TEXT,
        MAX_EXTERNAL_TASK_ID_LENGTH,
        "The identifier of an outside system, unique with `CallerId`. It names the callback later, and a request that "
        "has one can safely be sent again.",
        "task-4711",
    ),
    Field(
        "CallerId",
        "caller_id",
        FieldKind.TEXT,
        MAX_CALLER_ID_LENGTH,
        "Tells requests of several systems apart; it is no telephone number. When it is missing, it is that of the "
        "credentials.",
        "crm",
    ),
)
FIELD_OF: Final[Mapping[str, Field]] = MappingProxyType({field.name: field for field in FIELDS})


class Parameter(Struct, frozen=True):
    """One parameter of a query string."""

    name: str
    # Of the message that the handler gets.
    field: str
    meaning: str
    limit: int = 0
    # It may be given several times.
    many: bool = False


EXTERNAL_TASK_ID: Final = Parameter(
    "ExternalTaskId", "external_task_id", "As it was in the request.", MAX_EXTERNAL_TASK_ID_LENGTH
)
CALLER_ID: Final = Parameter(
    "CallerId",
    "caller_id",
    "As it was in the request. When it is missing, it is that of the credentials.",
    MAX_CALLER_ID_LENGTH,
)
REASON: Final = Parameter("Reason", "reason", "Why it is cancelled; kept as `CancelReason`.", MAX_REASON_LENGTH)
SERVICE_ID: Final = Parameter("ServiceId", "service_ids", "Those of these services only.", many=True)
STATE: Final = Parameter("State", "states", "Those in these states only.", many=True)
PAGE_SIZE: Final = Parameter(
    "PageSize", "page_size", f"How many at most: 0 means {DEFAULT_PAGE_SIZE}; no page has more than {MAX_PAGE_SIZE}."
)
PAGE_TOKEN: Final = Parameter("PageToken", "page_token", "`NextPageToken` of the page before.")

KEY_PARAMETERS: Final = (EXTERNAL_TASK_ID, CALLER_ID)
LIST_PARAMETERS: Final = (SERVICE_ID, STATE, PAGE_SIZE, PAGE_TOKEN)

# How the handlers call what is in a path, a query string or a body, and how the contract calls it.
NAMES: Final[Mapping[str, str]] = MappingProxyType(
    {
        **{parameter.field: parameter.name for parameter in (REASON, *KEY_PARAMETERS, *LIST_PARAMETERS)},
        **{field.field: field.name for field in FIELDS},
        "service": "ServiceId",  # neither of the two was given
        "callback_id": "Id",
    }
)
