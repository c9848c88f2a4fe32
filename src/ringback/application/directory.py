"""The use cases of DirectoryService: the services on whose behalf calls are made."""

import asyncio
import logging
from bisect import bisect_right
from collections.abc import Awaitable, Callable, Sequence
from uuid import uuid4

from msgspec.structs import replace

from ringback.application.access import Caller, Right
from ringback.application.outage import OutageLog
from ringback.application.to_the_end import to_the_end
from ringback.domain.errors import (
    EtagMismatch,
    NotAllowed,
    ServiceAlreadyExists,
    ServiceInUse,
    ServiceNotFound,
    StorageUnavailable,
)
from ringback.domain.request import ServiceName
from ringback.domain.service import Service, with_halts
from ringback.domain.view import View
from ringback.ports.clock import Clock
from ringback.ports.errors import DuplicateService, RevisionConflict
from ringback.ports.store import ServiceStore

_log = logging.getLogger(__name__)

DEFAULT_PAGE_SIZE = 100
MAX_PAGE_SIZE = 1000
_RETRY_S = 0.5


class Directory:
    """All services, kept in memory: they are few, and every request needs one.

    Other servers on the same database may change services, too. `run` picks that up soon; a lookup that finds no
    service, and every change of one, reads the store first.
    """

    def __init__(self, store: ServiceStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._by_id: dict[str, Service] = {}
        self._by_sip: dict[str, Service] = {}
        # The time zones that this machine lacks, by service.
        self._lacking: dict[str, str] = {}
        # The store's version of all services when they were last read.
        self._version = -1
        self._listeners: list[Callable[[Service], None]] = []
        self._settling: list[Callable[[], Awaitable[None]]] = []
        # Grows with each change that is known here.
        self.changes = 0
        # Held while services are changed or read again, so that nothing older ever replaces something newer.
        self._changing = asyncio.Lock()
        self._outage = OutageLog()

    async def start(self) -> None:
        """Read all services. Raise `StorageUnavailable`."""
        await self.refresh()

    async def run(self) -> None:
        """Pick up what other servers change, until cancelled, whatever happens to the database meanwhile."""
        while True:
            try:
                await self._store.wait_for_services(self._version)
                await self.refresh()
                self._outage.end()
            except StorageUnavailable as fault:
                _log.log(self._outage.level(), "cannot read the services, trying again: %s", fault)
                await asyncio.sleep(_RETRY_S)

    def listen(self, listener: Callable[[Service], None], settle: Callable[[], Awaitable[None]] | None = None) -> None:
        """Call `listener` with every service that is created or changed from now on.

        An update waits for `settle`: so a caller that has closed a service finds its callbacks as that has them.
        """
        self._listeners.append(listener)
        if settle is not None:
            self._settling.append(settle)

    # --- Look up -----------------------------------------------------------------------------------------------

    def all(self) -> Sequence[Service]:
        return list(self._by_id.values())

    def granted(self, caller: Caller, right: Right) -> Sequence[Service]:
        """Return the services for which the caller has this right, as they are known here. Raise `NotAllowed`."""
        view = caller.view_of(right)
        return [service for service in self._by_id.values() if view.has_service(service)]

    def find(self, service_id: str) -> Service | None:
        """Return the service as it is known here; None when it is not."""
        return self._by_id.get(service_id)

    async def get(self, service_id: str) -> Service:
        """Return the service with this id. Raise `ServiceNotFound`."""
        if service_id not in self._by_id:
            await self.refresh()
        try:
            return self._by_id[service_id]
        except KeyError:
            raise ServiceNotFound("service_id", service_id) from None

    async def by_sip(self, sip_address: str) -> Service:
        """Return the service with this address in canonical form. Raise `ServiceNotFound`."""
        if sip_address not in self._by_sip:
            await self.refresh()
        try:
            return self._by_sip[sip_address]
        except KeyError:
            raise ServiceNotFound("service_sip", sip_address) from None

    async def named(self, name: ServiceName) -> Service:
        """Return the service that a request names. Raise `ServiceNotFound`."""
        return await (self.get(name.key) if name.field == "service_id" else self.by_sip(name.key))

    async def resolve(self, view: View) -> View:
        """Return the view with the ids of the services that it names. Raise `StorageUnavailable`."""
        if not view.names_services:
            return view
        await self.refresh()
        return self.resolve_known(view)

    def resolve_known(self, view: View) -> View:
        """Return the same, by the services as they are known here."""
        return view.of(self._by_id.values())

    async def seen(self, caller: Caller, name: ServiceName, right: Right = Right.READ_SERVICES) -> Service:
        """Return the service that a request of this caller names.

        Raise `NotAllowed` for one that is not granted, whether it exists or not, and `ServiceNotFound`.
        """
        view = caller.view_of(right)
        try:
            service = await self.named(name)
        except ServiceNotFound:
            if not view.may_have(name.key):
                raise not_granted(name) from None
            raise
        if not view.has_service(service):
            raise not_granted(name)
        return service

    async def known(self, names: Sequence[ServiceName]) -> Sequence[Service]:
        """Return those of the named services that exist. An address may have gone to another service meanwhile."""
        if any(name.field == "service_sip" or self._find(name) is None for name in names):
            await self.refresh()
        return [service for name in names if (service := self._find(name)) is not None]

    def _find(self, name: ServiceName) -> Service | None:
        return (self._by_id if name.field == "service_id" else self._by_sip).get(name.key)

    def list(self, caller: Caller, after_id: str, page_size: int) -> tuple[Sequence[Service], bool]:
        """Return the caller's services by id, up to `page_size` (0: 100; at most 1000), and whether there are more.

        Raise `NotAllowed`.
        """
        view = caller.view_of(Right.READ_SERVICES)
        size = min(page_size or DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE)
        ids = sorted(service_id for service_id, service in self._by_id.items() if view.has_service(service))
        start = bisect_right(ids, after_id)
        page = [self._by_id[service_id] for service_id in ids[start : start + size]]
        return page, start + size < len(ids)

    async def refresh(self) -> None:
        """Read everything that was committed before this call. Raise `StorageUnavailable`."""
        if await self._store.services_version() != self._version:
            async with self._changing:
                await self._read()

    # --- Change: completed even if the caller is cancelled, since what is stored must be known here, too -------

    async def create(self, caller: Caller, draft: Service) -> Service:
        """Store a new service, with a new id if it has none. Raise `NotAllowed`, `ServiceAlreadyExists`."""
        caller.view_of(Right.ADMINISTER)
        now = self._clock.now()
        service = replace(
            draft, service_id=draft.service_id or str(uuid4()), create_time=now, update_time=now, revision=1
        )
        service = with_halts(service, None, now, caller.identity)
        await to_the_end(self._create(caller, service))
        return service

    async def _create(self, caller: Caller, service: Service) -> None:
        async with self._changing:
            await self._put(service)
        _tell(caller, "created", service)

    async def update(self, caller: Caller, service_id: str, etag: str, revise: Callable[[Service], Service]) -> Service:
        """Store what `revise` makes of the service. A non-empty `etag` must be the current one.

        Raise `NotAllowed`, `ServiceNotFound`, `EtagMismatch`, `ServiceAlreadyExists` (the address), and what `revise`
        raises.
        """
        caller.view_of(Right.ADMINISTER)
        service = await to_the_end(self._update(caller, service_id, etag, revise))
        for settle in self._settling:
            await settle()
        return service

    async def _update(
        self, caller: Caller, service_id: str, etag: str, revise: Callable[[Service], Service]
    ) -> Service:
        async with self._changing:
            while True:
                current = await self._current(service_id, etag)
                now = self._clock.now()
                revised = replace(revise(current), update_time=now, revision=current.revision + 1)
                revised = with_halts(revised, current, now, caller.identity)
                try:
                    await self._put(revised)
                except RevisionConflict:
                    continue  # another server was faster; without an etag the change is made all the same
                _tell(caller, "changed", revised)
                return revised

    async def delete(self, caller: Caller, service_id: str, etag: str) -> None:
        """Delete a service.

        Raise `NotAllowed`, `ServiceNotFound`, `EtagMismatch`, or `ServiceInUse` if callbacks have not ended.
        """
        caller.view_of(Right.ADMINISTER)
        await to_the_end(self._delete(caller, service_id, etag))

    async def _delete(self, caller: Caller, service_id: str, etag: str) -> None:
        async with self._changing:
            while True:
                service = await self._current(service_id, etag)
                try:
                    deleted = await self._store.delete_service(service_id, service.revision)
                except RevisionConflict:
                    continue
                if not deleted:
                    raise ServiceInUse(service_id)
                self._forget(service)
                _tell(caller, "deleted", service)
                return

    async def _current(self, service_id: str, etag: str) -> Service:
        """Return the service as it is in the store, not only as it is known here."""
        await self._read()
        service = self.find(service_id)
        if service is None:
            raise ServiceNotFound("service_id", service_id)
        if etag and etag != service.etag:
            raise EtagMismatch(service.etag, service_id=service_id)
        return service

    async def _put(self, service: Service) -> None:
        try:
            await self._store.put_service(service)
        except DuplicateService as duplicate:
            raise ServiceAlreadyExists(duplicate.service_id, duplicate.field) from None
        self._keep(service)

    # --- What is known here ------------------------------------------------------------------------------------

    async def _read(self) -> None:
        if await self._store.services_version() == self._version:
            return
        stored = await self._store.services()
        self._version = stored.version
        ids = {service.service_id for service in stored.services}
        for gone in [service for service in self._by_id.values() if service.service_id not in ids]:
            self._forget(gone)
        changed = [service for service in stored.services if service != self.find(service.service_id)]
        # Two may have exchanged their addresses: first everything old is removed.
        for previous in [self._by_id[s.service_id] for s in changed if s.service_id in self._by_id]:
            self._forget(previous)
        for service in changed:
            self._keep(service)

    def _keep(self, service: Service) -> None:
        self.changes += 1
        if (previous := self.find(service.service_id)) is not None:
            self._forget(previous)
        self._by_id[service.service_id] = service
        self._by_sip[service.sip_address] = service
        self._tell_zone(service)
        for listener in self._listeners:
            listener(service)

    def _tell_zone(self, service: Service) -> None:
        """Log, once for each service and zone, that this machine lacks its zone, and that it does no more."""
        zone = service.opening_hours.time_zone if service.opening_hours.lacks_zone else ""
        if zone == self._lacking.get(service.service_id, ""):
            return
        if zone:
            self._lacking[service.service_id] = zone
            _log.warning(
                "service %s is closed on this server, which has no data of its time zone %s; the others go on",
                service.service_id,
                zone,
            )
        else:
            del self._lacking[service.service_id]
            _log.info("service %s has the time zone %s now", service.service_id, service.opening_hours.time_zone)

    def _forget(self, service: Service) -> None:
        self.changes += 1
        del self._by_id[service.service_id]
        del self._by_sip[service.sip_address]


def _tell(caller: Caller, what: str, service: Service) -> None:
    """Log who has done what. What the server does of its own accord has no account, and its own line."""
    if caller.account:
        _log.info("%s has %s service %s (%s)", caller.account, what, service.sip_address, service.service_id)


def not_granted(name: ServiceName) -> NotAllowed:
    return NotAllowed(f"this identity has no grant for service {name.key}")
