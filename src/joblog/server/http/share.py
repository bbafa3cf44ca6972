"""What there is only so much of, shared among those who call: memory for bodies, places for searches, unread answers.

Nobody takes more of it than it leaves free. So who is alone gets a half, of two each gets a third, and for one who has none yet
there is some left, whatever another does: one caller never keeps another out. A caller is a token, all tokens of one user, or,
where there is none, an address.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from contextvars import ContextVar
from functools import partial
from typing import Any, Protocol, TypeVar

from joblog.core.accounts import Grant
from joblog.core.settings import Settings
from joblog.errors import Busy
from joblog.server.http.asgi import HTTPScope
from joblog.server.http.limits import address_of, network_of

Headers = Iterable[tuple[bytes, bytes]]

T = TypeVar("T")


class KnownTokens(Protocol):
    """Whoever knows which token a request has: ``remembered`` answers from memory alone."""

    def caller(self, headers: Headers) -> Grant | None: ...
    def remembered(self, headers: Headers) -> Grant | None: ...


class Caller:
    """Who sent a request, the one that is being answered ``with`` it. The token is looked up when that is asked for first."""

    __slots__ = ("_auth", "_holds", "_known", "_scope", "_settings")

    def __init__(self, scope: HTTPScope, settings: Settings, auth: KnownTokens | None) -> None:
        """``auth`` is None where the request has not been believed yet: then it is the address that counts."""
        self._scope, self._settings, self._auth = scope, settings, auth
        self._known: str | None = None
        self._holds: list[Taken] = []

    def __enter__(self) -> Caller:
        CALLER.set(self)
        return self

    def __exit__(self, *_: object) -> None:
        while self._holds:  # what was held for the request is given back
            self._holds.pop().close()

    @property
    def name(self) -> str:
        """The caller's name: the same for all its requests."""
        if self._known is None:
            self._known = self._named(None if self._auth is None else self._auth.caller(self._scope["headers"]))
        return self._known

    @property
    def name_at_once(self) -> str:
        """The name, as far as it is in memory; else the address: for whoever must not ask the catalog."""
        if self._known is not None:
            return self._known
        return self._named(None if self._auth is None else self._auth.remembered(self._scope["headers"]))

    def _named(self, token: Grant | None) -> str:
        if token is None:
            return f"address {network_of(address_of(self._scope, self._settings))}"
        return f"user {token.user_id}" if token.user_id is not None else f"token {token.id}"

    def believe(self, scope: HTTPScope, auth: KnownTokens) -> None:
        """Goes by the token of a request that has been believed meanwhile; what it has taken stays the address's."""
        self._scope, self._auth, self._known = scope, auth, None

    def hold(self, taken: Taken) -> None:
        """Keeps what was taken of a share until the request is answered."""
        self._holds.append(taken)


class ServerCaller(Caller):
    """The server, for what it asks of itself: a caller among the others, with a share as theirs."""

    def __init__(self) -> None:
        self._holds = []

    @property
    def name(self) -> str:
        """No token's, and no address."""
        return "joblog"


CALLER: ContextVar[Caller] = ContextVar("caller")
"""Whose request is being answered."""


class Share:
    """So many bytes, or places. Used from the event loop, or by one thread at a time."""

    def __init__(self, most: int, message: str) -> None:
        """``message``: what who gets none is told."""
        self._most, self._message = most, message
        self._taken = 0
        self._callers: dict[str, int] = {}

    def hold(self, amount: int = 1) -> None:
        """Takes some until the request is answered; raises Busy."""
        taken = Taken(self)
        taken.more(amount)
        CALLER.get().hold(taken)

    def taking(self, amount: int = 0) -> Taken:
        """Takes some, which is given back at the end of a ``with``; raises Busy."""
        taken = Taken(self)
        taken.more(amount)
        return taken

    def take(self, caller: str, amount: int, own: int) -> None:
        """Takes some more for whoever has ``own`` of it at this one place; raises Busy. Alone one gets whatever it wants."""
        has = self._callers.get(caller, 0)
        if self._taken != own and has + amount > self._most - self._taken:
            raise Busy(self._message)
        self._taken += amount
        self._callers[caller] = has + amount

    def give_back(self, caller: str, amount: int) -> None:
        """Gives back what was taken."""
        self._taken -= amount
        self._callers[caller] -= amount
        if not self._callers[caller]:
            del self._callers[caller]


class Taken:
    """What one request has taken of a share."""

    __slots__ = ("_amount", "_caller", "_share")

    def __init__(self, share: Share) -> None:
        self._share, self._caller, self._amount = share, "", 0

    def __enter__(self) -> Taken:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def more(self, amount: int) -> None:
        """Takes more; raises Busy."""
        if amount:
            self._caller = self._caller or CALLER.get().name
            self._share.take(self._caller, amount, self._amount)
            self._amount += amount

    def close(self) -> None:
        """Gives all of it back; again does nothing."""
        amount, self._amount = self._amount, 0
        if amount:
            self._share.give_back(self._caller, amount)


class Turns:
    """Places as those of a share, for which one waits: whoever has fewest is next, of those the one who waited longest since
    its last turn. Used from the event loop.
    """

    def __init__(self, places: int) -> None:
        self._free = places
        self._taken = Counter[str]()
        self._waiting: list[tuple[str, asyncio.Future[None]]] = []
        self._turns = 0
        self._last: dict[str, int] = {}

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Waits for a place, and has it until the end."""
        caller = await self._begun()
        try:
            yield
        finally:
            self._end(caller)

    async def run(self, threads: ThreadPoolExecutor, call: Callable[[], T]) -> T:
        """Waits for a place and makes a call in one of as many threads; has the place until that ends, also when cancelled."""
        caller = await self._begun()
        try:
            running = asyncio.get_running_loop().run_in_executor(threads, call)
        except BaseException:
            self._end(caller)
            raise
        running.add_done_callback(partial(self._ran, caller))
        try:
            return await asyncio.shield(running)
        finally:
            del running  # what was raised would hold this frame, and this what was raised, with all that its frames hold

    def _ran(self, caller: str, running: asyncio.Future[Any]) -> None:
        self._end(caller)
        if not running.cancelled():
            running.exception()  # for whoever waits for it, or nobody

    async def _begun(self) -> str:
        waiter = CALLER.get().name, asyncio.get_running_loop().create_future()
        self._waiting.append(waiter)
        try:
            self._admit()
            await waiter[1]
        except BaseException:
            if waiter in self._waiting:  # nobody waits for it any more
                self._waiting.remove(waiter)
            else:
                self._end(waiter[0])
            raise
        return waiter[0]

    def _end(self, caller: str) -> None:
        self._free += 1
        self._taken[caller] -= 1
        self._taken += Counter()  # without those who have none
        self._admit()

    def _admit(self) -> None:
        while self._waiting and self._free:
            caller, place = waiter = min(self._waiting, key=lambda each: (self._taken[each[0]], self._last.get(each[0], 0)))
            if self._taken[caller] >= self._free:
                break
            self._waiting.remove(waiter)
            self._free -= 1
            self._taken[caller] += 1
            self._turns += 1
            self._last[caller] = self._turns
            if not place.done():  # else its request has just been given up: it gives the place back
                place.set_result(None)
        wanted = {caller for caller, _ in self._waiting}
        self._last = {caller: turn for caller, turn in self._last.items() if caller in wanted or self._taken[caller]}
