"""How workers share the model: what is asked for, or what fits.

LoRA on a base that fits one worker gains nothing from sharding: no gradients or optimizer states of
the base exist, and ZeRO-3 gathers all weights twice per micro-batch (8B in bf16: 32 GB of traffic
per worker, hidden only behind 10,000 tokens or more per micro-batch on a 400 Gb/s network). So
such runs are replicated; everything else is ZeRO-3.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from alignray.config.training import TrainingConfig
from alignray.errors import ConfigError
from alignray.models import resolve_model
from alignray.training.weights import measure_directory, measure_hub_model

StrategyName = Literal["replicated", "zero1", "zero2", "zero3", "fsdp"]

SHARE_FOR_WEIGHTS = 0.6
"""Share of a worker's memory that replicated weights may take; the rest is for activations."""
_GPU_GIB = {
    "B200": 180, "H200": 141, "H100": 80, "A100": 40, "L40S": 48, "A10G": 24, "L4": 24,
    "V100": 16, "T4": 16,
}  # fmt: skip
"""Memory by Ray's accelerator types; of a type with several sizes, the smallest."""
_UNKNOWN_GPU_GIB = 24
_BYTES_PER_WEIGHT = {"float32": 4, "bfloat16": 2, "float16": 2}


@dataclass(frozen=True)
class Strategy:
    """What workers do with the model, and why.

    Example: `Strategy("replicated", "LoRA, 16.1 GB of weights fit 85.9 GB of memory")`.
    """

    name: StrategyName
    reason: str

    @property
    def zero_stage(self) -> int:
        """DeepSpeed's ZeRO stage; 0 for replicated. Meaningless under fsdp."""
        return int(self.name[-1]) if self.name.startswith("zero") else 0


def choose_strategy(
    config: TrainingConfig, weight_bytes: int | None, worker_bytes: int
) -> Strategy:
    """The strategy that is asked for, or the one that fits.

    Args:
        config: the training.
        weight_bytes: size of the base's weights as loaded; None where it is not known.
        worker_bytes: memory of one worker for the model, in bytes.
    """
    asked = config.resources.strategy
    if asked != "auto":
        return Strategy(asked, "as configured")
    if config.load_in_4bit or config.load_in_8bit:
        return Strategy("replicated", "quantised weights are not sharded")
    if config.resources.offload != "none":
        return Strategy("zero3", "states are offloaded")
    if not config.use_peft:
        return Strategy("zero3", "all weights are trained")
    if weight_bytes is None:
        return Strategy("zero3", "the size of the base is not known")
    size = f"{weight_bytes / 1e9:.1f} GB of weights"
    if weight_bytes <= SHARE_FOR_WEIGHTS * worker_bytes:
        return Strategy("replicated", f"LoRA, {size} fit {worker_bytes / 1e9:.1f} GB of memory")
    return Strategy("zero3", f"{size} do not fit {worker_bytes / 1e9:.1f} GB of memory")


def measure_weights(config: TrainingConfig) -> int | None:
    """Bytes of the base's weights as loaded, from its files; None where the hub does not tell."""
    base = resolve_model(config.model_name_or_path)
    is_local = Path(base).is_dir()
    stored = (
        measure_directory(Path(base))
        if is_local
        else measure_hub_model(base, config.model_revision)
    )
    if not stored:
        return None
    if config.dtype == "auto":
        return stored
    width = _get_stored_width(Path(base)) if is_local else _ask_stored_width(config)
    return stored * _BYTES_PER_WEIGHT[config.dtype] // width


def check_gpus(config: TrainingConfig, gpus: float) -> None:
    """Refuses GPUs that a Ray on this machine alone will never have.

    Args:
        config: the training.
        gpus: GPUs of this Ray.

    Raises:
        ConfigError: the workers want more.
    """
    wanted = config.resources.num_gpus * config.resources.num_workers
    if wanted <= gpus:
        return
    found = f"{wanted:g} GPUs wanted in all, {gpus:g} here"
    raise ConfigError(
        "resources.num_gpus",
        found,
        "GPUs that this machine has",
        "set resources.num_gpus=0 to train on CPUs, or RAY_ADDRESS to a cluster that has them",
    )


def measure_worker(config: TrainingConfig, accelerators: set[str], host_bytes: int) -> int:
    """Bytes that one worker has for the model.

    Args:
        config: the training.
        accelerators: Ray's accelerator types in the cluster.
        host_bytes: memory of a host.
    """
    resources = config.resources
    if resources.num_gpus == 0:
        return host_bytes // resources.num_workers
    named = {resources.accelerator_type} if resources.accelerator_type else accelerators
    sizes = [gib for name, gib in _GPU_GIB.items() if any(name in (found or "") for found in named)]
    return int(min(sizes, default=_UNKNOWN_GPU_GIB) * 2**30 * max(1.0, resources.num_gpus))


def _get_stored_width(directory: Path) -> int:
    from alignray.models import load_model_config

    config = load_model_config(str(directory))
    return _BYTES_PER_WEIGHT.get(str(config.get("dtype") or config.get("torch_dtype")), 4)


def _ask_stored_width(config: TrainingConfig) -> int:
    """Of a model on the hub; 2 where it does not tell, so that weights are rather too large."""
    from alignray.training.policy import load_hub_config

    try:
        dtype = load_hub_config(config).dtype
    except (OSError, ValueError):
        return 2
    return _BYTES_PER_WEIGHT.get(str(dtype).removeprefix("torch."), 4)
