"""A training's configuration out of alignray's files, or alignment-handbook's and accelerate's."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, TypeVar

from alignray.config.accelerate import parse_launch
from alignray.config.base import StageConfig
from alignray.config.handbook import Surroundings, is_handbook, translate_recipe
from alignray.config.handbook_data import RecipeFile
from alignray.config.launch import Launch, apply_launch
from alignray.config.loading import build_overridden
from alignray.config.reading import apply_override, parse_override, read_yaml
from alignray.config.sft import SFTStageConfig
from alignray.config.translation import Translation
from alignray.errors import ConfigError

T = TypeVar("T", bound=StageConfig)

_ADAPTER_CONFIG, _MODEL_CONFIG = "adapter_config.json", "config.json"


def load_training_config(
    cls: type[T], paths: tuple[str | None, str | None], overrides: Sequence[str]
) -> tuple[T, list[str]]:
    """Loads the configuration of `alignray sft` or `dpo`.

    Args:
        cls: SFTStageConfig or DPOStageConfig.
        paths: the file of --config (alignray's keys or a handbook's recipe), that of --deepspeed.
        overrides: `key=value` arguments in alignray's keys; they come last.

    Returns:
        The configuration, and a line for each key of a foreign file.

    Raises:
        ConfigError: as `load_config`; a file of an unknown kind.
    """
    path, launch_path = paths
    content, lines = read_yaml(path) if path is not None else ({}, {})
    launch = None if launch_path is None else read_launch(launch_path)
    is_recipe = path is not None and is_handbook(content)
    if launch is None and not is_recipe:
        return build_overridden(cls, content, (path, lines), overrides), []
    given: dict[str, Any] = {}
    for text in overrides:
        given = apply_override(given, parse_override(text))
    gpus = _choose_gpus([given, content], launch)
    if is_recipe:
        verb: Literal["sft", "dpo"] = "sft" if issubclass(cls, SFTStageConfig) else "dpo"
        base, note = _find_adapter_base(verb, content, given)
        recipe = RecipeFile(content, lines, str(path))
        kind = _find_model_type(content, given, base)
        out = translate_recipe(verb, recipe, launch, Surroundings(gpus[0] > 0, base, kind))
        if note:
            out.note(note)
        if "dataset" in given:
            del out.content["dataset_mixture"]
    else:
        out = Translation("", content, lines)
    if launch is not None and not is_recipe:
        apply_launch(out, launch, gpus[0] > 0)
    if gpus[1]:
        out.source = "this machine"
        out.map("GPU", "resources.num_gpus", *gpus)
    return build_overridden(cls, out.content, (path, out.lines), overrides), out.notes


def read_launch(path: str) -> Launch:
    """Reads a launch file of accelerate or a DeepSpeed configuration, YAML or JSON.

    Raises:
        ConfigError: unreadable, or a file of another kind.
    """
    if Path(path).suffix != ".json":
        content, lines = read_yaml(path)
        return parse_launch(content, lines, path)
    try:
        content = json.loads(Path(path).expanduser().read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError(path, "no such file", "a launch file") from None
    except (OSError, ValueError) as error:
        raise ConfigError(path, f"not JSON ({error})", "a DeepSpeed configuration") from error
    if not isinstance(content, dict):
        raise ConfigError(path, f"a {type(content).__name__}", "a DeepSpeed configuration")
    return parse_launch(content, {}, path)


def has_gpu() -> bool:
    """Whether torch reports a GPU on this machine."""
    import torch

    return torch.cuda.is_available()


def _choose_gpus(contents: Sequence[Mapping[str, Any]], launch: Launch | None) -> tuple[float, str]:
    """GPUs of one worker, and why; without a reason where a configuration says it itself."""
    for content in contents:
        resources = content.get("resources")
        found = resources.get("num_gpus") if isinstance(resources, Mapping) else None
        if isinstance(found, (int, float)):
            return found, ""
    if launch is not None and launch.use_cpu:
        return 0, f"use_cpu in {launch.path}"
    if any(content.get("use_cpu") is True for content in contents):
        return 0, "use_cpu in the recipe"
    if has_gpu():
        return 1, "torch finds one"
    return (
        0,
        "torch finds none: trained on CPUs; resources.num_gpus=1 where the workers have one",
    )


def _find_adapter_base(
    verb: str, content: Mapping[str, Any], given: Mapping[str, Any]
) -> tuple[str | None, str]:
    """The base of the adapter that model_name_or_path names, None for a model; and a note, if any.

    Only DPO with LoRA starts from adapters (QLoRA's second step), so only then the hub is asked.
    """
    name = content.get("model_name_or_path")
    asked = verb == "dpo" and content.get("use_peft") is True and "model_name_or_path" not in given
    if not asked or not isinstance(name, str):
        return None, ""
    path, note = Path(name).expanduser() / _ADAPTER_CONFIG, ""
    if not path.parent.is_dir():
        revision = content.get("model_revision") or "main"
        path, reached = _download(name, _ADAPTER_CONFIG, revision)
        note = "" if reached else f"model_name_or_path: taken for a model, no hub tells ({name})"
    if not path.is_file():
        return None, note
    try:
        base = json.loads(path.read_text(encoding="utf-8")).get("base_model_name_or_path")
    except (OSError, ValueError) as error:
        raise ConfigError(str(path), f"unreadable ({error})", "a PEFT adapter") from error
    return (base, "") if isinstance(base, str) else (None, "")


def _find_model_type(
    content: Mapping[str, Any], given: Mapping[str, Any], base: str | None
) -> str | None:
    """`model_type` of the model, where PEFT's choice of modules for LoRA goes by it."""
    modules = given.get("lora_target_modules") or content.get("lora_target_modules")
    if content.get("use_peft") is not True or modules:
        return None
    name = given.get("model_name_or_path") or base or content.get("model_name_or_path")
    path = Path(str(name)).expanduser() / _MODEL_CONFIG
    if not path.parent.is_dir() and str(name).count("/") == 1:
        key = "model_revision" if base is None else "base_model_revision"
        path, _ = _download(str(name), _MODEL_CONFIG, content.get(key) or "main")
    try:
        found = json.loads(path.read_text(encoding="utf-8")).get("model_type")
    except (OSError, ValueError):
        return None  # what is wrong with the model is said where it is loaded
    return found if isinstance(found, str) else None


def _download(name: str, file: str, revision: str) -> tuple[Path, bool]:
    """A file of a hub repository, if it has one; and whether hub or cache could tell."""
    import huggingface_hub
    from huggingface_hub.errors import EntryNotFoundError, HfHubHTTPError, LocalEntryNotFoundError

    try:
        return Path(huggingface_hub.hf_hub_download(name, file, revision=revision)), True
    except (OSError, ValueError, HfHubHTTPError, EntryNotFoundError) as error:
        absent = isinstance(error, EntryNotFoundError)
        return Path(name) / file, absent and not isinstance(error, LocalEntryNotFoundError)
