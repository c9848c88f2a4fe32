"""The use cases of DirectoryService: the services on whose behalf calls are made."""

import asyncio
from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import replace
from uuid import uuid4

from ringback.domain.errors import EtagMismatch, ServiceAlreadyExists, ServiceInUse, ServiceNotFound
from ringback.domain.service import Service
from ringback.ports import Clock, DuplicateService, RevisionConflict, Store

DEFAULT_PAGE_SIZE = 100
MAX_PAGE_SIZE = 1000


class Directory:
    """All services, kept in memory: they are few, and every request asks for one.

    A change is finished although its caller may be cancelled: what is stored must be known here too.
    """

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._by_id: dict[str, Service] = {}
        self._by_sip: dict[str, Service] = {}
        self._listeners: list[Callable[[Service], None]] = []
        # One change after the other: whoever gives no etag wants it made whatever others change at the same time.
        self._changing = asyncio.Lock()

    async def start(self) -> None:
        for service in await self._store.services():
            self._keep(service)

    def listen(self, listener: Callable[[Service], None]) -> None:
        """Call `listener` with every service that was created or changed from now on."""
        self._listeners.append(listener)

    def all(self) -> Sequence[Service]:
        return list(self._by_id.values())

    def get(self, service_id: str) -> Service:
        """Raises `ServiceNotFound`."""
        try:
            return self._by_id[service_id]
        except KeyError:
            raise ServiceNotFound("service_id", service_id) from None

    def find(self, service_id: str) -> Service | None:
        return self._by_id.get(service_id)

    def by_sip(self, sip_address: str) -> Service:
        """The service with this address, in its normal form. Raises `ServiceNotFound`."""
        try:
            return self._by_sip[sip_address]
        except KeyError:
            raise ServiceNotFound("service_sip", sip_address) from None

    def list(self, after_id: str, page_size: int) -> tuple[Sequence[Service], bool]:
        """Services by id, and whether there are more."""
        size = min(page_size or DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE)
        ids = sorted(self._by_id)
        start = bisect_right(ids, after_id)
        page = [self._by_id[service_id] for service_id in ids[start : start + size]]
        return page, start + size < len(ids)

    async def create(self, draft: Service) -> Service:
        """Store a new service; an empty id is assigned. Raises `ServiceAlreadyExists`."""
        now = self._clock.now()
        service = replace(
            draft, service_id=draft.service_id or str(uuid4()), create_time=now, update_time=now, revision=1
        )
        await asyncio.shield(self._put(service))
        return service

    async def update(self, service_id: str, etag: str, revise: Callable[[Service], Service]) -> Service:
        """Store what `revise` makes of the service. A non-empty `etag` must be the present one.

        Raises `ServiceNotFound`, `EtagMismatch`, `ServiceAlreadyExists` (the address), and what `revise` raises.
        """
        return await asyncio.shield(self._update(service_id, etag, revise))

    async def _update(self, service_id: str, etag: str, revise: Callable[[Service], Service]) -> Service:
        async with self._changing:
            current = self._at(service_id, etag)
            revised = replace(revise(current), update_time=self._clock.now(), revision=current.revision + 1)
            await self._put(revised)
            return revised

    async def delete(self, service_id: str, etag: str) -> None:
        """Raises `ServiceNotFound`, `EtagMismatch`, and `ServiceInUse` while callbacks of it have not ended."""
        await asyncio.shield(self._delete(service_id, etag))

    async def _delete(self, service_id: str, etag: str) -> None:
        async with self._changing:
            service = self._at(service_id, etag)
            try:
                deleted = await self._store.delete_service(service_id, service.revision)
            except RevisionConflict:
                raise EtagMismatch(self.get(service_id).etag, service_id=service_id) from None
            if not deleted:
                raise ServiceInUse(service_id)
            del self._by_id[service_id]
            del self._by_sip[service.sip_address]

    def _at(self, service_id: str, etag: str) -> Service:
        service = self.get(service_id)
        if etag and etag != service.etag:
            raise EtagMismatch(service.etag, service_id=service_id)
        return service

    async def _put(self, service: Service) -> None:
        try:
            await self._store.put_service(service)
        except DuplicateService as duplicate:
            raise ServiceAlreadyExists(duplicate.service_id, duplicate.field) from None
        except RevisionConflict:
            raise EtagMismatch(self.get(service.service_id).etag, service_id=service.service_id) from None
        self._keep(service)
        for listener in self._listeners:
            listener(service)

    def _keep(self, service: Service) -> None:
        if (previous := self._by_id.get(service.service_id)) is not None:
            del self._by_sip[previous.sip_address]
        self._by_id[service.service_id] = service
        self._by_sip[service.sip_address] = service
