"""Whether a given adapter can be built on as the configuration says, before anything starts."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from alignray.config.training import TrainingConfig
from alignray.errors import ModelError
from alignray.fusion.adapter import read_adapter_config
from alignray.fusion.concatenation import check_summable
from alignray.fusion.fit import (
    Shape,
    find_misfits,
    find_unknown,
    list_updates,
    read_shapes,
    sample_weights,
)
from alignray.models import load_model_config, resolve_model
from alignray.training.adapters.modules import build_weightless

_NAMED_BASE = "base_model_name_or_path"


def check_adapter(config: TrainingConfig) -> None:
    """Makes sure that the given adapter is one of this base, and of the shape that is wanted.

    Raises:
        ModelError: of another base, of another shape, or not plain LoRA where it must be.
    """
    given = str(config.adapter_name_or_path)
    directory = locate_adapter(given)
    adapter = read_adapter_config(directory)
    if config.adapter_mode == "continue":
        _check_shape(config, adapter)
    if config.adapter_mode == "stack":
        check_summable(given, adapter)
        _check_apart(config, adapter)
    base = resolve_model(config.model_name_or_path)
    _check_base(given, str(adapter.get(_NAMED_BASE) or ""), base)
    if Path(base).is_dir():
        _check_modules(given, directory, base)


def locate_adapter(name: str) -> Path:
    """An adapter's directory; one on the hub is fetched, as it is small.

    Raises:
        ModelError: it cannot be fetched.
    """
    found = Path(resolve_model(name))
    if found.is_dir():
        return found
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError

    try:
        return Path(snapshot_download(name, allow_patterns=["adapter_*"]))
    except (HfHubHTTPError, OSError) as error:
        line = str(error).strip().splitlines()[0]
        raise ModelError(name, f"cannot be fetched ({line})", "an adapter on the hub") from error


def _check_shape(config: TrainingConfig, adapter: Mapping[str, Any]) -> None:
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


def _check_apart(config: TrainingConfig, adapter: Mapping[str, Any]) -> None:
    """A module that one adapter trains whole and the other by LoRA is no sum of updates."""
    pairs = (
        (adapter.get("target_modules") or (), config.lora_modules_to_save),
        (config.lora_target_modules, adapter.get("modules_to_save") or ()),
    )
    for targets, saved in pairs:
        both = set() if isinstance(targets, str) else set(targets) & set(saved)
        if both:
            found = f"{min(both)} is trained whole in one adapter and by LoRA in the other"
            do = "set adapter_mode=merge"
            raise ModelError(str(config.adapter_name_or_path), found, "one of them", do)


def _check_base(given: str, named: str, base: str) -> None:
    """The base that the adapter names is the configured one, or cannot be compared with it."""
    if not named:
        return
    named_path, base_path = Path(named).expanduser(), Path(base)
    if named_path.is_dir() and base_path.is_dir():
        differ = sample_weights(named_path) != sample_weights(base_path)
    elif named_path.is_dir() or base_path.is_dir() or named_path.is_absolute():
        return  # a copy elsewhere: only shapes can be compared
    else:
        differ = named != base
    if differ:
        raise ModelError(
            given,
            f"adapter of {named}",
            f"one of {base}",
            f"give its base as model_name_or_path; if both are the same model, say so in"
            f" {_NAMED_BASE} of its adapter_config.json",
        )


def _check_modules(given: str, adapter: Path, base: str) -> None:
    updates = list_updates(read_shapes(adapter))
    quantised = "quantization_config" in load_model_config(base)
    shapes = {} if quantised else read_shapes(base)
    # Names in files are not always those of modules (tied or converted weights).
    if find_unknown(updates, shapes):
        shapes = _build_shapes(base)
    unknown, misfits = find_unknown(updates, shapes), find_misfits(updates, shapes)
    if unknown or misfits:
        found = misfits[0] if misfits else f"it has no {unknown[0]}"
        count = len(unknown) + len(misfits)
        more = f" ({count} of {len(updates)} modules do not fit)"
        raise ModelError(given, f"adapter of another base: {found}{more}", f"one of {base}")


def _build_shapes(base: str) -> dict[str, Shape]:
    """The weights of the model that transformers would build, without building them."""
    model = build_weightless(base)
    named = model.named_parameters(remove_duplicate=False)
    return {name: tuple(parameter.shape) for name, parameter in named}
