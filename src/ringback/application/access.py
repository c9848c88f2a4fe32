"""Who may do what: identities, their grants, and the one table of roles and rights.

Pure: where identities come from, and how a caller proves to be one, is not decided here. A use case takes the `Caller`
as its first argument, and begins with `view_of`, which raises `NotAllowed`.
"""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from msgspec import Struct

from ringback.domain.errors import NotAllowed
from ringback.domain.key import ExternalTaskKey, Key
from ringback.domain.view import EVERYTHING, Area, View


class Role(StrEnum):
    """What an identity is to Ringback; it may have several roles."""

    CALLER = "caller"
    DIALER = "dialer"
    VIEWER = "viewer"
    OPERATOR = "operator"


class Right(StrEnum):
    """What RPCs need; those that need the same have the same right."""

    CHANGE_CALLBACKS = "change callbacks"
    READ_CALLBACKS = "read callbacks"
    RESOLVE_CALLBACKS = "resolve callbacks"
    DIAL = "dial"
    READ_SERVICES = "read services and queues"
    ADMINISTER = "change services, erase targets, read who did what, and traces of calls"


# --- The table -------------------------------------------------------------------------------------------------------

ROLES_WITH: Final[Mapping[Right, Sequence[Role]]] = MappingProxyType(
    {
        Right.CHANGE_CALLBACKS: (Role.CALLER, Role.OPERATOR),
        Right.READ_CALLBACKS: (Role.CALLER, Role.VIEWER, Role.OPERATOR),
        Right.RESOLVE_CALLBACKS: (Role.CALLER, Role.OPERATOR),
        Right.DIAL: (Role.DIALER,),
        Right.READ_SERVICES: (Role.CALLER, Role.DIALER, Role.VIEWER, Role.OPERATOR),
        Right.ADMINISTER: (Role.OPERATOR,),
    }
)
RIGHT_FOR: Final[Mapping[str, Right]] = MappingProxyType(
    {
        "CreateCallback": Right.CHANGE_CALLBACKS,
        "BatchCreateCallbacks": Right.CHANGE_CALLBACKS,
        "UpdateCallback": Right.CHANGE_CALLBACKS,
        "CancelCallback": Right.CHANGE_CALLBACKS,
        "GetCallback": Right.READ_CALLBACKS,
        "ListCallbacks": Right.READ_CALLBACKS,
        "CountCallbacks": Right.READ_CALLBACKS,
        "ListCallbackEvents": Right.READ_CALLBACKS,
        "WatchCallbacks": Right.READ_CALLBACKS,
        "ResolveCallbacks": Right.RESOLVE_CALLBACKS,
        "LeaseCallbacks": Right.DIAL,
        "ExtendLeases": Right.DIAL,
        "ReportProgress": Right.DIAL,
        "ReportOutcome": Right.DIAL,
        "ReportAttempts": Right.DIAL,
        "ReleaseLeases": Right.DIAL,
        "GetService": Right.READ_SERVICES,
        "ListServices": Right.READ_SERVICES,
        "GetQueue": Right.READ_SERVICES,
        "WatchQueues": Right.READ_SERVICES,
        "GetOutcomes": Right.READ_SERVICES,
        "GetIdentity": Right.READ_SERVICES,
        "CreateService": Right.ADMINISTER,
        "UpdateService": Right.ADMINISTER,
        "DeleteService": Right.ADMINISTER,
        "EraseTarget": Right.ADMINISTER,
        "GetCallTrace": Right.ADMINISTER,
    }
)
"""The right that each RPC needs. Health has none: it is open. An RPC that is not here is allowed to nobody."""
METRICS: Final = "Metrics"
RIGHTS: Final[Mapping[str, Right]] = MappingProxyType({**RIGHT_FOR, METRICS: Right.READ_SERVICES})
"""The same of all that the entry lets in: GET /metrics is no RPC, and reads what GetQueue reads (`reads_metrics`)."""


