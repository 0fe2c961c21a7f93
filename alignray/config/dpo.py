"""Direct preference optimization and its family."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from alignray.config.base import ModelPath, as_list
from alignray.config.training import TrainingConfig

TRLLoss = Literal[
    "sigmoid",
    "hinge",
    "ipo",
    "exo_pair",
    "nca_pair",
    "robust",
    "bco_pair",
    "sppo_hard",
    "aot",
    "aot_unpaired",
    "apo_zero",
    "apo_down",
    "discopop",
    "sft",
    "sigmoid_norm",
]
"""The loss types of TRL 1.16's DPOTrainer."""

DPOLoss = TRLLoss | Literal["ipo_sum"]


class DPOStageConfig(TrainingConfig):
    """`alignray dpo`: direct preference optimization on pairs of responses.

    Rows: the output of `alignray pairs`, `prompt`/`chosen`/`rejected`, or a source.
    """

    EVAL_METRICS: ClassVar[tuple[str, ...]] = (
        "loss",
        "rewards/chosen",
        "rewards/rejected",
        "rewards/accuracies",
        "rewards/margins",
        "logps/chosen",
        "logps/rejected",
        "logits/chosen",
        "logits/rejected",
        "entropy",
        "mean_token_accuracy",
    )

    learning_rate: float = Field(default=1e-6, gt=0, le=1)
    """Peak learning rate; about ten times as much for adapters."""
    beta: float = Field(default=0.1, gt=0, le=100)
    """Strength of the pull towards the reference model."""
    loss_type: Annotated[tuple[DPOLoss, ...], BeforeValidator(as_list)] = Field(
        default=("sigmoid",), min_length=1
    )
    """Losses, summed; add `sft` for a likelihood term on the chosen responses (RPO). `ipo` divides
    log-probabilities by the tokens of each response, as TRL and IPO's authors do; `ipo_sum` does
    not, as the first implementations of DPO."""
    loss_weights: Annotated[tuple[float, ...], BeforeValidator(as_list)] = ()
    """Weight of each loss; 1 each by default."""
    label_smoothing: float = Field(default=0.0, ge=0, lt=0.5)
    """Assumed share of swapped labels; makes `sigmoid` conservative DPO. Also robust, exo_pair."""
    ld_alpha: float | None = Field(default=None, ge=0, le=1)
    """LD-DPO: weight of the tokens beyond the shorter response, against length bias."""
    ref_model_name_or_path: ModelPath | None = None
    """Reference model, where it is not what the training starts from."""
    ref_model_revision: str = "main"
    """Revision of a reference model on the hub."""
    reference_free: bool = False
    """No reference model: its log-probabilities count as zero."""
    precompute_ref_log_probs: bool = False
    """Compute the reference's log-probabilities once, before the training, and keep them by row:
    less work from two epochs on, and no second copy of the weights."""

    def identity(self) -> dict[str, Any]:
        """As `TrainingConfig.identity`; losses that sort a micro-batch depend on its size."""
        identity = super().identity()
        if {"aot", "aot_unpaired"} & set(self.loss_type):
            identity["micro_batch"] = self.resources.per_device_train_batch_size
        return identity

    @model_validator(mode="after")
    def _check_losses(self) -> Self:
        if self.loss_weights and len(self.loss_weights) != len(self.loss_type):
            raise ValueError(
                f"loss_weights has {len(self.loss_weights)} values,"
                f" expected {len(self.loss_type)}: one per loss_type"
            )
        smoothed = {"sigmoid", "robust", "exo_pair", "aot", "aot_unpaired"} & set(self.loss_type)
        if self.label_smoothing and not smoothed:
            raise ValueError(
                f"label_smoothing is {self.label_smoothing}, but no loss of"
                f" {list(self.loss_type)} uses it; expected sigmoid, robust, exo_pair or aot"
            )
        if "exo_pair" in self.loss_type and not self.label_smoothing:
            raise ValueError("label_smoothing is 0, must be above 0 for exo_pair (the paper: 1e-3)")
        return self

    @model_validator(mode="after")
    def _check_reference(self) -> Self:
        if self.reference_free and (self.ref_model_name_or_path or self.precompute_ref_log_probs):
            raise ValueError(
                "reference_free is true, but ref_model_name_or_path or precompute_ref_log_probs"
                " asks for a reference; choose one"
            )
        if self.ref_model_revision != "main" and self.ref_model_name_or_path is None:
            raise ValueError(
                f"ref_model_revision is {self.ref_model_revision}, but there is no"
                " ref_model_name_or_path; model_revision is that of the model that is trained"
            )
        return self
