"""Who may talk to the engine: many at once up to a number of sequences, or one alone.

A reader-writer lock with weights. Requests share the engine until it has as many sequences as it
can decode; a row that was there when the engine died runs alone, so that a second death has one
culprit. First come, first served; rows that wait to run alone go before those that share.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Lanes:
    """Admission to one engine; used on one event loop."""

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self._used = 0
        self._is_alone = False
        self._sharing: deque[tuple[int, asyncio.Future[None]]] = deque()
        self._waiting_alone: deque[asyncio.Future[None]] = deque()

    @property
    def in_flight(self) -> int:
        """Sequences admitted now."""
        return self._used

    @asynccontextmanager
    async def share(self, weight: int) -> AsyncIterator[None]:
        """Waits for room for `weight` sequences; one that exceeds the capacity gets it all."""
        weight = min(weight, self.capacity)
        if self._sharing or not self._has_room(weight):
            future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._sharing.append((weight, future))
            await self._wait(future, weight)
        else:
            self._used += weight
        try:
            yield
        finally:
            self._used -= weight
            self._admit()

    @asynccontextmanager
    async def alone(self) -> AsyncIterator[None]:
        """Waits until nobody else is admitted, and keeps it so."""
        if self._used or self._is_alone:
            future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting_alone.append(future)
            await self._wait(future, self.capacity)
        else:
            self._is_alone, self._used = True, self.capacity
        try:
            yield
        finally:
            self._is_alone, self._used = False, 0
            self._admit()

    def _has_room(self, weight: int) -> bool:
        return (
            not self._is_alone and not self._waiting_alone and self._used + weight <= self.capacity
        )

    def _admit(self) -> None:
        while self._waiting_alone and self._waiting_alone[0].done():
            self._waiting_alone.popleft()
        if self._waiting_alone:
            if self._used == 0 and not self._is_alone:
                self._is_alone, self._used = True, self.capacity
                self._waiting_alone.popleft().set_result(None)
            return
        while self._sharing and (self._sharing[0][1].done() or self._has_room(self._sharing[0][0])):
            weight, future = self._sharing.popleft()
            if not future.done():
                self._used += weight
                future.set_result(None)

    async def _wait(self, future: asyncio.Future[None], weight: int) -> None:
        try:
            await future
        except asyncio.CancelledError:
            if future.done() and not future.cancelled():  # admitted and cancelled at once
                self._is_alone = False if weight == self.capacity else self._is_alone
                self._used -= weight
            self._admit()
            raise
