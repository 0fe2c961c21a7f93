"""Where a training runs, and how the global batch is cut.

The global batch (`train_batch_size`) is part of what is computed; how it is cut into workers,
micro-batches and accumulation steps is not, and is derived (`compute_accumulation_steps`).
"""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from alignray.config.base import Where


class TrainingResources(Where):
    """Where a training runs: Ray Train workers, one process each."""

    num_workers: int = Field(default=1, ge=1, le=4096)
    """Workers, one process each."""
    num_gpus: float = Field(default=0, ge=0, le=8)
    """GPUs of one worker; 0 trains on CPUs over gloo."""
    num_cpus: float = Field(default=1, gt=0, le=256)
    """CPUs that Ray reserves for one worker."""
    per_device_train_batch_size: int = Field(default=8, ge=1)
    """Rows of one worker's micro-batch; gradient accumulation follows from train_batch_size. It
    changes no result, but for losses that sort a batch (`aot`), and for models with experts that
    train their router: its auxiliary loss is a mean over micro-batches."""
    strategy: Literal["auto", "replicated", "zero1", "zero2", "zero3", "fsdp"] = "auto"
    """How workers share the model. DeepSpeed ZeRO shards optimizer states (zero1), gradients too
    (zero2), parameters too (zero3); `fsdp` is PyTorch's form of zero3; `replicated` shards nothing.
    `auto`: replicated for LoRA on a base that fits a worker (nothing to gather), else zero3."""
    offload: Literal["none", "optimizer", "optimizer_and_parameters"] = "none"
    """What DeepSpeed keeps in the memory of the host instead of the GPU."""
    layout: Literal["auto", "padded", "shared_prefix"] = "auto"
    """Layout of a preference batch: every response padded beside its own copy of the prompt, or
    both responses behind one prompt; `auto` shares where the model's attention takes a mask."""
    attn_implementation: Literal[
        "auto", "eager", "sdpa", "flash_attention_2", "flash_attention_3", "flex_attention"
    ] = "auto"
    """Attention kernel, in the names of transformers; `auto` is transformers' own choice."""
    omp_threads: int = Field(default=1, ge=1, le=256)
    """OpenMP threads of one worker on a CPU."""
    accelerator_type: str | None = None
    """Ray accelerator type to ask for, e.g. `H100`."""
    timeout_seconds: float = Field(default=1800, gt=0, le=86400)
    """Longest wait of one worker for the others, before the run fails instead of hanging. The first
    worker merges adapters, commits checkpoints and writes whole models while the others wait: of a
    large model on slow storage, give it more than that takes."""
    stall_seconds: float = Field(default=900, gt=0, le=86400)
    """A training step or evaluation batch that takes longer fails the run, which names the silent
    worker. Writing checkpoints and answering `eval_samples` do not count."""
    max_failures: int = Field(default=1, ge=0, le=100)
    """Restarts from the newest checkpoint after a worker died, before the stage fails."""

    @model_validator(mode="after")
    def _check_strategy(self) -> Self:
        if self.strategy == "fsdp" and self.num_gpus == 0:
            raise ValueError("strategy is fsdp, which accelerate runs on GPUs alone; use zero3")
        if self.offload != "none" and self.strategy in ("replicated", "fsdp"):
            raise ValueError(f"offload is {self.offload}, which needs zero1, zero2 or zero3")
        if self.offload == "optimizer_and_parameters" and self.strategy in ("zero1", "zero2"):
            raise ValueError("offload of parameters needs strategy zero3")
        return self


def compute_accumulation_steps(train_batch_size: int, resources: TrainingResources) -> int:
    """Micro-batches per worker and optimizer step: global batch / (workers * micro-batch).

    Raises:
        ValueError: the global batch is not a multiple of workers * micro-batch.
    """
    rows = resources.num_workers * resources.per_device_train_batch_size
    if train_batch_size % rows:
        raise ValueError(
            f"train_batch_size is {train_batch_size}, expected a multiple of {rows}"
            f" (resources.num_workers={resources.num_workers} *"
            f" resources.per_device_train_batch_size={resources.per_device_train_batch_size})"
        )
    return train_batch_size // rows
