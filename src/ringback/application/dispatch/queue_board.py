"""All queues as they look now, brought up to date once for all that watch them.

A look costs little for what has not changed: a view is made anew only when something that it follows from has changed
(an event, a setting, a dialer, a rest, an opening), and every few seconds where time alone may change it.
"""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Final

from msgspec import Struct

from ringback.application.directory import Directory
from ringback.application.dispatch.dialer_presence import DialerPresence, Dialers
from ringback.application.dispatch.queue_view import QueueView, QueueViews, is_news
from ringback.application.queue_figures import QueueFigures
from ringback.domain.service import Service
from ringback.ports.clock import Clock

# What only time changes is looked at so often: estimates, what is due within the hour, what expires before its turn.
_AGE_S: Final = 5.0
# Services that are looked at in one go. Others have their turn in between.
_AT_ONCE: Final = 100


class Picture(Struct):
    """One queue, and the looks with which it and its settings changed last."""

    view: QueueView
    view_changed: int
    service: Service
    service_changed: int
    # What the last view followed from, and when it was made.
    basis: tuple[object, ...]
    at_s: float


class QueueBoard:
    """The pictures of all queues, by service."""

    def __init__(
        self, views: QueueViews, figures: QueueFigures, directory: Directory, presence: DialerPresence, clock: Clock
    ) -> None:
        self._views = views
        self._figures = figures
        self._directory = directory
        self._presence = presence
        self._clock = clock
        self._pictures: dict[str, Picture] = {}
        self._looking = asyncio.Lock()
        # Grows with each look that has found something new.
        self.number = 0
        # When the last look began.
        self._begun_s = float("-inf")

    @property
    def pictures(self) -> Mapping[str, Picture]:
        return self._pictures

    async def look(self) -> None:
        """Bring the pictures up to date with all that is committed now. Raise `StorageUnavailable`.

        Those that come while others look share the next look.
        """
        come_s = self._clock.monotonic()
        async with self._looking:
            if self._begun_s > come_s:
                return
            now_s = self._clock.monotonic()
            await self._look(now_s)
            self._begun_s = now_s

    async def _look(self, now_s: float) -> None:
        await self._figures.catch_up()
        attendances = await self._presence.attendances()
        services = self._directory.all()
        number = self.number + 1
        gone = self._pictures.keys() - {service.service_id for service in services}
        for service_id in gone:
            del self._pictures[service_id]
        self._views.forget(gone)
        for start in range(0, len(services), _AT_ONCE):
            portion = services[start : start + _AT_ONCE]
            if await self._look_at(portion, attendances, number, now_s):
                self.number = number
            await asyncio.sleep(0)
        if gone:
            self.number = number

    async def _look_at(self, services: Sequence[Service], attendances: Dialers, number: int, now_s: float) -> bool:
        """Look at those of the services that may look different; return whether one does."""
        now = self._clock.now()
        stale = {
            service.service_id: basis
            for service in services
            if self._is_stale(service, basis := self._views.basis(service, attendances, now), now_s)
        }
        if not stale:
            return False
        has_news = False
        looks = await self._views.look_at([s for s in services if s.service_id in stale], attendances)
        for _, view in looks:
            service_id = view.service.service_id
            has_news |= self._update(view, stale[service_id], number, now_s)
        return has_news

    def _is_stale(self, service: Service, basis: tuple[object, ...], now_s: float) -> bool:
        picture = self._pictures.get(service.service_id)
        if picture is None or picture.basis != basis:
            return True
        return now_s - picture.at_s >= _AGE_S and self._views.has_open(service)

    def _update(self, view: QueueView, basis: tuple[object, ...], number: int, now_s: float) -> bool:
        service = view.service
        picture = self._pictures.get(service.service_id)
        if picture is None:
            self._pictures[service.service_id] = Picture(view, number, service, number, basis, now_s)
            return True
        picture.basis, picture.at_s = basis, now_s
        has_news = False
        if service != picture.service:
            picture.service, picture.service_changed, has_news = service, number, True
        if is_news(view, picture.view):
            picture.view, picture.view_changed, has_news = view, number, True
        return has_news
