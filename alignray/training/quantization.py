"""QLoRA (Dettmers et al. 2023, arXiv 2305.14314): a base in 4 or 8 bits under a LoRA adapter."""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING

from alignray.config.training import TrainingConfig
from alignray.errors import ConfigError

if TYPE_CHECKING:
    from transformers import BitsAndBytesConfig

_LIBRARY = "bitsandbytes"
_OPTIMIZERS = ("adamw_8bit", "paged_adamw_8bit", "paged_adamw_32bit")


def check_quantization(config: TrainingConfig) -> None:
    """Makes sure that what needs bitsandbytes has it, and a GPU.

    Raises:
        ConfigError: not installed, workers without a GPU, or weights that would be sharded.
    """
    setting = _find_setting(config)
    if setting is None:
        return
    if importlib.util.find_spec(_LIBRARY) is None:
        do = f"pip install {_LIBRARY} on all nodes, or do without {setting}"
        raise ConfigError(setting, f"{_LIBRARY} is not installed", "it, for this setting", do)
    if config.resources.num_gpus == 0:
        do = "set resources.num_gpus=1"
        raise ConfigError(setting, "resources.num_gpus is 0", "a GPU for each worker", do)
    strategy = config.resources.strategy
    if is_quantised(config) and strategy not in ("auto", "replicated"):
        do = "leave resources.strategy to auto"
        raise ConfigError(setting, f"resources.strategy is {strategy}", "replicated", do)


def is_quantised(config: TrainingConfig) -> bool:
    """Whether the base is kept in 4 or 8 bits."""
    return config.load_in_4bit or config.load_in_8bit


def build_quantization_config(config: TrainingConfig) -> BitsAndBytesConfig | None:
    """NF4 with quantised constants, computed in bfloat16; or LLM.int8(); None for full weights."""
    if not is_quantised(config):
        return None
    import torch
    from transformers import BitsAndBytesConfig

    if config.load_in_8bit:
        return BitsAndBytesConfig(load_in_8bit=True)
    return BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=torch.bfloat16,
    )


def _find_setting(config: TrainingConfig) -> str | None:
    for name in ("load_in_4bit", "load_in_8bit"):
        if getattr(config, name):
            return f"{name}=true"
    return f"optim={config.optim}" if config.optim in _OPTIMIZERS else None
