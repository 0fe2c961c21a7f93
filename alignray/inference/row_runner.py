"""Runs the rows of chunks through a supervisor and commits them; one per actor, without Ray.

`monitor` is the handle of the stage's monitor actor (or any object whose methods have `.remote`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from alignray.config.inference import PoolConfig
from alignray.inference.chunks import Chunk, read_chunk
from alignray.inference.commit_buffer import CommitBuffer
from alignray.inference.engine import RequestFailed, RequestRejected
from alignray.inference.lanes import Lanes
from alignray.inference.ledger import collect_finished_rows, read_shards
from alignray.inference.monitor import Totals
from alignray.inference.row_task import RowTask
from alignray.inference.supervisor import Supervisor
from alignray.records import RowStatus

_ALONE_FROM_ATTEMPT = 3
"""From this attempt at a chunk on, its rows are tried one by one: something kills the actor."""
_ANY_NUMBER = 1 << 30
"""Rows that may share an actor; how many the engine takes at once is the supervisor's concern."""


class RowRunner:
    """Rows in, committed rows out, for one actor."""

    def __init__(
        self,
        task: RowTask,
        supervisor: Supervisor,
        pool: PoolConfig,
        stage_dir: Path,
        monitor: Any,
        read: Callable[[Chunk], list[dict[str, Any]]] = read_chunk,
    ) -> None:
        self._task = task
        self._read = read
        self._supervisor = supervisor
        self._pool = pool
        self._stage_dir = stage_dir
        self._monitor = monitor
        self._reported = Totals()
        self._lanes = Lanes(_ANY_NUMBER)
        self._buffer = CommitBuffer(
            stage_dir, task, pool.commit_rows, pool.commit_seconds, self._report
        )

    async def run_chunks(self, chunks: Sequence[Chunk]) -> int:
        """Works off chunks; returns the rows committed. Rows finished by a dead actor are kept."""
        try:
            return await self._run_chunks(chunks)
        finally:
            self._report(Totals())  # starts of an engine that committed nothing

    async def _run_chunks(self, chunks: Sequence[Chunk]) -> int:
        committed = 0
        for chunk in chunks:
            attempt, strikes = await _as_future(self._monitor.begin.remote(chunk.number))
            rows = self._read(chunk)
            if attempt > 1:
                finished = collect_finished_rows(
                    read_shards(self._stage_dir), retry_failed=self._pool.retry == "failed"
                )
                rows = [row for row in rows if row["row"] not in finished]
            if attempt >= _ALONE_FROM_ATTEMPT:
                await self._run_alone(chunk, rows, strikes)
            else:
                await self._run_together(rows)
            committed += len(rows)
        return committed

    async def _run_together(self, rows: Sequence[Mapping[str, Any]]) -> None:
        tasks = [asyncio.ensure_future(self._run_shared(row)) for row in rows]
        try:
            await asyncio.gather(*tasks)
        except BaseException:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self._buffer.flush()
            raise

    async def _run_alone(
        self, chunk: Chunk, rows: Sequence[Mapping[str, Any]], strikes: Mapping[int, int]
    ) -> None:
        for row in rows:
            position = row["row"]
            deaths = strikes.get(position, 0)
            if deaths >= self._pool.max_row_tries:
                reason = f"its worker died {deaths} times while it was tried alone"
                await self._buffer.add(self._task.build_empty_row(row, RowStatus.FAILED, reason))
                continue
            async with self._lanes.alone():
                await _as_future(self._monitor.open_row.remote(chunk.number, position))
                await self._run_row(row)
                await _as_future(self._monitor.close_row.remote(chunk.number, position))

    async def _run_shared(self, row: Mapping[str, Any]) -> None:
        async with self._lanes.share(1):
            await self._run_row(row)

    async def _run_row(self, row: Mapping[str, Any]) -> None:
        requests = 0
        try:
            built = self._task.build_requests(row)
            requests = len(built)
            results = await self._supervisor.run(built) if built else []
            finished = self._task.build_row(row, results)
        except RequestRejected as error:
            finished = self._task.build_empty_row(row, RowStatus.UNSCORED, error.reason)
        except RequestFailed as error:
            finished = self._task.build_empty_row(row, RowStatus.FAILED, error.reason)
        await self._buffer.add(finished, requests)

    def _report(self, totals: Totals) -> None:
        """Passes committed work on, and what the supervisor did since the last time."""
        new = Totals(
            restarts=self._supervisor.restarts - self._reported.restarts,
            starts=self._supervisor.starts - self._reported.starts,
        )
        self._reported += new
        if totals.rows or new != Totals():
            self._monitor.report.remote(totals + new)


async def _as_future(reference: Any) -> Any:
    """Awaits a Ray reference (or a plain value) on any event loop."""
    if hasattr(reference, "future"):
        return await asyncio.wrap_future(reference.future())
    return reference
