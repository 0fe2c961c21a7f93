"""The model that is trained: where it starts from, and how it is written."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alignray.chat import ChatTokenizer
from alignray.chat_templates import resolve_chat_template
from alignray.config.base import get_input_kind
from alignray.config.dpo import DPOStageConfig
from alignray.config.training import TrainingConfig
from alignray.errors import ModelError
from alignray.models import is_adapter, load_model_config, resolve_model
from alignray.training.adapters.fit import check_adapter, locate_adapter
from alignray.training.adapters.modules import check_modules
from alignray.training.quantization import build_quantization_config, check_quantization

if TYPE_CHECKING:
    from peft import LoraConfig, PeftModel
    from transformers import PreTrainedConfig, PreTrainedModel, Trainer

REFERENCE_ADAPTER = "ref"
"""TRL's name for the frozen copy of an adapter that is gone on from."""


def check_model(config: TrainingConfig) -> None:
    """Makes sure that model and adapter are what the configuration says, before anything starts.

    Raises:
        ModelError: missing, an adapter where a model is expected, or an adapter of another shape.
        ConfigError: modules that it does not have, or a setting that needs what is not there.
    """
    base = resolve_model(config.model_name_or_path)
    if is_adapter(base):
        raise ModelError(
            config.model_name_or_path,
            "a LoRA adapter",
            "a model",
            "put it into adapter_name_or_path, and its base into model_name_or_path",
        )
    if config.adapter_name_or_path is not None:
        check_adapter(config)
    check_modules(config)
    check_quantization(config)


def locate_models(config: TrainingConfig) -> TrainingConfig:
    """The configuration with absolute paths of models and the template's text.

    Workers have a directory of their own.
    """
    names = {
        name: getattr(config, name)
        for name, info in type(config).model_fields.items()
        if get_input_kind(info) == "model"
    }
    located = {name: resolve_model(given) for name, given in names.items() if given is not None}
    if config.chat_template is not None:
        located["chat_template"] = resolve_chat_template(config.chat_template)
    return config.model_copy(update=located)


def get_context_length(config: TrainingConfig) -> int | None:
    """The model's context in tokens; None where it has no bound, or the hub does not tell."""
    base = resolve_model(config.model_name_or_path)
    if not Path(base).is_dir():
        return _ask_context_length(base, config.model_revision)
    try:
        return _find_context_length(load_hub_config(config))
    except (OSError, ValueError):  # of no kind that transformers knows
        length = load_model_config(base).get("max_position_embeddings")
        return None if length is None else int(length)


@lru_cache(maxsize=8)
def _ask_context_length(name: str, revision: str) -> int | None:
    """Of a model on the hub; asked once, as a hub that is out of reach is tried for half a minute.

    Whether it can be had at all is said where tokenizer and weights are loaded.
    """
    from transformers import AutoConfig

    try:
        return _find_context_length(AutoConfig.from_pretrained(name, revision=revision))
    except (OSError, ValueError):
        return None


def _find_context_length(config: PreTrainedConfig) -> int | None:
    """`max_position_embeddings` of the text model, by whichever name it has there."""
    length = getattr(config.get_text_config(), "max_position_embeddings", None)
    return length if isinstance(length, int) and length > 0 else None


def get_max_length(config: TrainingConfig) -> int:
    """Longest row in tokens: as configured, and within the model's context."""
    context = get_context_length(config)
    return config.max_length if context is None else min(config.max_length, context)


def load_tokenizer(config: TrainingConfig) -> ChatTokenizer:
    """The tokenizer, with the template that rows are encoded with and the model is saved with.

    `model_revision` is of the model's own tokenizer; another one is read at its main revision.
    """
    name = config.tokenizer_name_or_path or config.model_name_or_path
    revision = config.model_revision if name == config.model_name_or_path else "main"
    return ChatTokenizer.load(name, revision, chat_template=config.chat_template)


def load_hub_config(config: TrainingConfig) -> PreTrainedConfig:
    """The model's configuration, as transformers reads it."""
    from transformers import AutoConfig

    base = resolve_model(config.model_name_or_path)
    return AutoConfig.from_pretrained(base, **get_revision(base, config.model_revision))


