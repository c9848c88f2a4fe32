"""Which services have figures of their own: as many as a scrape has room for."""

from collections.abc import Collection
from typing import Final

from ringback.application.directory import Directory
from ringback.domain.masking import mask_numbers
from ringback.domain.service import Service

# A service has up to 60 lines in a scrape. Those that were created first have their own: the set changes only when
# one of them is deleted.
MAX_SERVICES: Final = 100
# What all the others are together.
OTHER: Final = "other"


class ServiceLabels:
    """The values of the label `service_id`: ids, which say nothing about people."""

    def __init__(self, directory: Directory, max_services: int = MAX_SERVICES) -> None:
        self._directory = directory
        self._max = max_services
        self._own: dict[str, None] = {}
        self._seen = -1

    def of(self, service_id: str) -> str:
        """Return the label of a service."""
        self._follow()
        return service_id if service_id in self._own else OTHER

    def all(self) -> Collection[str]:
        """Return every label that anything may have now."""
        self._follow()
        return (*self._own, OTHER)

    def may_have(self, label: str) -> bool:
        """Return whether it is the label of anything, still."""
        self._follow()
        return label == OTHER or label in self._own

    def _follow(self) -> None:
        if self._seen == self._directory.changes:
            return
        self._seen = self._directory.changes
        by_age = sorted(self._directory.all(), key=lambda service: (service.create_time, service.service_id))
        self._own = dict.fromkeys(service.service_id for service in by_age[: self._max])


def masked_address(service: Service) -> str:
    """Return the address of a service without telephone numbers: it may be a person's."""
    return mask_numbers(service.sip_address)
