"""The model that is trained: where it starts from, and how it is written."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alignray.chat import ChatTokenizer
from alignray.config.base import get_input_kind
from alignray.config.training import TrainingConfig
from alignray.errors import ModelError
from alignray.models import ADAPTER_CONFIG, is_adapter, load_model_config, resolve_model

if TYPE_CHECKING:
    from peft import LoraConfig, PeftModel
    from transformers import Trainer

REFERENCE_ADAPTER = "ref"
"""TRL's name for the frozen copy of an adapter that is gone on from."""


def check_model(config: TrainingConfig) -> None:
    """Makes sure that model and adapter are what the configuration says, before anything starts.

    Raises:
        ModelError: missing, an adapter where a model is expected, or an adapter of another shape.
    """
    base = resolve_model(config.model_name_or_path)
    if is_adapter(base):
        raise ModelError(
            config.model_name_or_path,
            "a LoRA adapter",
            "a model",
            "put it into adapter_name_or_path, and its base into model_name_or_path",
        )
    if config.adapter_name_or_path is None:
        return
    adapter = resolve_model(config.adapter_name_or_path)
    if Path(adapter).is_dir():
        _check_adapter(config, read_adapter_config(adapter))


def locate_models(config: TrainingConfig) -> TrainingConfig:
    """The configuration with absolute paths of models: workers have a directory of their own."""
    names = {
        name: getattr(config, name)
        for name, info in type(config).model_fields.items()
        if get_input_kind(info) == "model"
    }
    located = {name: resolve_model(given) for name, given in names.items() if given is not None}
    return config.model_copy(update=located)


def read_adapter_config(adapter: str) -> dict[str, Any]:
    """PEFT's adapter_config.json.

    Raises:
        ModelError: missing or unreadable.
    """
    path = Path(adapter) / ADAPTER_CONFIG
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelError(str(path), f"unreadable ({error})", "a PEFT adapter") from error
    return content


def _check_adapter(config: TrainingConfig, adapter: dict[str, Any]) -> None:
    """An adapter keeps its shape; settings that say otherwise would be ignored in silence."""
    wanted: dict[str, Any] = {
        "peft_type": "LORA",
        "r": config.lora_r,
        "lora_alpha": config.lora_alpha,
    }
    if config.lora_target_modules != "all-linear":
        wanted["target_modules"] = sorted(config.lora_target_modules)
        adapter = {**adapter, "target_modules": sorted(adapter.get("target_modules") or ())}
    for name, value in wanted.items():
        if adapter.get(name) != value:
            raise ModelError(
                str(config.adapter_name_or_path),
                f"adapter with {name}={adapter.get(name)}",
                f"{name}={value} as configured",
                f"set lora_{name.removeprefix('lora_')} to the adapter's value",
            )


def get_context_length(config: TrainingConfig) -> int | None:
    """The model's context in tokens, where its config.json is at hand."""
    length = load_model_config(config.model_name_or_path).get("max_position_embeddings")
    return None if length is None else int(length)


def load_tokenizer(config: TrainingConfig) -> ChatTokenizer:
    """The tokenizer, with the template that rows are encoded with and the model is saved with."""
    return ChatTokenizer.load(
        config.tokenizer_name_or_path or config.model_name_or_path,
        config.model_revision,
        chat_template=config.chat_template,
    )


def load_policy(config: TrainingConfig) -> str | PeftModel:
    """The model's directory or id for TRL to load, or the model with the adapter to go on from."""
    base = resolve_model(config.model_name_or_path)
    if config.adapter_name_or_path is None:
        return base
    import torch
    from peft import LoraConfig, PeftModel
    from transformers import AutoModelForCausalLM

    dtype = config.dtype if config.dtype == "auto" else getattr(torch, config.dtype)
    revision = {} if Path(base).is_dir() else {"revision": config.model_revision}
    model = AutoModelForCausalLM.from_pretrained(base, dtype=dtype, **revision)
    adapter = resolve_model(config.adapter_name_or_path)
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
