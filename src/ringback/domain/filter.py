"""Which callbacks a list or a watch selects. Fields are ANDed, the values within a field are ORed."""

from collections.abc import Mapping
from datetime import datetime

from msgspec import Struct, field

from ringback.domain.callback import Callback, State
from ringback.domain.key import ExternalTaskKey, Key
from ringback.domain.priority import Priority
from ringback.domain.request import CallbackRequest
from ringback.domain.view import EVERYTHING, View

# The id of no service.
_NO_SERVICE = ""


class CallbackFilter(Struct, frozen=True, kw_only=True):
    """A selection of callbacks. An empty field matches everything. Due times are compared with `Callback.due_date`."""

    keys: tuple[Key, ...] = ()
    caller_ids: tuple[str, ...] = ()
    service_ids: tuple[str, ...] = ()
    # In canonical form, and the ids of those that exist, which are looked up when the filter is used.
    service_sips: tuple[str, ...] = ()
    ids_of_sips: tuple[str, ...] = ()
    states: tuple[State, ...] = ()
    priorities: tuple[Priority, ...] = ()
    supervisors: tuple[str, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    due_after: datetime | None = None
    due_before: datetime | None = None
    dial_target: str = ""
    # Whichever system requested them. An empty text is that of callbacks without one.
    external_task_ids: tuple[str, ...] = ()
    # Compared with `Callback.end_time`: what is open does not match.
    end_after: datetime | None = None
    end_before: datetime | None = None
    # What the caller can see at all: no filter selects more.
    view: View = EVERYTHING

    def __hash__(self) -> int:
        """Hash all but the labels, which are a mapping."""
        return hash(
            (
                self.keys,
                self.caller_ids,
                self.service_ids,
                self.service_sips,
                self.ids_of_sips,
                self.states,
                self.priorities,
                self.supervisors,
                self.due_after,
                self.due_before,
                self.dial_target,
                self.external_task_ids,
                self.end_after,
                self.end_before,
                self.view,
            )
        )

    @property
    def services(self) -> tuple[str, ...]:
        """Return the ids of all services that are named; of none that exists when only unknown addresses are."""
        ids = self.service_ids + self.ids_of_sips
        return ids or (_NO_SERVICE,) * bool(self.service_sips)

    @property
    def may_be_hidden(self) -> bool:
        """Whether it names texts of which the caller may see a part only; then the store selects too much."""
        if not self.view.masks:
            return False
        named = self.caller_ids or self.supervisors or self.labels or self.external_task_ids
        return bool(named) or any(isinstance(key, ExternalTaskKey) for key in self.keys)

    def matches(self, callback: Callback) -> bool:
        """Return whether the callback is selected: by its texts only as far as the caller sees them.

        A text that is guessed until something matches would tell the digits that are hidden in it.
        """
        request = self.view.shown(callback).request if self.may_be_hidden else callback.request
        return (
            (not self.states or callback.state in self.states)
            and (not (self.service_ids or self.service_sips) or callback.service_id in self.services)
            and (not self.caller_ids or request.caller_id in self.caller_ids)
            and (not self.priorities or request.priority in self.priorities)
            and (not self.supervisors or request.supervisor in self.supervisors)
            and (not self.dial_target or callback.dial_target == self.dial_target)
            and (self.due_after is None or callback.due_date >= self.due_after)
            and (self.due_before is None or callback.due_date < self.due_before)
            and (not self.external_task_ids or request.external_task_id in self.external_task_ids)
            and self._ended_in_time(callback)
            and all(request.labels.get(key) == value for key, value in self.labels.items())
            and (not self.keys or any(_is_named(callback.callback_id, request, key) for key in self.keys))
            and (self.view is EVERYTHING or self.view.contains(callback))
        )

    def _ended_in_time(self, callback: Callback) -> bool:
        if self.end_after is None and self.end_before is None:
            return True
        end = callback.end_time
        return (
            end is not None
            and (self.end_after is None or end >= self.end_after)
            and (self.end_before is None or end < self.end_before)
        )

    def may_have_matched(self, erased: Callback) -> bool:
        """Return whether an erased callback may have been in the selection, until it was erased.

        Where that depends on what is erased, its history is not known either: then every one may have been.
        """
        texts = self.supervisors or self.labels or self.dial_target or self.external_task_ids
        if not texts and all(isinstance(key, str) for key in self.keys):
            return self.matches(erased)
        return (
            (not (self.service_ids or self.service_sips) or erased.service_id in self.services)
            and (not self.caller_ids or erased.request.caller_id in self.caller_ids)
            and (not self.keys or any(_may_be_named(erased, key) for key in self.keys))
            and self.view.contains(erased)
        )


MATCH_ALL = CallbackFilter()


def _may_be_named(erased: Callback, key: Key) -> bool:
    if isinstance(key, str):
        return erased.callback_id == key
    return erased.request.caller_id == key.caller_id


def _is_named(callback_id: str, request: CallbackRequest, key: Key) -> bool:
    if isinstance(key, str):
        return callback_id == key
    named = (request.caller_id, request.external_task_id) == (key.caller_id, key.external_task_id)
    return named and request.external_task_id != ""  # an empty external id names no callback
