"""What one Ray Train worker does: process group, trainer, train or go on, write the result.

Knows no method. Everything that needs torch is imported inside, after the environment is set.
"""

from __future__ import annotations

import os
import shutil
import time
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alignray.config.training import TrainingConfig
from alignray.durable import write_json
from alignray.errors import TrainingError
from alignray.training.checkpoints import delete_torn_checkpoints, find_checkpoint
from alignray.training.job import (
    FAILURE_NAME,
    MODEL_DIR,
    SUMMARY_NAME,
    TrainJob,
)
from alignray.training.method import TrainerParts
from alignray.training.process_group import ask_first, wait_for_workers

if TYPE_CHECKING:
    import pyarrow as pa
    from transformers import Trainer


def train_on_worker(settings: dict[str, TrainJob]) -> None:
    """The training function of every worker; `settings` is `{"job": TrainJob}`."""
    job = settings["job"]
    started = time.monotonic()
    prepare_process(job.config)
    if job.strategy.name != "fsdp":
        _keep_gradient_norms()
    trainer = _build_trainer(job)
    checkpoint = ask_first(lambda: _choose_checkpoint(job))
    built = time.monotonic()
    try:
        trainer.train(resume_from_checkpoint=None if checkpoint is None else str(checkpoint))
    except TrainingError as error:
        _report_failure(job, trainer, error)
        return
    trained = time.monotonic()
    _write_result(job, trainer)
    times = {
        "setup_seconds": round(built - started, 3),
        "train_seconds": round(trained - built, 3),
        "save_seconds": round(time.monotonic() - trained, 3),
    }
    if trainer.is_world_process_zero():
        summary = _summarize(trainer, checkpoint, times) | {"strategy": job.strategy.name}
        write_json(job.checkpoints_dir / SUMMARY_NAME, summary)
    wait_for_workers()


def prepare_process(config: TrainingConfig) -> None:
    """Sets what accelerate and DeepSpeed read from the environment, before they are imported.

    On a CPU accelerate refuses DeepSpeed unless the process state is made beforehand with gloo.
    """
    os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    with_deepspeed = config.resources.strategy != "fsdp"
    os.environ["ACCELERATE_USE_DEEPSPEED"] = "true" if with_deepspeed else "false"
    # DeepSpeed calls collectives that torch renames, and torch says so at every single call.
    warnings.filterwarnings("ignore", category=FutureWarning, module=r"torch\.distributed")
    if config.resources.num_gpus > 0:
        return
    os.environ["DS_ACCELERATOR"] = "cpu"
    import torch
    from accelerate import PartialState

    torch.set_num_threads(config.resources.omp_threads)
    _switch_off_shared_memory_op()
    PartialState(backend="gloo")


def _switch_off_shared_memory_op() -> None:
    """Keeps DeepSpeed from compiling its shared-memory collectives on a CPU.

    They save nothing measurable here, need a compiler on every node, and a process that is killed
    while torch compiles leaves a lock behind on which every later run waits for ever.
    """
    import deepspeed

    deepspeed.ops.__compatible_ops__["deepspeed_shm_comm"] = False


def _keep_gradient_norms() -> None:
    """Lets DeepSpeed tell the gradient norm where it shards nothing: 0.19 clips by it, no more."""
    from deepspeed.runtime.engine import DeepSpeedEngine

    DeepSpeedEngine.clip_fp32_gradients = _clip_gradients


def _clip_gradients(engine: Any) -> None:
    from deepspeed.runtime.utils import clip_grad_norm_

    parameters, limit = engine.module.parameters(), engine.gradient_clipping()
    engine._global_grad_norm = clip_grad_norm_(parameters, max_norm=limit, mpu=engine.mpu)


def _choose_checkpoint(job: TrainJob) -> Path | None:
    """The newest whole checkpoint; torn ones above it are cleared away."""
    checkpoint = find_checkpoint(job.checkpoints_dir, job.layout)
    delete_torn_checkpoints(job.checkpoints_dir, checkpoint)
    return checkpoint


def _build_trainer(job: TrainJob) -> Trainer:
    import ray
    from datasets import Dataset

    from alignray.training.adapters.stack import prepare_base
    from alignray.training.arguments import build_arguments, compute_eval_steps
    from alignray.training.policy import (
        build_peft_config,
        load_policy,
        load_reference,
        load_tokenizer,
    )
    from alignray.training.watch.observers import build_observers

    config = prepare_base(job.config, job.stage_dir)
    table: pa.Table = ray.get(job.train_rows)
    eval_table = None if job.eval_rows is None else ray.get(job.eval_rows)
    eval_steps = None if eval_table is None else compute_eval_steps(config, table.num_rows)
    tokenizer = load_tokenizer(config)
    parts = TrainerParts(
        config=config,
        arguments=build_arguments(config, job.strategy, job.checkpoints_dir, eval_steps),
        load_policy=lambda: load_policy(config),
        peft_config=build_peft_config(config),
        load_reference=lambda: load_reference(config),
        live_reference="ref_chosen_logps" not in table.column_names,
        tokenizer=tokenizer.tokenizer,
        train_dataset=Dataset(table),
        eval_dataset=None if eval_table is None else Dataset(eval_table),
        callbacks=build_observers(job, eval_table, tokenizer),
    )
    return job.method.build_trainer(parts)


def _write_result(job: TrainJob, trainer: Trainer) -> None:
    """The model beside its place first, then in one step into it."""
    from alignray.training.adapters.stack import finish_model
    from alignray.training.policy import save_policy

    model_dir, unfinished = job.stage_dir / MODEL_DIR, job.stage_dir / f".{MODEL_DIR}.tmp"
    if trainer.is_world_process_zero():
        shutil.rmtree(unfinished, ignore_errors=True)
    wait_for_workers()
    save_policy(trainer, unfinished)
    wait_for_workers()
    if trainer.is_world_process_zero():
        (unfinished / "training_args.bin").unlink(missing_ok=True)
        finish_model(job.config, job.stage_dir, unfinished)
        shutil.rmtree(model_dir, ignore_errors=True)
        unfinished.replace(model_dir)
    wait_for_workers()


def _report_failure(job: TrainJob, trainer: Trainer, error: TrainingError) -> None:
    """Ends the run without an exception: Ray Train would restart it, to diverge again."""
    if trainer.is_world_process_zero():
        names = ("where", "found", "expected", "do")
        write_json(job.checkpoints_dir / FAILURE_NAME, dict(zip(names, error.args, strict=True)))
    wait_for_workers()


def _summarize(
    trainer: Trainer, checkpoint: Path | None, times: dict[str, float]
) -> dict[str, Any]:
    state = trainer.state
    return {
        "steps": state.global_step,
        "epochs": state.epoch,
        "tokens": int(state.num_input_tokens_seen),
        "best_step": state.best_global_step,
        "resumed_from": None if checkpoint is None else checkpoint.name,
        "log_history": state.log_history,
        **times,
    }
