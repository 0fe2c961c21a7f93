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
from collections.abc import Iterator, Sequence
from typing import Any

import pyarrow as pa

from alignray.artifacts import Stage, open_stage
from alignray.config.dpo import DPOStageConfig
from alignray.config.sft import SFTStageConfig
from alignray.config.training import DatasetPart, TrainingConfig
from alignray.durable import read_json, write_text
from alignray.errors import AlignrayError, TrainingError
from alignray.sources import SourceAudit
from alignray.training.card import build_model_card
from alignray.training.checkpoints import find_checkpoint
from alignray.training.dpo import DPOMethod
from alignray.training.encoding import (
    EncodedRows,
    Limits,
    add_excluded,
    check_rows,
    count_fill_rows,
    encode_rows,
    fill_last_batch,
)
from alignray.training.follow import show_progress
from alignray.training.measures import build_counts, build_metrics
from alignray.training.method import Method
from alignray.training.observers import check_eval_rows, check_reporters
from alignray.training.policy import check_model, get_context_length, load_tokenizer, locate_models
from alignray.training.sft import SFTMethod
from alignray.training.strategy import (
    Strategy,
    choose_strategy,
    measure_weights,
    measure_worker,
)
from alignray.training.worker import (
    CHECKPOINTS_DIR,
    FAILURE_NAME,
    LOGS_DIR,
    MODEL_DIR,
    PROGRESS_NAME,
    SUMMARY_NAME,
    TrainJob,
    train_on_worker,
)

_RAY_DIR = "ray"


def run_sft(config: SFTStageConfig) -> dict[str, Any]:
    """Supervised fine-tuning; returns the stage's record."""
    return run_training(config, SFTMethod())


def run_dpo(config: DPOStageConfig) -> dict[str, Any]:
    """Direct preference optimization; returns the stage's record."""
    return run_training(config, DPOMethod())


def run_training(config: TrainingConfig, method: Method) -> dict[str, Any]:
    """Trains, going on from the newest whole checkpoint, and writes model, card and record.

    Raises:
        SourceError, ModelError, ArtifactError: an input or the output directory is not usable.
        TrainingError: nothing to train on, a diverged loss, workers that died too often.
    """
    check_model(config)
    check_reporters(config)
    stage = open_stage(config, method.verb)
    if stage.finished:
        return read_json(stage.path / "record.json")
    parts = config.list_datasets()
    encoded = encode_datasets(config, method, parts)
    names = " + ".join(part.dataset for part in parts)
    check_rows(encoded, names, config.train_batch_size)
    evaluated = None
    if config.eval_dataset is not None:
        part = DatasetPart(dataset=config.eval_dataset)
        evaluated = encode_datasets(config, method, (part,))
    check_eval_rows(config, evaluated)
    if not (stage.path / CHECKPOINTS_DIR / SUMMARY_NAME).is_file():
        _train(stage, method, encoded, evaluated)
    summary = read_json(stage.path / CHECKPOINTS_DIR / SUMMARY_NAME)
    repeated = count_fill_rows(len(encoded.rows), config.train_batch_size)
    metrics = build_metrics(summary, encoded, repeated)
    if evaluated is not None:
        metrics["eval_rows"] = evaluated.summarize()
    card = build_model_card(config, method.verb, method.title, metrics)
    write_text(stage.path / MODEL_DIR / "README.md", card)
    write_text(stage.path / "README.md", card)
    return stage.write_record(build_counts(encoded), metrics)


def encode_datasets(
    config: TrainingConfig, method: Method, parts: Sequence[DatasetPart]
) -> EncodedRows:
    """The rows of data sets as token columns, bounded by max_length and the model's context."""
    tokenizer = load_tokenizer(config)
    context = get_context_length(config)
    max_length = config.max_length if context is None else min(config.max_length, context)
    limits = Limits(max_length, config.truncation_mode)
    encoded = EncodedRows()
    for part in parts:
        audit = SourceAudit()
        rows = method.load_rows(part.dataset, audit)
        encode_rows(rows, lambda row: method.encode(row, tokenizer, limits), encoded)
        add_excluded(encoded, audit.excluded)
    return encoded


def build_table(rows: list[dict[str, list[int]]]) -> pa.Table:
    """Token columns as an Arrow table of int32 lists."""
    names = list(rows[0])
    arrays = [pa.array([row[name] for row in rows], pa.list_(pa.int32())) for name in names]
    return pa.table(dict(zip(names, arrays, strict=True)))


def _train(
    stage: Stage, method: Method, encoded: EncodedRows, evaluated: EncodedRows | None
) -> None:
    config = stage.config
    assert isinstance(config, TrainingConfig)
    (stage.path / CHECKPOINTS_DIR).mkdir(exist_ok=True)
    (stage.path / LOGS_DIR).mkdir(exist_ok=True)
    rows = fill_last_batch(encoded.rows, config.train_batch_size, config.seed)
    with _connected():
        import ray

        has_eval = evaluated is not None and evaluated.rows
        job = TrainJob(
            config=locate_models(config),
            method=method,
            strategy=_choose_strategy(config),
            stage_dir=stage.path.resolve(),
            train_rows=ray.put(build_table(rows)),
            eval_rows=ray.put(build_table(evaluated.rows)) if has_eval else None,
        )
        find_checkpoint(job.checkpoints_dir, job.layout)
        progress = stage.path / LOGS_DIR / PROGRESS_NAME
        with show_progress(progress, stage.path.name, config, len(rows)):
            _fit(job)


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
        trainer.fit()
    except ray.train.TrainingFailedError as error:
        raise _explain(error, job) from error
    if failure.is_file():
        raise TrainingError(**read_json(failure))


def _explain(error: Exception, job: TrainJob) -> AlignrayError:
    """The one-line error of a failed run; the traceback goes to logs/error.txt."""
    log = job.stage_dir / LOGS_DIR / "error.txt"
    write_text(log, str(error))
    failures = list(getattr(error, "worker_failures", {}).values())
    causes = [getattr(failure, "cause", failure) for failure in failures]
    for cause in causes:
        if isinstance(cause, AlignrayError):
            return cause
    last = (str(causes[0] if causes else error).strip().splitlines() or ["unknown"])[-1]
    return TrainingError(
        str(job.stage_dir),
        f"training failed ({last[:300]})",
        "",
        f"see {log}; run again to go on from the newest checkpoint",
    )


@contextlib.contextmanager
def _connected() -> Iterator[None]:
    os.environ.setdefault("RAY_TRAIN_V2_ENABLED", "1")
    from alignray.inference.cluster import connect

    with connect():
        yield
