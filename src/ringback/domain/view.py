"""What of all callbacks a caller can see: the callbacks of some callers, of some services."""

from collections.abc import Collection, Iterable
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from ringback.domain.callback import Callback
from ringback.domain.masked_callback import masked_callback
from ringback.domain.service import Service


class Area(Struct, frozen=True, kw_only=True):
    """The callbacks of these callers within these services; None stands for all."""

    caller_ids: tuple[str, ...] | None = None
    # As they were granted, sorted: ids in lower case, and SIP addresses in canonical form.
    services: tuple[str, ...] | None = None
    # The ids of those that exist, which are looked up when the view is used.
    service_ids: tuple[str, ...] | None = None
    # Numbers are seen masked only.
    masked: bool = False

    @property
    def within(self) -> tuple[str, ...] | None:
        """The ids of the services that it has, None for all: of those that were not looked up, it has none."""
        return self.service_ids if self.services is None else self.service_ids or ()

    def contains(self, callback: Callback) -> bool:
        within = self.within
        return (self.caller_ids is None or callback.request.caller_id in self.caller_ids) and (
            within is None or callback.service_id in within
        )

    def has_service(self, service: Service) -> bool:
        return self.services is None or service.service_id in self.services or service.sip_address in self.services

    def covers(self, other: "Area") -> bool:
        """Return whether everything that the other area shows is shown by this one, and no less of it."""
        return (
            _includes(self.caller_ids, other.caller_ids)
            and _includes(self.services, other.services)
            and (other.masked or not self.masked)
        )


class View(Struct, frozen=True):
    """The union of some areas."""

    areas: tuple[Area, ...]
    # Whether it shows which identity requested a change.
    shows_identities: bool = False

    @property
    def names_services(self) -> bool:
        """Whether services have to be looked up before it is used."""
        return any(area.services is not None for area in self.areas)

    @property
    def masks(self) -> bool:
        """Whether a part of it is seen masked only."""
        return any(area.masked for area in self.areas)

    def contains(self, callback: Callback) -> bool:
        return any(area.contains(callback) for area in self.areas)

    def has_service(self, service: Service) -> bool:
        return any(area.has_service(service) for area in self.areas)

    def may_have(self, name: str) -> bool:
        """Return whether a service that does not exist would be in the view by this id or address."""
        return any(area.services is None or name in area.services for area in self.areas)

    def caller_ids_in(self, service_id: str) -> Collection[str] | None:
        """Return the callers whose callbacks of this service are in the view; None for all."""
        areas = [area for area in self.areas if area.within is None or service_id in area.within]
        if any(area.caller_ids is None for area in areas):
            return None
        return {caller_id for area in areas for caller_id in area.caller_ids or ()}

    def covers(self, other: "View") -> bool:
        """Return whether everything that the other view shows is shown by this one, and no less of it."""
        return (self.shows_identities or not other.shows_identities) and all(
            any(mine.covers(theirs) for mine in self.areas) for theirs in other.areas
        )

    def of(self, services: Iterable[Service]) -> "View":
        """Return the view with the ids of those services that it names."""
        if not self.names_services:
            return self
        known = list(services)
        return replace(self, areas=tuple(_with_ids(area, known) for area in self.areas))

    def without_masked(self) -> "View":
        """Return the part in which numbers are not masked."""
        return replace(self, areas=tuple(area for area in self.areas if not area.masked))

    def shown(self, callback: Callback) -> Callback:
        """Return the callback as this view shows it: with masked numbers where nothing shows it without."""
        if not self.masks or any(area.contains(callback) for area in self.areas if not area.masked):
            return callback
        return masked_callback(callback)


EVERYTHING: Final = View((Area(),), shows_identities=True)


def _with_ids(area: Area, services: Iterable[Service]) -> Area:
    if area.services is None:
        return area
    return replace(area, service_ids=tuple(sorted(s.service_id for s in services if area.has_service(s))))


def _includes(mine: Collection[str] | None, theirs: Collection[str] | None) -> bool:
    return mine is None or (theirs is not None and set(mine).issuperset(theirs))
