"""Turns: what is done for calls is done on one event loop, and each sender gets a fair share of it.

Few calls are worked on at a time. Those that wait are taken by turns: one of each account, and within an account one of
each connection. So the time that a call takes depends on how many others send, and not on how much one of them sends.
A sender that is alone is not slowed down.
"""

import asyncio
from collections import OrderedDict, deque
from collections.abc import Callable
from types import TracebackType
from typing import Final

from ringback.domain.errors import ServerDraining

# Calls at a time while one sender is alone: with more, each takes longer, and all together are no faster.
ALONE: Final = 256
# The same beside a sender of single calls: the fewer there are, the sooner its next one is done.
SHARED: Final = 3
# A batch counts as so many calls: it leaves room for those of others.
BULK_ALONE: Final = 64
BULK_SHARED: Final = SHARED - 1
# On a connection that has no other one, a call does not wait, up to so many connections of one account. Beside senders
# of single calls up to SHARED: a flood with a connection for each of its calls would be as many of them.
NEW: Final = 8
# For so long after a call, more of its sender are expected.
RECENT_S: Final = 5.0
_MANY_SENDERS: Final = 1000
# Those that wait give way to calls that arrive, for so many rounds of the loop: calls that have not arrived yet are in
# one queue, inside gRPC.
ARRIVALS: Final = 50
# In place of a connection: all that carry one call at a time, which are those of HTTP/1.1.
_SERIAL: Final = "one at a time"
# The account of the calls that are refused: an identity of this name shares its turns with them.
_REFUSED: Final = "refused"
# Callbacks that a batch stores at a time: what others send is stored in between.
PORTION_ALONE: Final = 1000
PORTION_SHARED: Final = 8
# Of a long loop over items: after so many, others have their turn.
_STEPS: Final = 8


async def give_way(index: int) -> None:
    """Let other tasks run, now and then. Call it in a loop over items that may be many, with the index of each."""
    if index % _STEPS == _STEPS - 1:
        await asyncio.sleep(0)


class _Connection:
    __slots__ = ("inside", "name", "waiting")

    def __init__(self, name: str) -> None:
        self.name = name
        self.inside = 0
        self.waiting: deque[CallTurn] = deque()


class _Account:
    __slots__ = ("busy", "connections", "name", "queue")

    def __init__(self, name: str) -> None:
        self.name = name
        # The connections with a call that is worked on.
        self.busy = 0
        self.connections: dict[str, _Connection] = {}
        # Those with calls that wait, the one whose turn is next first.
        self.queue: OrderedDict[str, _Connection] = OrderedDict()


