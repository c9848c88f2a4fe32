"""What the log tells about a lease reaches its dialer, whichever of the two comes first."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from ringback.application.dispatch import lease_watch
from ringback.application.dispatch.lease_watch import LeaseNews, LeaseWatch
from ringback.domain.callback import Callback
from ringback.domain.ids import LeaseToken
from ringback.ports.values import EventKind, LoggedEvent
from tests.world.samples import cancel, dial, new, offer


class Feed:
    """Tells of what a test appends."""

    def __init__(self) -> None:
        self.watch = LeaseWatch(self)  # type: ignore[arg-type]

    def listen(self, listener: object) -> None:
        self._listener = listener

    def append(self, *callbacks: Callback) -> None:
        self._listener([LoggedEvent(1, EventKind.UPDATED, one, None) for one in callbacks])  # type: ignore[operator]

    @contextmanager
    def noted(self, callback: Callback, fencing_token: int = 1) -> Iterator[list[LeaseNews]]:
        news: list[LeaseNews] = []
        with self.watch.watch(LeaseToken(callback.callback_id, fencing_token, ""), news.append):
            yield news


def test_news_after_the_dialer_began() -> None:
    feed, offered = Feed(), offer(new())
    with feed.noted(offered) as news:
        feed.append(offered, dial(offered), cancel(dial(offered)))
        feed.append(cancel(offer(new())))
    feed.append(cancel(offered))
    assert news == [LeaseNews(1, True, False), LeaseNews(1, True, False), LeaseNews(1, True, True)]


def test_news_before_the_dialer_began() -> None:
    """The callback was cancelled before its dialer had heard that it was granted the lease."""
    feed, offered = Feed(), offer(new())
    feed.append(offered, cancel(offered))
    with feed.noted(offered) as news:
        assert news == [LeaseNews(1, False, False)]


def test_news_of_an_earlier_lease_are_none() -> None:
    feed, offered = Feed(), offer(new())
    feed.append(cancel(offered))
    with feed.noted(offered, fencing_token=2) as news:
        assert news == []


def test_two_calls_of_one_callback_hear_the_same() -> None:
    feed, offered = Feed(), offer(new())
    with feed.noted(offered) as first:
        with feed.noted(offered) as second:
            feed.append(offered)
        feed.append(cancel(offered))
    assert (len(first), len(second)) == (2, 1)


def test_only_the_last_callbacks_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    """No number of callbacks that have ended takes more memory."""
    monkeypatch.setattr(lease_watch, "_REMEMBERED", 2)
    feed, some = Feed(), [offer(new()) for _ in range(3)]
    feed.append(*map(cancel, some))
    feed.append(new())
    heard = []
    for callback in some:
        with feed.noted(callback) as news:
            heard.append(len(news))
    assert heard == [0, 1, 1]