def load_reference(config: DPOStageConfig) -> PreTrainedModel | None:
    """The reference model, where one is named; else TRL makes one of what is trained."""
    if config.ref_model_name_or_path is None:
        return None
    return load_weights(config, config.ref_model_name_or_path, config.ref_model_revision)


def load_reference_weights(config: DPOStageConfig) -> Any:
    """What a reference pass scores with: the named model, or what the training starts from."""
    import torch
    from peft import PeftModel

    arguments: dict[str, Any] = {"dtype": torch.bfloat16} if config.bf16 else {}
    if config.resources.num_gpus:
        arguments["device_map"] = "auto" if config.resources.num_gpus > 1 else "cuda"
    named = config.ref_model_name_or_path
    if named is not None:
        return load_weights(config, named, config.ref_model_revision, **arguments)
    arguments["quantization_config"] = build_quantization_config(config)
    model = load_weights(config, config.model_name_or_path, config.model_revision, **arguments)
    if config.adapter_name_or_path is None:
        return model
    return PeftModel.from_pretrained(model, resolve_model(config.adapter_name_or_path))


def get_torch_dtype(config: TrainingConfig) -> Any:
    """The configured type as torch names it; `auto` as it is."""
    import torch

    return config.dtype if config.dtype == "auto" else getattr(torch, config.dtype)


def load_weights(
    config: TrainingConfig, name: str, revision: str, **arguments: Any
) -> PreTrainedModel:
    """A model in the run's type and with its attention kernel, unless `arguments` say otherwise."""
    from transformers import AutoModelForCausalLM

    base = resolve_model(name)
    common = {"dtype": get_torch_dtype(config), **get_attention(config)}
    model: PreTrainedModel = AutoModelForCausalLM.from_pretrained(
        base, **get_revision(base, revision), **{**common, **arguments}
    )
    return model


def get_attention(config: TrainingConfig) -> dict[str, str]:
    """The kernel that is asked for; transformers' own choice is no argument."""
    asked = config.resources.attn_implementation
    return {} if asked == "auto" else {"attn_implementation": asked}


def get_revision(base: str, revision: str) -> dict[str, str]:
    """A revision is of a hub id; directories have none."""
    return {} if Path(base).is_dir() else {"revision": revision}


def load_policy(config: TrainingConfig) -> str | PeftModel:
    """The model's directory or id for TRL to load, or the model with the adapter to go on from."""
    if config.adapter_name_or_path is None:
        return resolve_model(config.model_name_or_path)
    from peft import LoraConfig, PeftModel

    quantization = build_quantization_config(config)
    model = load_weights(
        config, config.model_name_or_path, config.model_revision, quantization_config=quantization
    )
    adapter = str(locate_adapter(config.adapter_name_or_path))
    adapter_config = LoraConfig.from_pretrained(adapter)
    adapter_config.lora_dropout = config.lora_dropout
    adapter_config.inference_mode = False
    # As TRL does for new adapters: ZeRO-3 wants adapter and base in one type (DeepSpeed #8072).
    return PeftModel.from_pretrained(
        model, adapter, config=adapter_config, is_trainable=True, autocast_adapter_dtype=False
    )


def build_peft_config(config: TrainingConfig) -> LoraConfig | None:
    """A new LoRA adapter, where one is wanted and none is gone on from."""
    if not config.use_peft or config.adapter_name_or_path is not None:
        return None
    from peft import LoraConfig

    modules = config.lora_target_modules
    return LoraConfig(
        r=config.lora_r,
        lora_alpha=config.lora_alpha,
        lora_dropout=config.lora_dropout,
        target_modules=modules if isinstance(modules, str) else list(modules),
        modules_to_save=list(config.lora_modules_to_save) or None,
        bias="none",
        task_type="CAUSAL_LM",
    )


def save_policy(trainer: Trainer, directory: Path) -> None:
    """Writes the adapter, or all weights, and the tokenizer. Called on all workers: gathers shards.

    The frozen reference copy is dropped, so that the directory holds one adapter.
    """
    model: Any = trainer.model
    if REFERENCE_ADAPTER in getattr(model, "peft_config", {}):
        model.delete_adapter(REFERENCE_ADAPTER)
    trainer.save_model(str(directory))
