"""Training: what SFT and DPO share (`sft.py` and `dpo.py` hold what they do not).

The global batch (`train_batch_size`) is part of what is computed; how it is cut into workers,
micro-batches and accumulation steps is not, and is derived (`compute_accumulation_steps`).
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, field_validator, model_validator

from alignray.config.base import Config, DataPath, ModelPath, Where, as_list
from alignray.config.optimizer import OptimizerFields
from alignray.config.template_file import read_template_file

_BOOKKEEPING = (
    "save_steps",
    "save_total_limit",
    "logging_steps",
    "report_to",
    "eval_samples",
    "eval_max_new_tokens",
    "push_to_hub",
    "hub_model_id",
    "hub_private_repo",
)
"""Settings that say what is told of a run and when, not what it computes."""


class TrainingResources(Where):
    """Where a training runs: Ray Train workers, one process each."""

    num_workers: int = Field(default=1, ge=1, le=4096)
    """Workers, one process each."""
    num_gpus: float = Field(default=0, ge=0, le=8)
    """GPUs of one worker; 0 trains on CPUs over gloo."""
    num_cpus: float = Field(default=1, gt=0, le=256)
    """CPUs that Ray reserves for one worker."""
    per_device_train_batch_size: int = Field(default=8, ge=1)
    """Rows of one worker's micro-batch; gradient accumulation follows from train_batch_size."""
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


class DatasetPart(Config):
    """One data set of a mixture."""

    dataset: DataPath
    """A file, a directory, a hub id or a source; `owner/name@subdir:split` names a part of one."""
    fraction: float = Field(default=1.0, ge=0, le=1)
    """Share of its rows, the first of them in its order."""
    max_rows: int | None = Field(default=None, ge=1)
    """Most rows taken, after `fraction`."""
    probability: float | None = Field(default=None, gt=0, le=1)
    """Chance that the next row comes from it, where data sets are interleaved."""
    weight: float = Field(default=1.0, gt=0, le=1000)
    """Weight of its rows in the loss (SFT)."""


