"""Supervised fine-tuning."""

from __future__ import annotations

from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator

from alignray.config.training import TrainingConfig


class SFTStageConfig(TrainingConfig):
    """`alignray sft`: supervised fine-tuning on dialogues.

    Rows: `messages`, `prompt`/`completion`, alpaca, ShareGPT, the output of `alignray pairs`, or a
    source.
    """

    EVAL_METRICS: ClassVar[tuple[str, ...]] = ("loss", "perplexity")

    learning_rate: float = Field(default=2e-5, gt=0, le=1)
    """Peak learning rate; about ten times as much for adapters."""
    loss_on: Literal["responses", "last_response", "all"] = "responses"
    """Tokens with a loss: what assistants say, the last of it, or every token of the row."""
    loss_reduction: Literal["token_mean", "sequence_mean", "sequence_sum"] = "token_mean"
    """Mean over all tokens of the global batch; mean over rows of each row's token mean; or mean
    over rows of each row's sum (long rows then count more)."""
    loss_type: Literal["nll", "dft"] = "nll"
    """Negative log-likelihood, or dynamic fine-tuning (nll weighted by the token's probability)."""
    packing: bool = False
    """Several rows in one sequence of max_length, each seeing only itself (best-fit decreasing).
    train_batch_size then counts sequences."""

    @model_validator(mode="after")
    def _check_packing(self) -> Self:
        if self.packing and self.resources.attn_implementation == "flex_attention":
            raise ValueError("packing is not offered with flex_attention; use sdpa or flash")
        return self
