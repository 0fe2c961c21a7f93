"""Launches any training method on Ray Train workers; knows no method.

    rows -> token columns (here, once) -> object store -> workers (worker.py) -> model/

The driver reads and tokenises; workers only train. Checkpoints are files in the stage directory
with manifests (`checkpoints.py`), not Ray's: Ray Train overwrites its list of checkpoints in place
and refuses it after an upgrade, and does not know which one is whole.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from alignray.artifacts import Stage, is_finished, open_stage
from alignray.config.dpo import DPOStageConfig
from alignray.config.sft import SFTStageConfig
from alignray.config.training import TrainingConfig
from alignray.durable import read_json
from alignray.errors import AlignrayError, ConfigError, TrainingError
from alignray.reports.training import write_training_plots
from alignray.training.checkpoints import find_checkpoint
from alignray.training.dpo import DPOMethod
from alignray.training.error_log import write_error_log
from alignray.training.fitting import fit_interruptibly
from alignray.training.job import (
    CHECKPOINTS_DIR,
    FAILURE_NAME,
    LOGS_DIR,
    PROGRESS_NAME,
    SUMMARY_NAME,
    TrainJob,
)
from alignray.training.method import Method
from alignray.training.outputs.completion import complete_stage, reopen_stage
from alignray.training.policy import locate_models
from alignray.training.preparation import check_settings, prepare_rows
from alignray.training.reference import attach_reference
from alignray.training.rows.encoding import Row, count_fill_rows, fill_last_batch
from alignray.training.rows.table import build_table
from alignray.training.sft import SFTMethod
from alignray.training.strategy import (
    Strategy,
    check_gpus,
    choose_strategy,
    measure_weights,
    measure_worker,
)
from alignray.training.watch.follow import show_progress
from alignray.training.watch.measures import build_counts, build_metrics
from alignray.training.watch.watchdog import STALL_NAME, clear_heartbeats
from alignray.training.worker import train_on_worker

_RAY_DIR = "ray"


def run_sft(config: SFTStageConfig) -> dict[str, Any]:
    """Supervised fine-tuning; returns the stage's record."""
    return run_training(config, SFTMethod(config))


def run_dpo(config: DPOStageConfig) -> dict[str, Any]:
    """Direct preference optimization; returns the stage's record."""
    return run_training(config, DPOMethod(config))


def run_training(config: TrainingConfig, method: Method) -> dict[str, Any]:
    """Trains, going on from the newest whole checkpoint, and writes model, card and record.

    Raises:
        SourceError, ModelError, ConfigError, ArtifactError: an input, a setting or the output
            directory is not usable; nothing was written.
        TrainingError: a diverged loss, workers that died too often.
    """
    if is_finished(config):
        return reopen_stage(open_stage(config, method.verb))
    check_settings(config)
    prepared = prepare_rows(config, method)
    stage = open_stage(config, method.verb)
    if not (stage.path / CHECKPOINTS_DIR / SUMMARY_NAME).is_file():
        _train(stage, method, prepared.rows, prepared.eval_rows)
    summary = read_json(stage.path / CHECKPOINTS_DIR / SUMMARY_NAME)
    repeated = count_fill_rows(len(prepared.rows), config.train_batch_size)
    metrics = build_metrics(summary, prepared.encoded, repeated)
    if prepared.evaluated is not None:
        metrics["eval_rows"] = prepared.evaluated.summarize()
    write_training_plots(stage.path, metrics)
    return complete_stage(stage, method, build_counts(prepared.encoded), metrics)


def _train(stage: Stage, method: Method, rows: list[Row], eval_rows: list[Row]) -> None:
    assert isinstance(stage.config, TrainingConfig)
    config = locate_models(stage.config)
    (stage.path / CHECKPOINTS_DIR).mkdir(exist_ok=True)
    (stage.path / LOGS_DIR).mkdir(exist_ok=True)
    rows = fill_last_batch(rows, config.train_batch_size, config.seed)
    with _connected():
        import ray

        _check_cluster(config)
        if isinstance(config, DPOStageConfig) and config.precompute_ref_log_probs:
            both = attach_reference([*rows, *eval_rows], config, stage.path.resolve())
            rows, eval_rows = both[: len(rows)], both[len(rows) :]
        job = TrainJob(
            config=config,
            method=replace(method, config=config),  # type: ignore[type-var]
            strategy=_choose_strategy(config),
            stage_dir=stage.path.resolve(),
            train_rows=ray.put(build_table(rows)),
            eval_rows=ray.put(build_table(eval_rows)) if eval_rows else None,
        )
        find_checkpoint(job.checkpoints_dir, job.layout)
        progress = stage.path / LOGS_DIR / PROGRESS_NAME
        with show_progress(progress, stage.path.name, config, len(rows)):
            _fit(job)


