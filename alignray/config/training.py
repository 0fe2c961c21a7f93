"""Training: what SFT and DPO share (`sft.py` and `dpo.py` hold what they do not).

How the global batch is cut into workers and micro-batches is in `training_resources.py`.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import BeforeValidator, Field, field_validator, model_validator

from alignray.config.base import Config, DataPath, ModelPath, as_list
from alignray.config.loading import suggest
from alignray.config.optimizer import OptimizerFields
from alignray.config.template_file import read_template_file
from alignray.config.training_resources import TrainingResources, compute_accumulation_steps

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

    EVAL_METRICS: ClassVar[tuple[str, ...]] = ("loss",)
    """What an evaluation measures, without the `eval_` before it."""

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

    @field_validator("metric_for_best_model")
    @classmethod
    def _check_metric(cls, value: str | None) -> str | None:
        if value is None or value.removeprefix("eval_") in cls.EVAL_METRICS:
            return value
        known = [f"eval_{name}" for name in cls.EVAL_METRICS]
        hint = suggest(f"eval_{value.removeprefix('eval_')}", known)
        expected = f"expected one of {', '.join(known)}"
        raise ValueError(f"{value} is not measured; " + (hint or expected))

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
        if self.use_peft and not self.lora_target_modules:
            raise ValueError("lora_target_modules is empty; name modules, or set use_peft=false")
        if self.adapter_mode != "continue" and self.adapter_name_or_path is None:
            raise ValueError(
                f"adapter_mode is {self.adapter_mode}, but there is no adapter_name_or_path to"
                f" {self.adapter_mode}; give one, or leave adapter_mode out"
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
