"""Optimizer and course of the learning rate."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from alignray.config.base import StageConfig


class OptimizerFields(StageConfig):
    """How gradients become steps."""

    learning_rate: float = Field(gt=0, le=1)
    """Peak learning rate."""
    optim: Literal[
        "adamw_torch",
        "adamw_torch_fused",
        "adafactor",
        "rmsprop",
        "sgd",
        "adamw_8bit",
        "paged_adamw_8bit",
        "paged_adamw_32bit",
    ] = "adamw_torch"
    """Optimizer, in the names of transformers; `paged_*` and `*_8bit` need bitsandbytes."""
    adam_beta1: float = Field(default=0.9, ge=0, lt=1)
    """Decay of Adam's mean of gradients."""
    adam_beta2: float = Field(default=0.999, ge=0, lt=1)
    """Decay of Adam's mean of squared gradients."""
    adam_epsilon: float = Field(default=1e-8, gt=0, le=1)
    """Smallest denominator of Adam."""
    weight_decay: float = Field(default=0.0, ge=0, le=1)
    """Decoupled weight decay."""
    max_grad_norm: float = Field(default=1.0, ge=0)
    """Gradient norm above which gradients are scaled down; 0 never does."""
    lr_scheduler_type: Literal[
        "linear", "cosine", "constant", "constant_with_warmup", "polynomial", "inverse_sqrt", "step"
    ] = "linear"
    """Course of the learning rate after the warm-up. `step` multiplies it by step_gamma after each
    epoch (PyTorch's StepLR)."""
    step_gamma: float = Field(default=0.85, gt=0, le=1)
    """Factor of `step`."""
    warmup_ratio: float = Field(default=0.0, ge=0, lt=1)
    """Share of the steps in which the learning rate rises from 0."""
    warmup_steps: int = Field(default=0, ge=0)
    """The same as a number of steps; overrides warmup_ratio."""