class Turns:
    """The calls that are worked on, and those that wait."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        # The weight of the calls that are worked on.
        self._inside = 0
        self._accounts: dict[str, _Account] = {}
        # Those with calls that wait, the one whose turn is next first.
        self._queue: OrderedDict[str, _Account] = OrderedDict()
        self._last_sender = ""
        # Until when those that were not the last one have sent, of late.
        self._senders: dict[str, float] = {}
        self._shared_until = 0.0
        self._listeners: list[Callable[[bool], None]] = []
        self._was_shared = False
        self._is_scheduled = False
        self._has_arrived = False
        self._rounds = 0
        self._closed = False

    def listen(self, listener: Callable[[bool], None]) -> None:
        """Call `listener` with True once several senders share the event loop, and with False once one has it alone.

        That is with the first call that shows it.
        """
        self._listeners.append(listener)

    def turn(
        self, identity: str, account: str, connection: str, *, bulk: bool = False, serial: bool = False
    ) -> "CallTurn":
        """Return the turn of one call, to be entered. A sender is an identity, or a connection where there is none.

        `serial`: the connection carries one call at a time, so a client has as many of them as calls. All of an account
        are one.
        """
        if serial:
            connection = f"{account} {_SERIAL}"
        return CallTurn(self, identity or connection, account, connection, bulk=bulk)

    def refusal(self, connection: str) -> "CallTurn":
        """Return the turn of a call that is refused, whoever it comes from: those of strangers are work as well.

        They are all of one account, and a sender of single calls that are refused gets no precedence.
        """
        return CallTurn(self, _REFUSED, _REFUSED, connection, bulk=False)

    def portion(self) -> int:
        """Return how many callbacks of a batch are to be stored at a time."""
        return PORTION_SHARED if self._is_shared() else PORTION_ALONE

    def close(self) -> None:
        """Refuse the calls that wait, with `ServerDraining`: for them, nothing was done yet."""
        self._closed = True
        while (turn := self._pop()) is not None:
            turn.refuse()

    # --- For the turn ------------------------------------------------------------------------------------------

    def take(self, turn: "CallTurn") -> bool:
        """Take the call in, or let it wait; return whether it is in."""
        account = self._accounts.get(turn.account)
        if account is None:
            account = self._accounts[turn.account] = _Account(turn.account)
        connection = account.connections.get(turn.connection)
        if connection is None:
            connection = account.connections[turn.connection] = _Connection(turn.connection)
        is_single = turn.account != _REFUSED and connection.inside == 0 and not connection.waiting
        if turn.sender != self._last_sender:
            self._note(turn.sender, is_single=is_single)
        if self._was_shared and not self._is_shared():
            self._tell(shared=False)
        most_new = SHARED if self._is_shared() else NEW
        if (is_single and account.busy < most_new) or (not self._queue and self._inside < self._limit()):
            self._enter(turn, account, connection)
            return True
        if self._closed:
            raise ServerDraining
        self._has_arrived = True
        connection.waiting.append(turn)
        account.queue.setdefault(connection.name, connection)
        self._queue.setdefault(account.name, account)
        return False

    def leave(self, turn: "CallTurn") -> None:
        account = self._accounts[turn.account]
        connection = account.connections[turn.connection]
        self._inside -= turn.weight
        connection.inside -= 1
        account.busy -= connection.inside == 0
        self._forget(account, connection)
        if self._queue and not self._is_scheduled:
            if self._is_shared():
                self._schedule()
            else:
                while self._inside < ALONE and self._let_one_in():
                    pass

    # --- Who is there ------------------------------------------------------------------------------------------

    def _note(self, sender: str, *, is_single: bool) -> None:
        """Note that the sender is not the last one. It is one of several if it has been there before, of late."""
        now = self._monotonic()
        self._senders[self._last_sender] = now
        self._last_sender = sender
        if is_single and self._senders.get(sender, -RECENT_S) > now - RECENT_S:
            self._shared_until = now + RECENT_S
            if not self._was_shared:
                self._tell(shared=True)
        if len(self._senders) > _MANY_SENDERS:
            self._senders.clear()

    def _tell(self, *, shared: bool) -> None:
        self._was_shared = shared
        for listener in self._listeners:
            listener(shared)

    # --- Who is next -------------------------------------------------------------------------------------------

    def _is_shared(self) -> bool:
        return self._monotonic() < self._shared_until

    def _limit(self) -> int:
        return SHARED if self._is_shared() else ALONE

    def _enter(self, turn: "CallTurn", account: _Account, connection: _Connection) -> None:
        if turn.bulk:
            turn.weight = BULK_SHARED if self._is_shared() else BULK_ALONE
        self._inside += turn.weight
        account.busy += connection.inside == 0
        connection.inside += 1

    def _schedule(self) -> None:
        self._is_scheduled = True
        asyncio.get_running_loop().call_soon(self._next)

    def _next(self) -> None:
        """Let in one that waits, in each round of the loop: what the round has to do for others is not held up."""
        self._is_scheduled = False
        has_arrived, self._has_arrived = self._has_arrived, False
        if has_arrived and self._rounds < ARRIVALS:
            self._rounds += 1
        else:
            self._rounds = 0
            if self._inside < self._limit():
                self._let_one_in()
        if self._queue and self._inside < self._limit():
            self._schedule()

    def _let_one_in(self) -> bool:
        turn = self._pop()
        if turn is None:
            return False
        account = self._accounts[turn.account]
        self._enter(turn, account, account.connections[turn.connection])
        turn.let_in()
        return True

    def _pop(self) -> "CallTurn | None":
        """Take the next one out of the queue; None when nothing waits any more."""
        while self._queue:
            _, account = self._queue.popitem(last=False)
            _, connection = account.queue.popitem(last=False)
            turn = connection.waiting.popleft()
            if connection.waiting:
                account.queue[connection.name] = connection
            if account.queue:
                self._queue[account.name] = account
            if not turn.is_given_up:
                return turn
            self._forget(account, connection)
        return None

    def _forget(self, account: _Account, connection: _Connection) -> None:
        if connection.inside == 0 and not connection.waiting:
            del account.connections[connection.name]
            if not account.connections:
                del self._accounts[account.name]


class CallTurn:
    """The turn of one call: `async with turns.turn(…):` waits for it, and works on the call in the block."""

    __slots__ = ("_come", "_turns", "account", "bulk", "connection", "sender", "weight")

    def __init__(self, turns: Turns, sender: str, account: str, connection: str, *, bulk: bool) -> None:
        self._turns = turns
        self.sender = sender
        self.account = account
        self.connection = connection
        self.bulk = bulk
        self.weight = 1
        # Done when the turn has come; None while the call need not wait.
        self._come: asyncio.Future[None] | None = None

    @property
    def is_given_up(self) -> bool:
        """Return whether the call was cancelled while it waited."""
        return self._come is not None and self._come.done()

    def let_in(self) -> None:
        assert self._come is not None
        self._come.set_result(None)

    def refuse(self) -> None:
        assert self._come is not None
        self._come.set_exception(ServerDraining())

    async def __aenter__(self) -> None:
        """Wait until the turn has come. Raise `ServerDraining` when it will not come any more."""
        if self._turns.take(self):
            return
        self._come = asyncio.get_running_loop().create_future()
        try:
            await self._come
        except asyncio.CancelledError:
            # The turn may have come at the same moment.
            if not self._come.cancelled() and self._come.exception() is None:
                self._turns.leave(self)
            raise

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._turns.leave(self)
