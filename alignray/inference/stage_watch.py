"""Watches a running row stage from a thread of the driver: progress, and the limit of failed rows.

The Ray Data job itself runs in the main thread. Interrupted there (Ctrl-C, SIGTERM, or by this
watch), Ray Data stops its executor before Ray is shut down; an executor that outlives Ray ends the
process at once, with exit code 1 and without a word (`core_worker_process.cc`, Ray 2.60).
"""

from __future__ import annotations

import _thread
import contextlib
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import ray

from alignray.config.inference import PoolConfig
from alignray.errors import EngineError
from alignray.inference.monitor import Totals
from alignray.progress import Progress

_POLL_SECONDS = 1.0
_ANSWER_SECONDS = 30.0
_LEAST_FAILED = 10.0
_PATIENCE_SECONDS = 30.0
_WAITING = "waiting for Ray: no engine has a place yet"


@dataclass(frozen=True)
class Watched:
    """One stage of the job: the label of its model, its `StageMonitor`'s handle, its limits."""

    name: str
    monitor: Any
    pool: PoolConfig


class StageWatch:
    """Polls the monitors of a stage and its follower while it is entered.

    Args:
        stages: the stage, and its follower if it has one; each has its own limit of failed rows.
        progress: shows the stage.
    """

    def __init__(self, stages: Sequence[Watched], progress: Progress) -> None:
        self.totals = [Totals() for _ in stages]
        """What each stage did so far."""
        self.error: EngineError | None = None
        """Set before the main thread is interrupted because too many rows failed."""
        self._stages, self._progress = stages, progress
        self._entered = time.monotonic()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Self:
        """Starts to watch."""
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Takes the last sums and ends; Ray may be shut down afterwards."""
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._stop.wait(_POLL_SECONDS):
            self._poll()
            if self.error is not None:
                _thread.interrupt_main()
                return
        self._poll()

    def _poll(self) -> None:
        # A monitor that does not answer is no reason to end a stage that works.
        with contextlib.suppress(ray.exceptions.RayError):
            answers = [stage.monitor.get_totals.remote() for stage in self._stages]
            self.totals = ray.get(answers, timeout=_ANSWER_SECONDS)
        first = self.totals[0]
        waits = not first.chunks and time.monotonic() - self._entered > _PATIENCE_SECONDS
        self._progress.update(
            first.rows,
            first.completion_tokens,
            first.unscored,
            first.failed,
            _WAITING if waits else None,
        )
        for stage, totals in zip(self._stages, self.totals, strict=True):
            if self.error is None:
                self.error = explain_failed_rate(
                    totals, self._progress.total, stage.pool, stage.name
                )


def explain_failed_rate(
    totals: Totals, num_rows: int, pool: PoolConfig, name: str
) -> EngineError | None:
    """The error of a stage in which too many rows failed; None while it may go on.

    Args:
        totals: what the stage did.
        num_rows: rows of the whole input.
        pool: the limit.
        name: the model whose rows they are.
    """
    allowed = max(_LEAST_FAILED, pool.max_failed_rate * num_rows)
    if totals.failed <= allowed:
        return None
    return EngineError(
        f"engine {name}",
        f"{totals.failed} of {totals.rows} rows failed, the last with: {totals.last_failure}",
        f"at most {allowed:.0f} (pool.max_failed_rate)",
        "finished rows are kept: mend the cause and run again with pool.retry=failed",
    )
