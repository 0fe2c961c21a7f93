"""A stage's configuration -> the arguments that every TRL trainer takes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from alignray.config.training import TrainingConfig
from alignray.config.training_resources import compute_accumulation_steps
from alignray.models import resolve_model
from alignray.training.deepspeed import build_deepspeed_config
from alignray.training.policy import get_attention, get_revision
from alignray.training.quantization import build_quantization_config
from alignray.training.strategy import Strategy

_LESS_IS_BETTER = ("loss", "perplexity")


def build_arguments(
    config: TrainingConfig, strategy: Strategy, checkpoints_dir: Path, eval_steps: int | None
) -> dict[str, Any]:
    """Keyword arguments of SFTConfig and DPOConfig that do not depend on the method.

    transformers keeps every checkpoint (`save_total_limit=None`): it would delete the last good one
    before the new one is known to be whole. `watch/callbacks.py` prunes instead. A loss that is
    not finite is not filtered, it ends the run. Curves go out by `watch/reporters.py`, hence no
    `report_to`.
    `eval_steps` are those between two evaluations (`compute_eval_steps`); None for no evaluation.
    """
    on_cpu = config.resources.num_gpus == 0
    return {
        "output_dir": str(checkpoints_dir),
        "learning_rate": config.learning_rate,
        "lr_scheduler_type": _get_scheduler(config),
        "warmup_steps": config.warmup_steps or config.warmup_ratio,
        "num_train_epochs": config.num_train_epochs,
        "max_steps": config.max_steps or -1,
        "per_device_train_batch_size": config.resources.per_device_train_batch_size,
        "per_device_eval_batch_size": config.resources.per_device_train_batch_size,
        "gradient_accumulation_steps": compute_accumulation_steps(
            config.train_batch_size, config.resources
        ),
        "optim": config.optim,
        "adam_beta1": config.adam_beta1,
        "adam_beta2": config.adam_beta2,
        "adam_epsilon": config.adam_epsilon,
        "weight_decay": config.weight_decay,
        "max_grad_norm": config.max_grad_norm,
        "gradient_checkpointing": config.gradient_checkpointing,
        "bf16": config.bf16,
        "seed": config.seed,
        "data_seed": config.seed,
        **build_evaluation(config, eval_steps),
        "save_strategy": "steps",
        "save_total_limit": None,
        "logging_steps": config.logging_steps,
        "logging_nan_inf_filter": False,
        "include_num_input_tokens_seen": "non_padding",
        "report_to": "none",
        "disable_tqdm": True,
        "remove_unused_columns": False,
        "dataloader_pin_memory": not on_cpu,
        "use_cpu": on_cpu,
        "accelerator_config": {"use_configured_state": on_cpu},
        **_build_sharding(config, strategy),
        "model_init_kwargs": build_model_arguments(config),
    }


def compute_eval_steps(config: TrainingConfig, num_rows: int) -> int | None:
    """Steps between two evaluations, an epoch's where it is per epoch; None for no evaluation.

    transformers evaluates per epoch after it has written the checkpoint of the epoch's last step;
    counted in steps, the evaluation comes first, is part of the checkpoint, and can judge it.
    Whichever it is, it also evaluates after the last step.
    """
    if config.eval_strategy == "no":
        return None
    if config.eval_strategy == "epoch":
        return max(1, num_rows // config.train_batch_size)
    return config.eval_steps


def build_evaluation(config: TrainingConfig, eval_steps: int | None) -> dict[str, Any]:
    """When to evaluate and save; with `metric_for_best_model`, the best checkpoint is the result.

    transformers then wants `save_steps` to be those of the evaluation; the checkpoints every
    `config.save_steps` are asked for by `CheckpointCommitter`.
    """
    if eval_steps is None:
        return {"eval_strategy": "no", "save_steps": config.save_steps}
    schedule = {"eval_strategy": "steps", "eval_steps": eval_steps}
    metric = config.metric_for_best_model
    if metric is None:
        return {**schedule, "save_steps": config.save_steps}
    greater = config.greater_is_better
    return {
        **schedule,
        "save_steps": eval_steps,
        "load_best_model_at_end": True,
        "metric_for_best_model": metric,
        "greater_is_better": not metric.endswith(_LESS_IS_BETTER) if greater is None else greater,
    }


def _get_scheduler(config: TrainingConfig) -> str:
    """The name for transformers; `step` is ours (`trainer.py`) and stands on `constant`."""
    return "constant" if config.lr_scheduler_type == "step" else config.lr_scheduler_type


def _build_sharding(config: TrainingConfig, strategy: Strategy) -> dict[str, Any]:
    if strategy.name != "fsdp":
        return {"deepspeed": build_deepspeed_config(config, strategy)}
    return {"fsdp": "full_shard auto_wrap", "fsdp_config": {"version": 2}}


def build_model_arguments(config: TrainingConfig) -> dict[str, Any] | None:
    """Keyword arguments of `from_pretrained`; None where the model is handed over loaded."""
    if config.adapter_name_or_path is not None:
        return None
    base = resolve_model(config.model_name_or_path)
    arguments: dict[str, Any] = {
        "dtype": config.dtype,
        "device_map": None,
        **get_attention(config),
        **get_revision(base, config.model_revision),
    }
    quantization = build_quantization_config(config)
    return arguments | ({"quantization_config": quantization} if quantization else {})
