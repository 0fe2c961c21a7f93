"""The DeepSpeed configuration of a run, as the dict that `TrainingArguments(deepspeed=)` takes."""

from __future__ import annotations

from typing import Any

from alignray.config.training import TrainingConfig
from alignray.config.training_resources import TrainingResources, compute_accumulation_steps
from alignray.training.strategy import Strategy


def build_deepspeed_config(config: TrainingConfig, strategy: Strategy) -> dict[str, Any]:
    """DeepSpeed's settings, every value explicit.

    Bucket sizes are DeepSpeed's own: transformers' `auto` derives much smaller ones from the hidden
    size. `zero_allow_untested_optimizer` lets the plain torch optimizers run sharded;
    `zero_force_ds_cpu_optimizer` off keeps DeepSpeed from compiling its own Adam.
    """
    resources = config.resources
    steps = compute_accumulation_steps(config.train_batch_size, resources)
    return {
        "train_batch_size": config.train_batch_size,
        "train_micro_batch_size_per_gpu": resources.per_device_train_batch_size,
        "gradient_accumulation_steps": steps,
        "gradient_clipping": config.max_grad_norm,
        "bf16": {"enabled": config.bf16},
        "fp16": {"enabled": False},
        "zero_optimization": _build_zero(resources, strategy.zero_stage),
        "zero_allow_untested_optimizer": True,
        "zero_force_ds_cpu_optimizer": False,
        "steps_per_print": 1_000_000_000,
        "wall_clock_breakdown": False,
    }


def _build_zero(resources: TrainingResources, stage: int) -> dict[str, Any]:
    zero: dict[str, Any] = {"stage": stage}
    if stage == 3:
        zero["stage3_gather_16bit_weights_on_model_save"] = True
    if resources.offload != "none":
        zero["offload_optimizer"] = {"device": "cpu", "pin_memory": resources.num_gpus > 0}
    if resources.offload == "optimizer_and_parameters":
        zero["offload_param"] = {"device": "cpu", "pin_memory": resources.num_gpus > 0}
    return zero