# --- Identities ------------------------------------------------------------------------------------------------------


class Grant(Struct, frozen=True, kw_only=True):
    """One role, and where it holds."""

    role: Role
    # Of a caller: the systems that it speaks for. The first is meant where a request names none.
    caller_ids: tuple[str, ...] = ()
    # Ids in lower case and SIP addresses in canonical form; None: all. An operator has all in any case.
    services: frozenset[str] | None = None
    # Of a viewer: it sees masked numbers only.
    masked: bool = False

    @property
    def area(self) -> Area:
        if self.role is Role.OPERATOR:
            return Area()
        return Area(
            caller_ids=self.caller_ids if self.role is Role.CALLER else None,
            services=None if self.services is None else tuple(sorted(self.services)),
            masked=self.masked,
        )


class Caller:
    """The one that a request comes from, and what it may do. Make one per identity, not per request."""

    __slots__ = ("caller_ids", "grants", "identity", "peer", "views")

    def __init__(self, identity: str, grants: Sequence[Grant], *, peer: str = "") -> None:
        # "" while everybody may do everything.
        self.identity: Final = identity
        # The address that it comes from, without the port, where there are no identities.
        self.peer: Final = peer
        self.grants: Final = tuple(grants)
        self.caller_ids: Final = tuple(caller_id for grant in grants for caller_id in grant.caller_ids)
        self.views: Final = {right: view for right in Right if (view := _view(grants, right)) is not None}

    def __repr__(self) -> str:
        return f"Caller({self.identity or self.peer!r})"

    @property
    def account(self) -> str:
        """What limits count by: the identity, or the address where there is none."""
        return self.identity or self.peer

    def view_of(self, right: Right) -> View:
        """Return where the caller has this right. Raise `NotAllowed` when that is nowhere."""
        view = self.views.get(right)
        if view is None:
            raise NotAllowed(f"this identity may not {right}")
        return view

    @property
    def roles(self) -> Sequence[Role]:
        """Its roles, in the order of the enum."""
        return [role for role in Role if any(grant.role is role for grant in self.grants)]

    @property
    def masked(self) -> bool:
        """Whether it sees some numbers masked."""
        return any(view.masks for view in self.views.values())

    @property
    def allowed_rpcs(self) -> Sequence[str]:
        """The RPCs that it may call, at least for some callbacks or services."""
        return [rpc for rpc, right in RIGHT_FOR.items() if right in self.views]

    @property
    def reads_metrics(self) -> bool:
        """Whether it may read figures of the server as a whole: an operator, or a viewer of all services."""
        return any(
            grant.role is Role.OPERATOR or (grant.role is Role.VIEWER and grant.services is None)
            for grant in self.grants
        )

    def own(self, caller_id: str) -> str:
        """Return the caller id that a request means: an empty one is the caller's own."""
        return caller_id or (self.caller_ids[0] if self.caller_ids else "")

    def own_key(self, key: Key) -> Key:
        """Return the key that a request means."""
        if isinstance(key, ExternalTaskKey) and not key.caller_id and self.caller_ids:
            return ExternalTaskKey(caller_id=self.own(""), external_task_id=key.external_task_id)
        return key


def _view(grants: Sequence[Grant], right: Right) -> View | None:
    having = [grant for grant in grants if grant.role in ROLES_WITH[right]]
    if not having:
        return None
    if any(grant.role is Role.OPERATOR for grant in having):
        return EVERYTHING
    areas = tuple(dict.fromkeys(grant.area for grant in having))
    return View((Area(),) if Area() in areas else areas)


_EVERY_ROLE: Final = (Grant(role=Role.OPERATOR), Grant(role=Role.DIALER))


def anybody(peer: str = "") -> Caller:
    """Return the caller of a server without identities: it may do everything."""
    return Caller("", _EVERY_ROLE, peer=peer)


ANYBODY: Final = anybody()
"""Also what this process does of its own accord, such as its built-in dialer."""
