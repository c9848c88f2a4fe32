"""What an update of a callback may change, and every rule that it has to meet."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from ringback.domain.dial_rules import Judge, judge_nothing
from ringback.domain.events import Event, Redescribed, Replanned
from ringback.domain.faults import Faults
from ringback.domain.request import CallbackRequest, check_field, read_target

# Whom, when and how often to dial: until a dialer has the callback.
PLAN_FIELDS: Final = frozenset(
    {
        "target",
        "alternative_target",
        "max_retries",
        "seconds_between_retries",
        "priority",
        "due_date",
        "expire_time",
    }
)
# What an agent reads, and what filters use: until the callback has ended.
TEXT_FIELDS: Final = frozenset({"description", "context_url", "supervisor", "labels"})
_TARGETS: Final = ("target", "alternative_target")
_FIELDS: Final = tuple(name for name in CallbackRequest.__struct_fields__ if name in PLAN_FIELDS | TEXT_FIELDS)
# A field mask with more paths is refused without reading them: a message can hold millions.
_MAX_PATHS: Final = 100


def read_mask(paths: Sequence[str], faults: Faults) -> tuple[str, ...]:
    """Return the fields that the paths of a field mask name. A path that cannot be changed is a fault."""
    if not paths:
        faults.add("update_mask", "is required: name the fields to change")
    if len(paths) > _MAX_PATHS:
        faults.add("update_mask", f"has {len(paths)} paths; at most {_MAX_PATHS} are allowed")
    named = dict.fromkeys(paths[:_MAX_PATHS])
    for path in named:
        if path not in _FIELDS:
            known = path in CallbackRequest.__struct_fields__
            faults.add("update_mask", f"{path} cannot be changed" if known else f"no field {path!r} can be changed")
    return tuple(name for name in _FIELDS if name in named)


class RequestUpdate(Struct, frozen=True):
    """New values for the named fields of a callback's request. The request has no other field."""

    request: CallbackRequest
    # In the order of the fields of a request.
    names: tuple[str, ...]

    @property
    def kind(self) -> type[Event]:
        """Return the event that the update leads to: it decides in which states the update is possible."""
        return Replanned if PLAN_FIELDS.intersection(self.names) else Redescribed

    @property
    def changes_target(self) -> bool:
        return any(name in self.names for name in _TARGETS)

    @property
    def name_of_dialled(self) -> str:
        """The field that decides what is dialled, of an update that changes the target."""
        if "target" not in self.names or ("alternative_target" in self.names and self.request.alternative_target):
            return "alternative_target"
        return "target"

    def check(self, now: datetime, faults: Faults, region: str, judge: Judge = judge_nothing) -> None:
        """Add all faults of the new values. `region` is the default region of the callback's service."""
        for name in self.names:
            if name not in _TARGETS:
                check_field(name, self.request, now, faults)
                continue
            text = getattr(self.request, name)
            if name == "target" and not text:
                faults.add(name, "is required")
            target = read_target(text, name, faults, region)
            if target is not None and name == self.name_of_dialled:
                faults.add_broken(name, judge(target.uri))

    def applied_to(self, request: CallbackRequest) -> CallbackRequest:
        """Return the request with the new values."""
        changes = {name: getattr(self.request, name) for name in self.names}
        if "target" in changes:
            # From now on this target is dialled: an alternative target from before would replace it again.
            changes.setdefault("alternative_target", "")
        return replace(request, **changes)
