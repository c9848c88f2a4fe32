"""One class per reason to refuse a request. `wire/errors.py` maps each to its gRPC status."""

from collections.abc import Sequence
from enum import Enum, auto
from typing import TYPE_CHECKING, Literal

from msgspec import Struct

if TYPE_CHECKING:
    from ringback.domain.key import Key


class Fault(Struct, frozen=True):
    """One thing that is wrong with one field of a request."""

    field: str
    description: str
    # The name of the dial rule that a target breaks; "" for everything else.
    rule: str = ""


class RingbackError(Exception):
    """Base of every refusal that a caller may see. `str()` is a plain sentence for a human."""


class InvalidRequest(RingbackError):
    """One or more fields are missing or bad; nothing was stored."""

    def __init__(self, violations: Sequence[Fault]) -> None:
        self.violations = tuple(violations)
        super().__init__("; ".join(f"{v.field}: {v.description}" for v in self.violations))


class UndecodableRequest(InvalidRequest):
    """What came is no message of the RPC at all, or nothing came."""

    def __init__(self, description: str, field: str = "request") -> None:
        # What is wrong with all of it, such as "is no JSON".
        self.description = description
        super().__init__([Fault(field, description)])


class CredentialsInvalid(RingbackError):
    """The request has no credentials, or none that are valid; the text is the same for every reason."""

    def __init__(self) -> None:
        super().__init__("this server needs valid credentials: a bearer token or a client certificate that it accepts")


class NotAllowed(RingbackError):
    """The credentials are valid, and do not allow this; whether what was named exists is not told."""


class DialRuleBroken(RingbackError):
    """A target may not be dialled, by rules of the server or of the service; nothing was stored."""

    def __init__(self, violations: Sequence[Fault], rule: str) -> None:
        self.violations = tuple(violations)
        # The first of the rules, such as "phone.deny_kinds".
        self.rule = rule
        super().__init__("; ".join(f"{v.field}: {v.description}" for v in self.violations))


class RateLimited(RingbackError):
    """Too many requests at once; as many as this one has are possible after `retry_after_s`."""

    def __init__(self, subject: str, limit: float, retry_after_s: float) -> None:
        self.subject = subject
        self.limit = limit
        self.retry_after_s = retry_after_s
        super().__init__(f"at most {limit:g} {_words(subject)} are allowed; try again in {retry_after_s:.3g} s")


class PageTokenInvalid(RingbackError):
    """The page token is malformed, of another database, or of a list with another filter."""


class ResumeTokenInvalid(RingbackError):
    """The resume token is malformed, of another database, or of a watch with another filter."""


class ResumeTokenExpired(RingbackError):
    """The changes after this resume token are no longer kept."""


class RequestIdReused(RingbackError):
    """The `request_id` was used before, for a different request."""

    def __init__(self, callback_id: str, differing_fields: Sequence[str]) -> None:
        # Empty when the earlier request did not create a callback.
        self.callback_id = callback_id
        self.differing_fields = tuple(differing_fields)
        what = f"a request with another {', '.join(differing_fields)}" if differing_fields else "another request"
        super().__init__(f"request_id was used for {what}")


class CallbackNotFound(RingbackError):
    """No callback has this key."""

    def __init__(self, key: "Key") -> None:
        self.key = key
        super().__init__(f"no callback {key}")


class ServiceNotFound(RingbackError):
    """No service has this id or SIP address."""

    def __init__(self, field: Literal["service_id", "service_sip"], key: str) -> None:
        self.field = field
        self.key = key
        super().__init__(f"no service {key}")


class CallbackAlreadyExists(RingbackError):
    """The external task id of this caller already names a callback with a different request."""

    def __init__(self, callback_id: str = "", state: str = "", differing_fields: Sequence[str] = ()) -> None:
        # Empty when it is another's.
        self.callback_id = callback_id
        self.state = state
        self.differing_fields = tuple(differing_fields)
        super().__init__(
            f"callback {callback_id} has this external_task_id and differs in: {', '.join(differing_fields)}"
            if callback_id
            else "another's callback has this external_task_id"
        )


