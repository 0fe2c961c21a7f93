"""The modules that a new adapter is put on: whether the model has those that are named.

PEFT complains only where none of the names is found, and only on the workers; a mistyped one among
several is left out in silence. The model is built without weights to be asked.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

from alignray.config.loading import suggest
from alignray.config.training import TrainingConfig
from alignray.errors import ConfigError, ModelError
from alignray.models import resolve_model

if TYPE_CHECKING:
    from transformers import PreTrainedModel

_ADAPTABLE = ("Linear", "Embedding", "Conv1D", "Conv1d", "Conv2d", "Conv3d", "MultiheadAttention")
"""Kinds of modules that PEFT's LoRA can be put on."""


def check_modules(config: TrainingConfig) -> None:
    """Makes sure that the model has the modules named for a new adapter.

    Raises:
        ConfigError: it has no such module, or one that takes no adapter.
        ModelError: transformers cannot build it.
    """
    goes_on = config.adapter_name_or_path is not None and config.adapter_mode == "continue"
    targets = config.lora_target_modules
    targets = () if targets == "all-linear" else targets
    saved = config.lora_modules_to_save
    if not config.use_peft or goes_on or not (targets or saved):
        return
    name = config.model_name_or_path
    kinds = list_modules(resolve_model(name), config.model_revision)
    adaptable = [module for module, kind in kinds.items() if kind in _ADAPTABLE]
    _check_names("lora_target_modules", targets, adaptable, name)
    _check_names("lora_modules_to_save", saved, kinds, name)


@lru_cache(maxsize=8)
def list_modules(base: str, revision: str = "main") -> Mapping[str, str]:
    """Dotted name -> kind of each module, e.g. `model.layers.0.self_attn.q_proj` -> `Linear`."""
    model = build_weightless(base, revision)
    return {name: type(module).__name__ for name, module in model.named_modules() if name}


def build_weightless(base: str, revision: str = "main") -> PreTrainedModel:
    """The model that transformers would build, without its weights.

    Raises:
        ModelError: it cannot.
    """
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    try:
        settings = AutoConfig.from_pretrained(base, revision=revision)
        with torch.device("meta"):
            model: PreTrainedModel = AutoModelForCausalLM.from_config(settings)
    except (OSError, ValueError) as error:
        line = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise ModelError(base, f"no model that transformers can build ({line[:200]})") from error
    return model


def _check_names(field: str, wanted: Sequence[str], there: Collection[str], model: str) -> None:
    for name in wanted:
        if any(key == name or key.endswith(f".{name}") for key in there):
            continue
        depth = name.count(".") + 1
        tails = dict.fromkeys(".".join(key.split(".")[-depth:]) for key in there)
        known = [tail for tail in tails if not tail.isdigit()]
        found = f"{model} has no module `{name}`"
        if field == "lora_target_modules":
            found += " that takes an adapter"
        expected = f"modules such as {', '.join(known[:8])}"
        hint = suggest(name, known)
        raise ConfigError(field, found, "" if hint else expected, hint)
