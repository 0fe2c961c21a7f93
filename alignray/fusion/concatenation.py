r"""Several LoRA adapters of one base as one adapter, exactly.

    sum_i w_i s_i B_i A_i  =  [B_1 | B_2 | ...] [w_1 s_1 A_1; w_2 s_2 A_2; ...]

The result has rank sum_i r_i and scaling 1. This is PEFT's `cat`; it has no cross terms, unlike
`linear`, which sums A and B apart. A module that only some adapters have, or with other ranks,
is filled up with zeros, so that one rank holds everywhere: engines that ignore `rank_pattern`
read it right.

The algebra holds for LoRA and rsLoRA. DoRA (it normalises), trained biases and initialisations that
change the base (PiSSA, OLoRA, CorDA, LoftQ) are refused.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from alignray.errors import ModelError
from alignray.fusion.adapter import (
    PREFIX,
    Adapter,
    LowRankPair,
    collect_pairs,
    collect_whole,
)

if TYPE_CHECKING:
    from torch import Tensor

_MUST_BE_OFF = (
    "use_dora",
    "lora_bias",
    "layer_replication",
    "trainable_token_indices",
    "target_parameters",
    "alora_invocation_tokens",
    "megatron_config",
)
_INITS_OF_THE_BASE = ("pissa", "olora", "corda", "loftq")
_NARROWING = ("layers_to_transform", "layers_pattern", "exclude_modules")


def check_summable(where: str, config: Mapping[str, Any]) -> None:
    """Makes sure that an adapter is a plain sum W + s B A.

    Raises:
        ModelError: it is something else; names the setting.
    """
    found = ""
    if config.get("peft_type") != "LORA":
        found = f"peft_type={config.get('peft_type')}"
    elif config.get("bias", "none") != "none":
        found = f"bias={config['bias']}"
    elif str(config.get("init_lora_weights")).startswith(_INITS_OF_THE_BASE):
        found = f"init_lora_weights={config['init_lora_weights']}, which changes the base"
    for name in _MUST_BE_OFF:
        if config.get(name) and not found:
            found = f"{name}={config[name]}"
    if found:
        do = "set adapter_mode=merge, or merge it into its base first"
        raise ModelError(where, f"adapter with {found}", "plain LoRA: W + s B A", do)


def concatenate_adapters(adapters: Sequence[Adapter], weights: Sequence[float]) -> Adapter:
    """The adapter whose update is the weighted sum of the given ones'.

    Args:
        adapters: adapters of one base, in the order in which they were trained on each other.
        weights: the factor of each.

    Returns:
        One adapter with scaling 1, in float32 or wider. Modules trained whole are the last
        adapter's that has them. What the configurations say beside ranks and modules (base, task)
        is the first one's.

    Raises:
        ModelError: not plain LoRA, shapes that differ, or a module that is trained whole in one
            adapter and by LoRA in another.
    """
    names = [f"adapter {number}" for number in range(1, len(adapters) + 1)]
    for name, adapter in zip(names, adapters, strict=True):
        check_summable(name, adapter.config)
    pairs = [collect_pairs(adapter, name) for name, adapter in zip(names, adapters, strict=True)]
    whole: dict[str, Tensor] = {}
    for adapter in adapters:
        whole |= collect_whole(adapter)
    modules = sorted({module for found in pairs for module in found})
    _check_apart(modules, whole)
    joined = {
        module: _join(module, [found.get(module) for found in pairs], weights) for module in modules
    }
    rank = max((a.shape[0] for a, _, _ in joined.values()), default=0)
    tensors = dict(whole)
    for module, (a, b, suffixes) in joined.items():
        tensors[f"{PREFIX}{module}{suffixes[0]}"] = _fill_up(a, rank, 0)
        tensors[f"{PREFIX}{module}{suffixes[1]}"] = _fill_up(b, rank, 1)
    return Adapter(_build_config(adapters, modules, rank), tensors)


def _check_apart(modules: Sequence[str], whole: Mapping[str, Tensor]) -> None:
    saved = {name.removeprefix(PREFIX).rpartition(".")[0] for name in whole}
    both = sorted(saved & set(modules))
    if both:
        found = f"{both[0]} is trained whole in one adapter and by LoRA in another"
        raise ModelError("adapters", found, "one of them", "set adapter_mode=merge")


def _join(
    module: str, pairs: Sequence[LowRankPair | None], weights: Sequence[float]
) -> tuple[Tensor, Tensor, tuple[str, str]]:
    import torch

    there = [(weight, pair) for weight, pair in zip(weights, pairs, strict=True) if pair]
    first = there[0][1]
    for _, pair in there:
        if pair.a.shape[1:] != first.a.shape[1:] or pair.b.shape[0] != first.b.shape[0]:
            found = f"{module}: {tuple(pair.a.shape)} beside {tuple(first.a.shape)}"
            raise ModelError("adapters", found, "adapters of one base")
    dtype = torch.float32
    for _, pair in there:
        dtype = torch.promote_types(dtype, torch.promote_types(pair.a.dtype, pair.b.dtype))
    a = torch.cat([weight * pair.scaling * pair.a.to(dtype) for weight, pair in there], 0)
    b = torch.cat([pair.b.to(dtype) for _, pair in there], 1)
    return a, b, first.suffixes


def _fill_up(tensor: Tensor, size: int, dim: int) -> Tensor:
    import torch

    missing = list(tensor.shape)
    missing[dim] = size - tensor.shape[dim]
    return torch.cat([tensor, tensor.new_zeros(missing)], dim) if missing[dim] else tensor


def _build_config(adapters: Sequence[Adapter], modules: Sequence[str], rank: int) -> dict[str, Any]:
    saved = {name for a in adapters for name in a.config.get("modules_to_save") or ()}
    return {
        **adapters[0].config,
        "r": rank,
        "lora_alpha": rank,
        "lora_dropout": adapters[-1].config.get("lora_dropout", 0.0),
        "use_rslora": False,
        "rank_pattern": {},
        "alpha_pattern": {},
        "init_lora_weights": True,
        "inference_mode": True,
        "target_modules": _name_targets(adapters, modules),
        "modules_to_save": sorted(saved) or None,
        **dict.fromkeys(_NARROWING),
    }


def _name_targets(adapters: Sequence[Adapter], modules: Sequence[str]) -> list[str]:
    """Short names where each adapter lists them for all layers, else the modules in full."""
    configs = [adapter.config for adapter in adapters]
    listed = all(isinstance(config.get("target_modules"), list) for config in configs)
    if not listed or any(config.get(name) for config in configs for name in _NARROWING):
        return list(modules)
    return sorted({name for config in configs for name in config["target_modules"]})