def _check_cluster(config: TrainingConfig) -> None:
    """Refuses GPUs that are not there; a cluster that was joined may grow, so it only says so."""
    import ray

    try:
        check_gpus(config, ray.cluster_resources().get("GPU", 0))
    except ConfigError as error:
        if os.environ.get("RAY_ADDRESS", "local") == "local":
            raise
        print(f"alignray: {error.found}; waiting for the cluster to grow", file=sys.stderr)


def _choose_strategy(config: TrainingConfig) -> Strategy:
    import psutil
    import ray

    kinds = {name for name in ray.cluster_resources() if name.startswith("accelerator_type:")}
    worker_bytes = measure_worker(config, kinds, psutil.virtual_memory().total)
    return choose_strategy(config, measure_weights(config), worker_bytes)


def _fit(job: TrainJob) -> None:
    """Runs the workers until they are done.

    Raises:
        TrainingError: what a worker raised, or that workers died more than max_failures times.
    """
    import ray.train
    from ray.train.torch import TorchConfig, TorchTrainer

    resources = job.config.resources
    per_worker = {"CPU": resources.num_cpus}
    if resources.num_gpus:
        per_worker["GPU"] = resources.num_gpus
    # Ray's own books of the run are of no use here, and a torn one would stop the next run.
    shutil.rmtree(job.checkpoints_dir / _RAY_DIR, ignore_errors=True)
    failure = job.checkpoints_dir / FAILURE_NAME
    failure.unlink(missing_ok=True)
    clear_heartbeats(job.stage_dir / LOGS_DIR)
    trainer = TorchTrainer(
        train_on_worker,
        train_loop_config={"job": job},
        scaling_config=ray.train.ScalingConfig(
            num_workers=resources.num_workers,
            use_gpu=resources.num_gpus > 0,
            resources_per_worker=per_worker,
            accelerator_type=resources.accelerator_type,
        ),
        run_config=ray.train.RunConfig(
            name=_RAY_DIR,
            storage_path=str(job.checkpoints_dir),
            failure_config=ray.train.FailureConfig(max_failures=resources.max_failures),
        ),
        torch_config=TorchConfig(
            backend="nccl" if resources.num_gpus else "gloo",
            timeout_s=int(resources.timeout_seconds),
        ),
    )
    if len(ray.nodes()) == 1:
        # One process less to start; it watches for nodes that are about to be taken away.
        os.environ.setdefault("RAY_TRAIN_ENABLE_PREEMPTION_WATCHER", "0")
    try:
        fit_interruptibly(trainer.fit)
    except ray.train.TrainingFailedError as error:
        raise _explain(error, job) from error
    if failure.is_file():
        raise TrainingError(**read_json(failure))


def _explain(error: Exception, job: TrainJob) -> AlignrayError:
    """The one-line error of a failed run; the traceback goes to logs/error.txt."""
    see = write_error_log(job.stage_dir, str(error))
    failures = list(getattr(error, "worker_failures", {}).values())
    causes = [getattr(failure, "cause", failure) for failure in failures]
    for cause in causes:
        if isinstance(cause, AlignrayError):
            return cause
    last = (str(causes[0] if causes else error).strip().splitlines() or ["unknown"])[-1]
    stall = job.stage_dir / LOGS_DIR / STALL_NAME
    if stall.is_file():
        last, stacks = (read_json(stall)[name] for name in ("cause", "stacks"))
        see = f"see {stacks}"
    return TrainingError(
        str(job.stage_dir),
        f"training failed ({last[:300]})",
        "",
        f"{see}; run again to go on from the newest checkpoint",
    )


@contextlib.contextmanager
def _connected() -> Iterator[None]:
    os.environ.setdefault("RAY_TRAIN_V2_ENABLED", "1")
    from alignray.inference.cluster import connect

    with connect():
        yield
