"""How many requests an endpoint gets at once: fewer when it says "too many", more when it answers.

Additive increase, multiplicative decrease (Chiu and Jain, 1989): a "too many requests" halves the
number of slots and stops everybody for as long as the server asks; answers add slots slowly again.
The requests of one wave say so many times what one of them has said: only the first counts, for
the slots and for the retry budget.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

_GROWTH = 0.25
"""Slots gained per round of answers. At 1 a server that allows 4 at once would turn away every
tenth request, and that alone would use up a retry budget of 10 %."""


class Throttle:
    """Slots of one endpoint; used on one event loop.

    Attributes:
        limit: slots now; requests in flight are at most its whole part.
        in_flight: slots taken.
    """

    def __init__(self, max_slots: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.limit = float(max_slots)
        self.in_flight = 0
        self._max_slots = max_slots
        self._clock = clock
        self._last_cut = -1.0
        self._resume_at = 0.0
        self._waiting: deque[asyncio.Future[None]] = deque()

    @asynccontextmanager
    async def slot(self) -> AsyncIterator[None]:
        """A slot, first come, first served; it is kept between the tries of a request."""
        if self._waiting or not self._has_room():
            future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting.append(future)
            try:
                await future
            except asyncio.CancelledError:
                if future.done() and not future.cancelled():  # got its slot and was cancelled
                    self._release()
                raise
        else:
            self.in_flight += 1
        try:
            yield
        finally:
            self._release()

    def get_pause(self) -> float:
        """Seconds until the server wants to be asked again."""
        return max(0.0, self._resume_at - self._clock())

    def note_answer(self) -> None:
        """An answer came: room for a little more."""
        self.limit = min(float(self._max_slots), self.limit + _GROWTH / self.limit)
        self._admit()

    def note_busy(self, asked_at: float, retry_after: float) -> bool:
        """The server turned a try away.

        Args:
            asked_at: the clock when the try began.
            retry_after: seconds for which nobody shall ask; 0 for no such wish.

        Returns:
            Whether this was news: False for tries that began before the last cut.
        """
        now = self._clock()
        self._resume_at = max(self._resume_at, now + retry_after)
        if asked_at <= self._last_cut:
            return False
        self.limit = max(1.0, self.limit / 2)
        self._last_cut = now
        return True

    def _has_room(self) -> bool:
        return self.in_flight < int(self.limit)

    def _release(self) -> None:
        self.in_flight -= 1
        self._admit()

    def _admit(self) -> None:
        while self._waiting and (self._waiting[0].done() or self._has_room()):
            future = self._waiting.popleft()
            if not future.done():
                self.in_flight += 1
                future.set_result(None)
