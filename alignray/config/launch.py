"""How training is to be launched, by a file of accelerate or DeepSpeed, in alignray's keys."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import PurePath
from typing import Any

from alignray.config.translation import Translation, show


@dataclass
class Launch:
    """How training is to be launched.

    Example: a ZeRO-3 file for 8 GPUs is `Launch("zero3.yaml", 8, ("zero_stage", "zero3", ""))`.
    """

    path: str
    num_workers: int | None = None
    strategy: tuple[str, str, str] | None = None
    """Key that says it, strategy, and what there is to say of it."""
    offload: tuple[str, str, str] | None = None
    """Key that says it, what is offloaded, and what there is to say of it."""
    mixed_precision: str = "no"
    use_cpu: bool = False
    settings: list[tuple[str, str, Any, str]] = field(default_factory=list)
    """Key, alignray's key, its value, and what there is to say of it."""
    ignored: dict[str, str] = field(default_factory=dict)
    """Key -> why it changes nothing."""


def apply_launch(translation: Translation, launch: Launch, has_gpu: bool) -> None:
    """Sets what the launch file says, with a note for each of its keys."""
    translation.source = PurePath(launch.path).name
    if launch.num_workers is not None:
        translation.map("num_processes", "resources.num_workers", launch.num_workers)
    _apply_strategy(translation, launch, has_gpu)
    if launch.offload is not None:
        key, offload, why = launch.offload
        if offload != "none" and not has_gpu:
            translation.set("resources.offload", "none")
            translation.ignore(key, "without a GPU everything is in the host's memory")
        else:
            translation.map(key, "resources.offload", offload, why)
    _apply_precision(translation, launch)
    for key, target, value, why in launch.settings:
        before = translation.content.get(target, value)
        reasons = [why] if why else []
        reasons += [] if before == value else [f"instead of {show(before)}, as transformers does"]
        translation.map(key, target, value, "; ".join(reasons))
    for key, why in launch.ignored.items():
        translation.ignore(key, why)


def _apply_strategy(translation: Translation, launch: Launch, has_gpu: bool) -> None:
    if launch.strategy is None:
        return
    key, strategy, why = launch.strategy
    quantised = any(translation.content.get(name) for name in ("load_in_4bit", "load_in_8bit"))
    if quantised and strategy != "replicated":
        strategy, why = "replicated", "quantised weights are not sharded"
    elif strategy == "fsdp" and not has_gpu:
        strategy, why = "zero3", "FSDP needs GPUs; ZeRO-3 shards the same"
    translation.map(key, "resources.strategy", strategy, why)


def _apply_precision(translation: Translation, launch: Launch) -> None:
    precision = launch.mixed_precision
    if precision == "no":
        translation.ignore("mixed_precision", "no, or not given")
    elif translation.has("bf16"):
        translation.ignore("mixed_precision", "bf16 of the configuration says it")
    elif precision == "bf16":
        translation.map("mixed_precision", "bf16", True)
    elif precision == "fp16":
        why = "float16 needs loss scaling, which is not offered; the same width"
        translation.map("mixed_precision", "bf16", True, why)
    else:
        translation.refuse("mixed_precision", f"{precision} is not offered")
