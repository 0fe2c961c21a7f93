"""Keeps an engine alive under rows that may kill it, and finds the row that does.

Rows share the engine. When it dies or hangs, it is started anew and every row that was there is
tried again alone. A row that is alone when the engine dies again is the cause: after `max_tries`
deaths it is quarantined (`RequestFailed`) and the others go on. An engine that cannot be started
ends the stage.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence

from alignray.errors import EngineError
from alignray.inference.engine import (
    Engine,
    EngineDead,
    Request,
    RequestFailed,
    RequestRejected,
    Result,
)
from alignray.inference.lanes import Lanes

_START_TRIES = 3
_OVERFILL = 1.25
"""Sequences handed to the engine over those it decodes at once, so that slots never wait."""

logger = logging.getLogger(__name__)


class Supervisor:
    """One engine, its restarts and its watchdog; all methods run on one event loop."""

    def __init__(
        self,
        build: Callable[[], Engine],
        *,
        max_tries: int = 3,
        stall_seconds: float = 600,
        start_seconds: float = 1800,
    ) -> None:
        self._build = build
        self._max_tries = max_tries
        self._stall_seconds = stall_seconds
        self._start_seconds = start_seconds
        self._engine: Engine | None = None
        self._epoch = 0
        self._lock = asyncio.Lock()
        self._lanes: Lanes | None = None
        self._fatal: EngineError | None = None
        self._watchdog: asyncio.Task[None] | None = None
        self.restarts = 0
        self.starts = 0
        """Engines built and started, those that died while starting too."""

    async def run(self, requests: Sequence[Request]) -> list[Result]:
        """Answers the requests of one row on one engine, in their order.

        A request that cannot be answered among others that can gives a result without outputs.

        Raises:
            RequestRejected: none of them can be answered.
            RequestFailed: not answered, or the row killed the engine `max_tries` times.
            EngineError: the engine cannot be started.
        """
        deaths, reason = 0, ""
        while deaths < self._max_tries:
            engine, epoch = await self._get_engine()
            assert self._lanes is not None
            weight = sum(engine.weigh(request) for request in requests)
            lane = self._lanes.alone() if deaths else self._lanes.share(weight)
            async with lane:
                if epoch != self._epoch:
                    continue  # it died while this row waited: no fault of the row
                try:
                    return await _generate_all(engine, requests)
                except EngineDead as death:
                    deaths, reason = deaths + 1, death.reason
                    await self._replace(epoch, death)
        raise RequestFailed(f"the engine died {deaths} times with this row: {reason}")

    async def stop(self) -> None:
        """Ends engine and watchdog."""
        if self._watchdog is not None:
            self._watchdog.cancel()
        if self._engine is not None:
            await self._engine.stop()
            self._engine = None

    async def _get_engine(self) -> tuple[Engine, int]:
        if self._engine is None:
            async with self._lock:
                if self._engine is None:
                    await self._start()
        if self._engine is None:
            raise self._fatal or EngineError("engine", "not running")
        return self._engine, self._epoch

    async def _replace(self, epoch: int, death: EngineDead) -> None:
        async with self._lock:
            if epoch != self._epoch:
                return  # another row has done it
            logger.warning("engine died (%s), starting it anew", death.reason)
            self.restarts += 1
            engine, self._engine = self._engine, None
            if engine is not None:
                await engine.stop()
            await self._start()

    async def _start(self) -> None:
        if self._fatal is not None:
            raise self._fatal
        last = ""
        for attempt in range(_START_TRIES):
            engine = self._build()
            self.starts += 1
            try:
                await asyncio.wait_for(engine.start(), self._start_seconds)
            except (EngineDead, TimeoutError) as death:
                last = str(death) or f"no answer for {self._start_seconds:.0f} s"
                await engine.stop()
                await asyncio.sleep(attempt)
                continue
            except EngineError as error:
                self._fatal = error
                await engine.stop()
                raise
            self._adopt(engine)
            return
        self._fatal = EngineError(
            "engine", f"died {_START_TRIES} times while starting ({last})", "an engine that starts"
        )
        raise self._fatal

    def _adopt(self, engine: Engine) -> None:
        self._engine = engine
        self._epoch += 1
        if self._lanes is None:
            self._lanes = Lanes(max(1, int(engine.max_sequences * _OVERFILL)))
        if self._watchdog is None:
            self._watchdog = asyncio.create_task(self._watch())

    async def _watch(self) -> None:
        """Stops an engine without progress; its requests then end with EngineDead."""
        seen, quiet = (-1, -1), 0.0
        tick = min(self._stall_seconds / 4, 5.0)
        while True:
            await asyncio.sleep(tick)
            engine = self._engine
            busy = self._lanes is not None and self._lanes.in_flight > 0
            now = (self._epoch, engine.progress if engine else -1)
            quiet = quiet + tick if busy and engine and now == seen else 0.0
            seen = now
            if engine and quiet >= self._stall_seconds:
                logger.warning("engine without progress for %.0f s, stopping it", quiet)
                await engine.stop()
                quiet = 0.0


async def _generate_all(engine: Engine, requests: Sequence[Request]) -> list[Result]:
    """All requests at once; the first failure cancels the others."""
    if len(requests) == 1:
        return [await engine.generate(requests[0])]
    tasks = [asyncio.ensure_future(_generate_or_reject(engine, request)) for request in requests]
    try:
        results = list(await asyncio.gather(*tasks))
        if all(result.rejected for result in results):
            raise RequestRejected(results[0].rejected)
        return results
    except BaseException:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        raise


async def _generate_or_reject(engine: Engine, request: Request) -> Result:
    try:
        return await engine.generate(request)
    except RequestRejected as error:
        return Result([], 0, rejected=error.reason)