class TargetAlreadyPending(RingbackError):
    """The service allows one open callback per target, and has one."""

    def __init__(self, callback_id: str = "", state: str = "") -> None:
        # Empty when it is another's.
        self.callback_id = callback_id
        self.state = state
        super().__init__(
            f"callback {callback_id} to this target is still open: {state}"
            if callback_id
            else "another's callback to this target is still open"
        )


class ServiceAlreadyExists(RingbackError):
    """Another service has this id or SIP address."""

    def __init__(self, service_id: str, field: str) -> None:
        self.service_id = service_id
        self.field = field
        super().__init__(f"service {service_id} already has this {field}")


class StateRefused(RingbackError):
    """The callback is in a state in which the request is not possible."""

    def __init__(self, callback_id: str, state: str, message: str) -> None:
        self.callback_id = callback_id
        self.state = state
        super().__init__(message)


class CallbackEnded(StateRefused):
    """The callback is in a terminal state, which never changes again."""


class CallbackConnected(StateRefused):
    """The target has answered: it is too late for the request."""


class CallbackInProgress(StateRefused):
    """The callback is with a dialer."""


class ServiceInUse(RingbackError):
    """The service still has callbacks that have not ended."""

    def __init__(self, service_id: str) -> None:
        self.service_id = service_id
        super().__init__(f"service {service_id} still has callbacks that have not ended")


class EtagMismatch(RingbackError):
    """The callback or service was changed since the caller read it."""

    def __init__(self, current_etag: str, *, callback_id: str = "", service_id: str = "") -> None:
        self.current_etag = current_etag
        self.callback_id = callback_id
        self.service_id = service_id
        super().__init__(f"the etag differs: it is {current_etag} now; read again and decide anew")


class LeaseRefused(RingbackError):
    """A refused report of a dialer. For an unknown token, neither callback nor state is known."""

    def __init__(self, callback_id: str, message: str, *, state: str = "") -> None:
        self.callback_id = callback_id
        self.state = state
        super().__init__(message)


class LeaseSuperseded(LeaseRefused):
    """A later lease of the same callback was granted."""


class LeaseExpired(LeaseRefused):
    """The lease is over: it lapsed, was released, or its callback was cancelled or has ended."""


class AttemptNotStarted(LeaseRefused):
    """An outcome was reported without DIALING before it."""


class OutcomeConflict(LeaseRefused):
    """The attempt already has another outcome, or the reported one contradicts what was reported before."""

    def __init__(self, callback_id: str, message: str, *, state: str = "", recorded_outcome: str = "") -> None:
        self.recorded_outcome = recorded_outcome
        super().__init__(callback_id, message, state=state)


class QuotaExceeded(RingbackError):
    """Too many of something at the same time."""

    def __init__(self, quota: str, limit: int) -> None:
        self.quota = quota
        self.limit = limit
        super().__init__(f"at most {limit} {_words(quota)} are allowed at the same time")


class ServerDraining(RingbackError):
    """This server is shutting down; another one, or this one after its restart, will take the request."""

    def __init__(self) -> None:
        super().__init__("the server is draining; try again")


class StorageFault(Enum):
    """Why the database is not available."""

    # It is away, locked or full: it can come back as it was.
    OUTAGE = auto()
    # What is in it cannot be read any more.
    DAMAGE = auto()
    # It is there, and other writers were faster again and again.
    RIVALRY = auto()


class StorageUnavailable(RingbackError):
    """The database is unreachable, locked or full. Whether a write was stored is not known."""

    def __init__(self, text: str = "", *, told: str = "", fault: StorageFault = StorageFault.OUTAGE) -> None:
        """`told` is what callers read where the text has what is for operators: addresses, users, statements."""
        super().__init__(text)
        self.told = told or text
        self.fault = fault

    def again(self) -> "StorageUnavailable":
        """Return another one of the same, for another caller."""
        return StorageUnavailable(str(self), told=self.told, fault=self.fault)


class IllegalTransition(Exception):
    """A bug: the code requested a step that the transition table does not have. Nothing was changed."""


def _words(name: str) -> str:
    return name.replace("_", " ")