class TrainingConfig(OptimizerFields):
    """What SFT and DPO share."""

    model_name_or_path: ModelPath
    """Model that is trained: directory, hub id, or a built-in model (`pocket-base`)."""
    model_revision: str = "main"
    """Revision of a hub model."""
    tokenizer_name_or_path: ModelPath | None = None
    """Tokenizer, where it is not the model's own."""
    chat_template: str | None = None
    """Built-in template (`zephyr`, `llama-2`, `llama-3`, `chatml`, `hh`, `alpaca`, `raw`,
    `vicuna`), a file with a Jinja template, or its text; the tokenizer's own by default."""
    adapter_name_or_path: ModelPath | None = None
    """LoRA adapter of that model to build on; the model alone by default."""
    adapter_mode: Literal["continue", "stack", "merge"] = "continue"
    """How a given adapter is built on: train it further; train a second one on top and write both
    as one exact adapter; or merge it, train a new one, and write full weights."""
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = "float32"
    """Type that the weights are loaded in; `auto` is the model's own."""
    bf16: bool = False
    """Compute in bfloat16, with float32 master weights."""
    load_in_4bit: bool = False
    """QLoRA: keep the base in 4 bits (NF4). Needs a GPU and bitsandbytes."""
    load_in_8bit: bool = False
    """Keep the base in 8 bits. Needs a GPU and bitsandbytes."""

    dataset: DataPath | None = None
    """Rows to train on: see `alignray data check FILE`; or give dataset_mixture."""
    dataset_mixture: tuple[DatasetPart, ...] = ()
    """Several data sets instead of one."""
    mixing_strategy: Literal["concatenate", "first_exhausted", "all_exhausted"] = "concatenate"
    """One data set after the other; or interleaved by `probability` until the first, or every one,
    is used up (rows of the shorter ones then repeat)."""
    max_samples: int | None = Field(default=None, ge=1)
    """Most rows of the whole mixture."""
    eval_dataset: DataPath | None = None
    """Rows that are not trained on, to measure the loss on."""
    max_length: int = Field(default=1024, ge=2)
    """Longest row in tokens, prompt and response; the model's context bounds it."""
    truncation_mode: Literal["none", "keep_start", "keep_end"] = "none"
    """Rows over max_length: left out and counted, or cut at their end or at their start."""
    train_sampling_strategy: Literal["random", "group_by_length"] = "group_by_length"
    """Order of rows in an epoch: any, or rows of like length together, which saves padding."""

    num_train_epochs: float = Field(default=1.0, gt=0, le=1000)
    """Passes over the data."""
    max_steps: int | None = Field(default=None, ge=1)
    """Optimizer steps; overrides num_train_epochs."""
    train_batch_size: int = Field(default=16, ge=1)
    """Rows of one optimizer step over all workers."""
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
    lora_modules_to_save: tuple[str, ...] = ()
    """Modules that are trained whole beside the adapter, e.g. `embed_tokens`."""

    eval_strategy: Literal["no", "epoch", "steps"] = "epoch"
    """When the loss on eval_dataset is measured, where there is one."""
    eval_steps: int = Field(default=100, ge=1)
    """Steps between two measurements under `steps`."""
    eval_samples: int = Field(default=0, ge=0, le=64)
    """Prompts of eval_dataset that are answered at each measurement, into logs/samples.jsonl."""
    eval_max_new_tokens: int = Field(default=64, ge=1, le=4096)
    """Longest of these answers."""
    metric_for_best_model: str | None = None
    """Measurement by which the best checkpoint becomes the result, e.g. `eval_loss` or
    `eval_rewards/accuracies`; the last step's weights by default."""
    greater_is_better: bool | None = None
    """Direction of that metric; by default lower for names that end in `loss` or `perplexity`, else
    greater."""
    save_steps: int = Field(default=100, ge=1)
    """Steps between two checkpoints; the last step is always one."""
    save_total_limit: int = Field(default=2, ge=1)
    """Checkpoints kept, beside the best."""
    logging_steps: int = Field(default=10, ge=1)
    """Steps between two points of the loss curve."""
    report_to: Annotated[tuple[Literal["tensorboard", "wandb"], ...], BeforeValidator(as_list)] = ()
    """Where the curves go besides metrics.json, e.g. `[tensorboard]`."""
    push_to_hub: bool = False
    """Upload the finished model to the hub; the token is read from $HF_TOKEN."""
    hub_model_id: str | None = None
    """Repository to upload to, `owner/name`."""
    hub_private_repo: bool = True
    """Whether a new repository is private."""
    resources: TrainingResources = TrainingResources()

    def identity(self) -> dict[str, Any]:
        """As `StageConfig.identity`; how often the run is saved and logged does not change it."""
        identity = super().identity()
        for name in _BOOKKEEPING:
            del identity[name]
        return identity

    def list_datasets(self) -> tuple[DatasetPart, ...]:
        """The data sets to train on, a single one as a mixture of one."""
        if self.dataset is None:
            return self.dataset_mixture
        return (DatasetPart(dataset=self.dataset),)

    @field_validator("chat_template")
    @classmethod
    def _read_template(cls, value: str | None) -> str | None:
        return None if value is None else read_template_file(value)

    @model_validator(mode="after")
    def _check_batch(self) -> Self:
        compute_accumulation_steps(self.train_batch_size, self.resources)
        return self

    @model_validator(mode="after")
    def _check_adapter(self) -> Self:
        if self.adapter_name_or_path is not None and not self.use_peft:
            raise ValueError(
                "adapter_name_or_path builds on an adapter, but use_peft is false;"
                " set use_peft=true, or merge the adapter first"
            )
        if self.load_in_4bit and self.load_in_8bit:
            raise ValueError("load_in_4bit and load_in_8bit are both true; choose one")
        if (self.load_in_4bit or self.load_in_8bit) and not self.use_peft:
            raise ValueError("quantised weights cannot be trained; set use_peft=true (QLoRA)")
        return self

    @model_validator(mode="after")
    def _check_datasets(self) -> Self:
        if (self.dataset is None) == (not self.dataset_mixture):
            found = "neither" if self.dataset is None else "both"
            raise ValueError(f"{found} of dataset and dataset_mixture given, expected one of them")
        chances = [part.probability for part in self.dataset_mixture]
        interleaved = self.mixing_strategy != "concatenate"
        if interleaved and (not chances or None in chances):
            raise ValueError(
                f"mixing_strategy is {self.mixing_strategy}, but not every part of"
                " dataset_mixture has a probability"
            )
        total = sum(chance or 0.0 for chance in chances)
        if interleaved and abs(total - 1) > 1e-6:
            raise ValueError(f"probabilities of dataset_mixture sum to {total:g}, expected 1")
        return self

    @model_validator(mode="after")
    def _check_hub(self) -> Self:
        if self.push_to_hub and self.hub_model_id is None:
            raise ValueError("push_to_hub is true, but there is no hub_model_id (owner/name)")
        return self

    @model_validator(mode="after")
    def _check_evaluation(self) -> Self:
        measured = self.eval_dataset is not None and self.eval_strategy != "no"
        for name in ("metric_for_best_model", "eval_samples"):
            if getattr(self, name) and not measured:
                raise ValueError(f"{name} needs an eval_dataset, and an eval_strategy but `no`")
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
