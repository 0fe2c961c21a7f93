r"""A LoRA adapter as plain values: the two files of PEFT's layout, `Adapter` in memory.

    delta W = s B A,   s = lora_alpha / r   (rsLoRA: lora_alpha / sqrt(r))

    A: lora_A (r, in), B: lora_B (out, r); of an embedding, lora_embedding_A (r, rows) and
    lora_embedding_B (dim, r).

`rank_pattern` and `alpha_pattern` are honoured. Modules that were trained whole (`modules_to_save`)
are the tensors that belong to no pair.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alignray.durable import write_json
from alignray.errors import ModelError
from alignray.models import ADAPTER_CONFIG

if TYPE_CHECKING:
    from torch import Tensor

WEIGHTS_NAME = "adapter_model.safetensors"
PREFIX = "base_model.model."
"""What PEFT puts before the name of every module."""
_PARTS = {
    ".lora_A.weight": "A",
    ".lora_B.weight": "B",
    ".lora_embedding_A": "A",
    ".lora_embedding_B": "B",
}


@dataclass(frozen=True)
class Adapter:
    """One adapter.

    Example: `Adapter({"peft_type": "LORA", "r": 8, "lora_alpha": 16, ...}, {"base_model.model.
    model.layers.0.self_attn.q_proj.lora_A.weight": <(8, 64)>, ...})`.
    """

    config: dict[str, Any]
    """adapter_config.json."""
    tensors: dict[str, Tensor]
    """adapter_model.safetensors."""


@dataclass(frozen=True)
class LowRankPair:
    """One module's update: `scaling * b @ a`, with the suffixes its tensors have in the file."""

    a: Tensor
    b: Tensor
    scaling: float
    suffixes: tuple[str, str]


def read_adapter_config(adapter: str | Path) -> dict[str, Any]:
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


def load_adapter(directory: str | Path) -> Adapter:
    """An adapter from its directory, on the CPU.

    Raises:
        ModelError: a file is missing or unreadable.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    path = Path(directory) / WEIGHTS_NAME
    try:
        return Adapter(read_adapter_config(directory), load_file(path))
    except (OSError, SafetensorError) as error:
        raise ModelError(str(path), f"unreadable ({error})", "an adapter's weights") from error


def write_adapter(adapter: Adapter, directory: Path) -> None:
    """Writes both files, over those that are there."""
    from safetensors.torch import save_file

    directory.mkdir(parents=True, exist_ok=True)
    tensors = {name: tensor.contiguous() for name, tensor in adapter.tensors.items()}
    save_file(tensors, directory / WEIGHTS_NAME, metadata={"format": "pt"})
    write_json(directory / ADAPTER_CONFIG, adapter.config)


def split_name(name: str) -> tuple[str, str] | None:
    """(module, "A" or "B") of a tensor of a pair; None of any other."""
    for suffix, part in _PARTS.items():
        if name.endswith(suffix):
            return name.removeprefix(PREFIX).removesuffix(suffix), part
    return None


def collect_pairs(adapter: Adapter, where: str) -> dict[str, LowRankPair]:
    """Module -> its update.

    Raises:
        ModelError: half a pair.
    """
    halves: dict[str, dict[str, str]] = {}
    for name in adapter.tensors:
        found = split_name(name)
        if found is not None:
            module, part = found
            halves.setdefault(module, {})[part] = name
    pairs = {}
    for module, names in halves.items():
        if len(names) != 2:
            raise ModelError(where, f"{module} has lora_{min(names)} alone", "lora_A and lora_B")
        a, b = adapter.tensors[names["A"]], adapter.tensors[names["B"]]
        start = len(PREFIX) + len(module)
        suffixes = (names["A"][start:], names["B"][start:])
        pairs[module] = LowRankPair(
            a, b, compute_scaling(adapter.config, module, a.shape[0]), suffixes
        )
    return pairs


def collect_whole(adapter: Adapter) -> dict[str, Tensor]:
    """The tensors of modules that were trained whole."""
    return {name: value for name, value in adapter.tensors.items() if split_name(name) is None}


def compute_scaling(config: Mapping[str, Any], module: str, rank: int) -> float:
    """The factor of one module's update, as PEFT computes it."""
    alpha = config.get("lora_alpha", 8)
    for pattern, value in (config.get("alpha_pattern") or {}).items():
        if re.match(rf"(.*\.)?({pattern})$", module):
            alpha = value
            break
    return float(alpha) / (math.sqrt(rank) if config.get("use_rslora") else rank)
