"""Watches a running row stage from a thread of the driver: progress, and the limit of failed rows.

The Ray Data job itself runs in the main thread. Interrupted there (Ctrl-C, SIGTERM, or by this
watch), Ray Data stops its executor before Ray is shut down; an executor that outlives Ray ends the
process at once, with exit code 1 and without a word (`core_worker_process.cc`, Ray 2.60).
"""

from __future__ import annotations

import _thread
import contextlib
import threading
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


class StageWatch:
    """Polls the stage's monitor while it is entered.

    Args:
        monitor: handle of the stage's `StageMonitor`.
        progress: what is shown.
        pool: the limit of failed rows.
    """

    def __init__(self, monitor: Any, progress: Progress, pool: PoolConfig) -> None:
        self.totals = Totals()
        self.error: EngineError | None = None
        """Set before the main thread is interrupted because too many rows failed."""
        self._monitor, self._progress, self._pool = monitor, progress, pool
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
            answer = self._monitor.get_totals.remote()
            self.totals = ray.get(answer, timeout=_ANSWER_SECONDS)
        totals = self.totals
        self._progress.update(totals.rows, totals.completion_tokens, totals.unscored, totals.failed)
        self.error = explain_failed_rate(totals, self._progress.total, self._pool)


def explain_failed_rate(totals: Totals, num_rows: int, pool: PoolConfig) -> EngineError | None:
    """The error of a stage in which too many rows failed; None while it may go on."""
    allowed = max(_LEAST_FAILED, pool.max_failed_rate * num_rows)
    if totals.failed <= allowed:
        return None
    return EngineError(
        "engine",
        f"{totals.failed} of {totals.rows} rows failed, the last with: {totals.last_failure}",
        f"at most {allowed:.0f} (pool.max_failed_rate)",
        "finished rows are kept: mend the cause and run again with pool.retry=failed",
    )
