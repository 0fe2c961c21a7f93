"""Who watches a training: the callbacks of a worker's trainer, by configuration."""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING

from alignray.artifacts import CONFIG_NAME
from alignray.config.training import TrainingConfig
from alignray.durable import read_json
from alignray.errors import ConfigError, SourceError
from alignray.training.job import LOGS_DIR, PROGRESS_NAME

if TYPE_CHECKING:
    import pyarrow as pa
    from transformers import TrainerCallback

    from alignray.chat import ChatTokenizer
    from alignray.training.job import TrainJob
    from alignray.training.rows.encoding import EncodedRows

_REPORTERS = {"tensorboard": ("tensorboardX", "tensorboard"), "wandb": ("wandb",)}
"""Value of `report_to` -> modules, one of which it needs."""


def check_reporters(config: TrainingConfig) -> None:
    """Makes sure, before any work, that what `report_to` names is installed.

    Raises:
        ConfigError: it is not.
    """
    for name in config.report_to:
        modules = _REPORTERS[name]
        if not any(importlib.util.find_spec(module) for module in modules):
            do = f"pip install {modules[0]}, or leave {name} out of report_to"
            raise ConfigError("report_to", f"{modules[0]} is not installed", "", do)


def check_eval_rows(config: TrainingConfig, evaluated: EncodedRows | None) -> None:
    """Makes sure that there is something to measure the best checkpoint on.

    Raises:
        SourceError: `metric_for_best_model` is asked for, but no row of eval_dataset is left.
    """
    if config.metric_for_best_model is None or (evaluated is not None and evaluated.rows):
        return
    skipped = {} if evaluated is None else evaluated.skipped
    counts = ", ".join(f"{len(names)} {reason}" for reason, names in skipped.items())
    found = f"no row can be evaluated ({counts or 'it is empty'})"
    raise SourceError(str(config.eval_dataset), found, "one, for metric_for_best_model")


def build_observers(
    job: TrainJob, eval_table: pa.Table | None, tokenizer: ChatTokenizer
) -> list[TrainerCallback]:
    """The callbacks of one worker; the guards come first, so that nothing is told of a lost run."""
    from alignray.training.process_group import get_rank
    from alignray.training.watch.callbacks import (
        BestKeeper,
        CheckpointCommitter,
        LossGuard,
        ProgressTeller,
    )
    from alignray.training.watch.samples import SampleWriter, select_prompts
    from alignray.training.watch.watchdog_callback import Watchdog

    config, logs = job.config, job.stage_dir / LOGS_DIR
    save = (config.save_steps, config.save_total_limit)
    observers: list[TrainerCallback] = [
        LossGuard(),
        CheckpointCommitter(job.checkpoints_dir, job.layout, *save),
        ProgressTeller(logs / PROGRESS_NAME),
        Watchdog(logs, get_rank(), config.resources.stall_seconds),
    ]
    if eval_table is None:
        return [*observers, *_build_reporters(job)]
    if config.metric_for_best_model is not None:
        observers.insert(1, BestKeeper(job.checkpoints_dir, config.metric_for_best_model))
    prompts = select_prompts(eval_table, config.eval_samples)
    if prompts:
        observers.append(SampleWriter(logs / "samples.jsonl", prompts, tokenizer, config))
    return [*observers, *_build_reporters(job)]


def _build_reporters(job: TrainJob) -> list[TrainerCallback]:
    from alignray.training.watch.reporters import StageTensorBoard, build_wandb

    logs = job.stage_dir / LOGS_DIR
    reporters: list[TrainerCallback] = []
    if "tensorboard" in job.config.report_to:
        reporters.append(StageTensorBoard(logs / "tensorboard"))
    if "wandb" in job.config.report_to:
        fingerprint = read_json(job.stage_dir / CONFIG_NAME)["fingerprint"]
        reporters.append(build_wandb(logs, job.stage_dir.name, fingerprint))
    return reporters
