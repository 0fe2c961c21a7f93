"""Finished rows of one actor on their way to the ledger.

A row counts as finished when its shard is committed; `add` returns then. A shard is committed when
`commit_rows` rows wait, or the oldest has waited for a five-hundredth of the actor's working time
(at least a tenth of a second, at most `commit_seconds`): a killed actor loses little of what it
did, and a run of hours still ends with few files.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from alignray.inference.ledger import ManifestWriter, Shard, build_table, write_shard
from alignray.inference.monitor import Totals
from alignray.inference.row_task import RowTask
from alignray.records import RowStatus

_SHARE_OF_TIME = 1 / 500
_LEAST_SECONDS = 0.1


class CommitBuffer:
    """Collects rows and commits them as shards, one at a time, off the event loop."""

    def __init__(
        self,
        stage_dir: Path,
        task: RowTask,
        commit_rows: int,
        commit_seconds: float,
        report: Callable[[Totals], None],
    ) -> None:
        self._stage_dir = stage_dir
        self._task = task
        self._commit_rows = commit_rows
        self._commit_seconds = commit_seconds
        self._started: float | None = None
        self._report = report
        self._manifest = ManifestWriter(stage_dir)
        self._rows: list[Mapping[str, Any]] = []
        self._requests = 0
        self._done: asyncio.Future[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._lock = asyncio.Lock()
        self._commits: set[asyncio.Task[None]] = set()

    async def add(self, row: Mapping[str, Any], requests: int = 0) -> None:
        """Adds a finished row and waits until it is committed.

        Raises:
            ArtifactError: the shard cannot be written.
        """
        loop = asyncio.get_running_loop()
        if self._done is None:
            self._done = loop.create_future()
            self._timer = loop.call_later(self._compute_wait(loop.time()), self._start_commit)
        done = self._done
        self._rows.append(row)
        self._requests += requests
        if len(self._rows) >= self._commit_rows:
            self._start_commit()
        await asyncio.shield(done)

    def _compute_wait(self, now: float) -> float:
        """Seconds that the oldest row may wait."""
        if self._started is None:
            self._started = now
        share = (now - self._started) * _SHARE_OF_TIME
        return min(self._commit_seconds, max(_LEAST_SECONDS, share))

    async def flush(self) -> None:
        """Commits what waits."""
        self._start_commit()
        await asyncio.gather(*self._commits, return_exceptions=True)

    def _start_commit(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if self._done is None:
            return
        batch = (self._rows, self._requests, self._done)
        self._rows, self._requests, self._done, self._timer = [], 0, None, None
        task = asyncio.ensure_future(self._commit(*batch))
        self._commits.add(task)
        task.add_done_callback(self._commits.discard)

    async def _commit(
        self, rows: list[Mapping[str, Any]], requests: int, done: asyncio.Future[None]
    ) -> None:
        try:
            async with self._lock:
                shard = await asyncio.to_thread(self._write, rows)
        except Exception as error:
            done.set_exception(error)
            done.exception()  # waiters may be gone
            return
        self._report(_build_totals(shard, rows, requests))
        done.set_result(None)

    def _write(self, rows: list[Mapping[str, Any]]) -> Shard:
        table = build_table(rows, self._task.output_schema)
        name = f"ledger/shard-{uuid.uuid4().hex[:16]}.parquet"
        shard = write_shard(self._stage_dir, name, table, self._task.salt)
        self._manifest.append(shard)
        return shard


def _build_totals(shard: Shard, rows: list[Mapping[str, Any]], requests: int) -> Totals:
    reasons = [row["reason"] for row in rows if row["status"] == RowStatus.FAILED]
    return Totals(
        rows=shard.num_rows,
        unscored=shard.unscored,
        failed=shard.failed,
        prompt_tokens=shard.prompt_tokens,
        completion_tokens=shard.completion_tokens,
        requests=requests,
        last_failure=str(reasons[-1]) if reasons else "",
    )
