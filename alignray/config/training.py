"""Training: SFT and DPO by TRL, on Ray Train workers with DeepSpeed.

The global batch (`train_batch_size`) is part of what is computed; how it is cut into workers,
micro-batches and accumulation steps is not, and is derived (`compute_accumulation_steps`).
"""

from __future__ import annotations

from typing import Any, Literal, Self

from pydantic import Field, model_validator

from alignray.config.base import DataPath, ModelPath, StageConfig, Where

DPOLoss = Literal[
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


class TrainingResources(Where):
    """Where a training runs: Ray Train workers, one process each, joined by DeepSpeed."""

    num_workers: int = Field(default=1, ge=1, le=4096)
    """Workers, one process each."""
    num_gpus: float = Field(default=0, ge=0, le=8)
    """GPUs of one worker; 0 trains on CPUs over gloo."""
    num_cpus: float = Field(default=1, gt=0, le=256)
    """CPUs that Ray reserves for one worker."""
    per_device_train_batch_size: int = Field(default=8, ge=1)
    """Rows of one worker's micro-batch; gradient accumulation follows from train_batch_size."""
    zero_stage: Literal[0, 1, 2, 3] = 3
    """DeepSpeed ZeRO: 1 shards optimizer states, 2 gradients too, 3 parameters too."""
    offload: Literal["none", "optimizer", "optimizer_and_parameters"] = "none"
    """What DeepSpeed keeps in the memory of the host instead of the GPU."""
    omp_threads: int = Field(default=1, ge=1, le=256)
    """OpenMP threads of one worker on a CPU."""
    accelerator_type: str | None = None
    """Ray accelerator type to ask for, e.g. `H100`."""
    timeout_seconds: float = Field(default=1800, gt=0, le=86400)
    """Longest wait of one worker for the others, before the run fails instead of hanging."""
    max_failures: int = Field(default=1, ge=0, le=100)
    """Restarts from the newest checkpoint after a worker died, before the stage fails."""


class TrainingConfig(StageConfig):
    """What SFT and DPO share."""

    model_name_or_path: ModelPath
    """Model that is trained: directory, hub id, or a built-in model (`pocket-base`)."""
    model_revision: str = "main"
    """Revision of a hub model."""
    adapter_name_or_path: ModelPath | None = None
    """LoRA adapter of that model to go on from; the model alone by default."""
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = "float32"
    """Type that the weights are loaded in; `auto` is the model's own."""
    bf16: bool = False
    """Compute in bfloat16, with float32 master weights."""

    max_length: int = Field(default=1024, ge=2)
    """Longest row in tokens, prompt and response; the model's context bounds it."""
    truncation_mode: Literal["none", "keep_start", "keep_end"] = "none"
    """Rows over max_length: left out and counted, or cut at their end or at their start."""

    learning_rate: float = Field(gt=0, le=1)
    """Peak learning rate."""
    lr_scheduler_type: Literal["linear", "cosine", "constant", "constant_with_warmup"] = "linear"
    """Course of the learning rate after the warm-up."""
    warmup_ratio: float = Field(default=0.0, ge=0, lt=1)
    """Share of the steps in which the learning rate rises from 0."""
    num_train_epochs: float = Field(default=1.0, gt=0, le=1000)
    """Passes over the data."""
    max_steps: int | None = Field(default=None, ge=1)
    """Optimizer steps; overrides num_train_epochs."""
    train_batch_size: int = Field(default=16, ge=1)
    """Rows of one optimizer step over all workers."""
    optim: Literal["adamw_torch", "adamw_torch_fused", "rmsprop", "sgd"] = "adamw_torch"
    """Optimizer, in the names of transformers."""
    weight_decay: float = Field(default=0.0, ge=0, le=1)
    """Decoupled weight decay."""
    max_grad_norm: float = Field(default=1.0, ge=0)
    """Gradient norm above which gradients are scaled down; 0 never does."""
    gradient_checkpointing: bool = False
    """Compute activations twice instead of keeping them: a third less speed, far less memory."""
    seed: int = Field(default=0, ge=0, lt=2**31)
    """Seed of new adapters, of the order of rows and of dropout."""

    use_peft: bool = True
    """Train a LoRA adapter; otherwise all weights."""
    lora_r: int = Field(default=16, ge=1, le=512)
    """Rank of the adapter."""
    lora_alpha: int = Field(default=32, ge=1)
    """The adapter's output is scaled by lora_alpha / lora_r."""
    lora_dropout: float = Field(default=0.0, ge=0, lt=1)
    """Dropout before the adapter (SFT); DPO runs without dropout."""
    lora_target_modules: Literal["all-linear"] | tuple[str, ...] = "all-linear"
    """Layers that get an adapter: all linear ones but the output layer, or names of modules."""

    eval_strategy: Literal["no", "epoch", "steps"] = "epoch"
    """When the loss on eval_dataset is measured, where there is one."""
    eval_steps: int = Field(default=100, ge=1)
    """Steps between two measurements under `steps`."""
    save_steps: int = Field(default=100, ge=1)
    """Steps between two checkpoints; the last step is always one."""
    save_total_limit: int = Field(default=2, ge=1)
    """Checkpoints kept."""
    logging_steps: int = Field(default=10, ge=1)
    """Steps between two points of the loss curve."""
    report_to: Literal["none", "tensorboard", "wandb"] = "none"
    """Where the curves go besides metrics.json."""
    resources: TrainingResources = TrainingResources()

    def identity(self) -> dict[str, Any]:
        """As `StageConfig.identity`; how often the run is saved and logged does not change it."""
        identity = super().identity()
        for name in ("save_steps", "save_total_limit", "logging_steps", "report_to"):
            del identity[name]
        return identity

    @model_validator(mode="after")
    def _check_batch(self) -> Self:
        compute_accumulation_steps(self.train_batch_size, self.resources)
        return self

    @model_validator(mode="after")
    def _check_adapter(self) -> Self:
        if self.adapter_name_or_path is not None and not self.use_peft:
            raise ValueError(
                "adapter_name_or_path goes on with an adapter, but use_peft is false;"
                " set use_peft=true, or merge the adapter first"
            )
        return self


class SFTStageConfig(TrainingConfig):
    """`alignray sft`: supervised fine-tuning on the assistant turns of dialogues."""

    dataset: DataPath
    """Dialogues: `messages`, `prompt`/`completion`, the output of `alignray pairs`, or a source."""
    eval_dataset: DataPath | None = None
    """Dialogues that are not trained on."""
    learning_rate: float = Field(default=2e-5, gt=0, le=1)
    """Peak learning rate; about ten times as much for adapters."""
    loss_type: Literal["nll", "dft"] = "nll"
    """Negative log-likelihood, or dynamic fine-tuning (nll weighted by the token's probability)."""


class DPOStageConfig(TrainingConfig):
    """`alignray dpo`: direct preference optimization on pairs of responses."""

    dataset: DataPath
    """Pairs: output of `alignray pairs`, `prompt`/`chosen`/`rejected` rows, or a source."""
    eval_dataset: DataPath | None = None
    """Pairs that are not trained on."""
    learning_rate: float = Field(default=1e-6, gt=0, le=1)
    """Peak learning rate; about ten times as much for adapters."""
    beta: float = Field(default=0.1, gt=0, le=100)
    """Strength of the pull towards the reference model."""
    loss_type: tuple[DPOLoss, ...] = Field(default=("sigmoid",), min_length=1)
    """Losses, summed; add `sft` for a likelihood term on the chosen responses (RPO)."""
    loss_weights: tuple[float, ...] = ()
    """Weight of each loss; 1 each by default."""
    label_smoothing: float = Field(default=0.0, ge=0, lt=0.5)
    """Assumed share of swapped labels; makes `sigmoid` conservative DPO. Also robust, exo_pair."""
    ld_alpha: float | None = Field(default=None, ge=0, le=1)
    """LD-DPO: weight of the tokens beyond the shorter response, against length bias."""

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
