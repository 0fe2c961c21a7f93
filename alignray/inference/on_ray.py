"""The actor stage: a RowTask over parquet rows, on a pool of engines under Ray Data.

    input files -> chunks -> Ray Data map_batches over RowActor -> shards -> parts in input order

The shell decides nothing about rows: what is asked and what is made of the answers is the task's
(`row_task.py`), who may talk to an engine and what happens when it dies is the supervisor's,
what is durable is the ledger's. Rows are fed to an engine one by one over all chunks that its actor
holds, so no batch waits for its slowest row.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import ray
from ray.data import ActorPoolStrategy, DataContext

from alignray.artifacts import Counts
from alignray.config.inference import PoolConfig
from alignray.config.judge_engines import AnyEngineConfig
from alignray.durable import make_directory
from alignray.errors import AlignrayError, EngineError, find_error_line
from alignray.inference.capacity import build_actor_options, build_demand
from alignray.inference.chunks import Chunk, count_rows, plan_chunks, read_chunk
from alignray.inference.cluster import connect, require_places
from alignray.inference.consolidate import consolidate
from alignray.inference.engine import build_engine, get_model_label
from alignray.inference.ledger import Shard, collect_finished_rows
from alignray.inference.monitor import StageMonitor, Totals
from alignray.inference.opening import open_ledger, resolve_engine
from alignray.inference.row_runner import RowRunner
from alignray.inference.row_task import RowTask
from alignray.inference.stage_watch import StageWatch, Watched, explain_failed_rate
from alignray.inference.supervisor import Supervisor
from alignray.progress import Progress

_CHUNKS_PER_ACTOR = 4
_FINER = 4
"""A stage with a follower has so many times more chunks: the follower starts the sooner."""


@dataclass(frozen=True)
class RowStageResult:
    """What a row stage did, over all its runs (counts, tokens) and in this one (the rest)."""

    counts: Counts
    prompt_tokens: int
    completion_tokens: int
    requests: int
    restarts: int
    starts: int = 0
    """Engines that were started, or tried to."""
    followed: Totals | None = None
    """What the stage on its heels did in this run."""


@dataclass(frozen=True)
class StageSpec:
    """What every actor of a stage needs to know."""

    task: RowTask
    engine: AnyEngineConfig
    pool: PoolConfig
    stage_dir: Path
    read: Callable[[Chunk], list[dict[str, Any]]] = read_chunk
    reuse_from: Sequence[Path] = ()
    """Directories of earlier runs whose rows are taken over where still valid, newest first."""


class RowActor:
    """One engine, its event loop and its shard writer; called with chunks by Ray Data."""

    def __init__(self, spec: StageSpec, monitor: Any) -> None:
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._loop.run_forever, daemon=True).start()
        supervisor = Supervisor(
            lambda: build_engine(spec.engine),
            max_tries=spec.pool.max_row_tries,
            stall_seconds=spec.pool.stall_seconds,
            start_seconds=spec.pool.start_seconds,
        )
        self._monitor = monitor
        self._runner = RowRunner(
            spec.task, supervisor, spec.pool, spec.stage_dir, monitor, spec.read
        )

    def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
        """Works off the chunks of a batch; passes them on when every row is committed."""
        chunks = [Chunk.from_text(text) for text in batch["text"]]
        work = asyncio.run_coroutine_threadsafe(self._runner.run_chunks(chunks), self._loop)
        try:
            return {"rows": [work.result()], "text": batch["text"]}
        except AlignrayError as error:
            ray.get(self._monitor.fail.remote(error))
            raise


def run_row_stage(
    task: RowTask,
    input_files: Sequence[Path],
    engine: AnyEngineConfig,
    pool: PoolConfig,
    stage_dir: Path,
    title: str,
) -> RowStageResult:
    """Brings every input row to a terminal state, going on where an earlier run stopped.

    Args:
        task: the stage's work on one row.
        input_files: parquet files whose rows, in this order, are the input.
        engine: the engine to ask.
        pool: actors, commits, patience.
        stage_dir: the directory that gets `ledger/` and `data/part-*.parquet`.
        title: name in the progress display.

    Raises:
        EngineError: no engine can be started, or too many rows failed.
        LedgerError: the directory holds rows of another configuration.
    """
    return run_stage(StageSpec(task, engine, pool, stage_dir), input_files, title)


def run_stage(
    spec: StageSpec, input_files: Sequence[Path], title: str, follower: StageSpec | None = None
) -> RowStageResult:
    """As `run_row_stage`, with a second stage on its heels if there is one.

    Args:
        spec: the stage.
        input_files: parquet files whose rows, in this order, are the input.
        title: name in the progress display.
        follower: a stage that works on the rows of this one as they are committed (see
            `follower.py`); what it finishes lies in its ledger, which nobody consolidates here.

    Raises:
        EngineError: an engine cannot be started, or too many rows failed.
        LedgerError: the directory holds rows of another configuration.
    """
    pool, task, stage_dir = spec.pool, spec.task, spec.stage_dir.resolve()
    input_files = [file.resolve() for file in input_files]
    again = pool.retry == "failed"
    shards = open_ledger(task, input_files, stage_dir, spec.reuse_from, retry_failed=again)
    num_rows = count_rows(input_files)
    finished = collect_finished_rows(shards, retry_failed=again)
    per_actor = _CHUNKS_PER_ACTOR * (1 if follower is None else _FINER)
    chunk_rows = _choose_chunk_rows(num_rows - len(finished), pool, per_actor)
    chunks = plan_chunks(input_files, finished, chunk_rows)
    totals, followed = Totals(), None
    if chunks:
        with connect(), Progress(title, num_rows, len(finished)) as progress:
            specs = [_prepare(one) for one in (spec, follower) if one is not None]
            require_places([build_demand(one.engine, one.pool) for one in specs])
            totals, followed = _run_chunks(specs, chunks, progress)
    result = _summarize(consolidate(stage_dir, num_rows, task.output_schema), num_rows, totals)
    _check_failed(result.counts, totals, spec)
    return replace(result, followed=followed)


def _prepare(spec: StageSpec) -> StageSpec:
    """The stage as actors need it: absolute paths, and a ledger to write to."""
    make_directory(spec.stage_dir / "ledger")
    return replace(spec, engine=resolve_engine(spec.engine), stage_dir=spec.stage_dir.resolve())


def _check_failed(counts: Counts, totals: Totals, spec: StageSpec) -> None:
    """The limit of failed rows, over all runs of the stage."""
    everything = Totals(
        rows=counts.rows_in, failed=counts.failed, last_failure=totals.last_failure or "see data"
    )
    name = get_model_label(spec.engine)
    error = explain_failed_rate(everything, counts.rows_in, spec.pool, name)
    if error is not None:
        raise error


def _choose_chunk_rows(pending: int, pool: PoolConfig, per_actor: int) -> int:
    """Small enough that every engine of the pool gets several chunks, large enough to be few."""
    fair = pending // (pool.max_engines * per_actor)
    return max(1, min(pool.rows_per_chunk, max(fair, 16)))


def _run_chunks(
    specs: Sequence[StageSpec], chunks: Sequence[Chunk], progress: Progress
) -> tuple[Totals, Totals | None]:
    """Runs the Ray Data job to its end, in this thread (see `stage_watch.py`).

    Args:
        specs: the stage, and its follower if it has one.
        chunks: the work list.
        progress: shows the stage's rows.

    Returns:
        What the stage did, and its follower if it has one.
    """
    monitors = [StageMonitor.options(num_cpus=0).remote() for _ in specs]  # type: ignore[attr-defined]
    watched = [
        Watched(get_model_label(spec.engine), monitor, spec.pool)
        for spec, monitor in zip(specs, monitors, strict=True)
    ]
    watch = StageWatch(watched, progress)
    try:
        with watch:
            for _ in build_dataset(specs, chunks, monitors).iter_internal_ref_bundles():
                pass
    except KeyboardInterrupt:
        if watch.error is None:
            raise
    except Exception as error:
        found = ray.get([monitor.get_error.remote() for monitor in monitors])
        raise _explain(error, next(filter(None, found), None)) from error
    if watch.error is not None:
        raise watch.error
    totals, *followed = watch.totals
    return totals, next(iter(followed), None)


def build_dataset(
    specs: Sequence[StageSpec], chunks: Sequence[Chunk], monitors: Sequence[Any]
) -> ray.data.Dataset:
    """The lazy Ray Data job: one block and one task per chunk, one operator per stage."""
    context = DataContext.get_current()
    context.enable_progress_bars = False
    context.max_consecutive_actor_init_deaths = 3
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    rows = pa.Table.from_pylist([chunk.to_row() for chunk in chunks])
    dataset = ray.data.from_arrow([rows.slice(i, 1) for i in range(rows.num_rows)])
    for spec, monitor in zip(specs, monitors, strict=True):
        dataset = dataset.map_batches(
            RowActor,
            batch_size=None,
            batch_format="numpy",
            fn_constructor_args=(spec, monitor),
            compute=ActorPoolStrategy(
                min_size=spec.pool.min_engines,
                max_size=spec.pool.max_engines,
                max_tasks_in_flight_per_actor=2 * _CHUNKS_PER_ACTOR,
                max_concurrent_calls_per_actor=_CHUNKS_PER_ACTOR,
                enable_true_multi_threading=True,
            ),
            **build_actor_options(spec.engine),
        )
    return dataset


def _explain(error: Exception, ours: AlignrayError | None) -> AlignrayError:
    """The error that an actor ended with, or the last line of Ray's."""
    if ours is not None:
        return ours
    line = find_error_line(str(error)) or type(error).__name__
    return EngineError("Ray Data", line[:300], "", "run again to go on")


def _summarize(parts: Sequence[Shard], num_rows: int, totals: Totals) -> RowStageResult:
    return RowStageResult(
        counts=Counts(
            num_rows,
            sum(part.ok for part in parts),
            sum(part.unscored for part in parts),
            sum(part.failed for part in parts),
        ),
        prompt_tokens=sum(part.prompt_tokens for part in parts),
        completion_tokens=sum(part.completion_tokens for part in parts),
        requests=totals.requests,
        restarts=totals.restarts,
        starts=totals.starts,
    )
