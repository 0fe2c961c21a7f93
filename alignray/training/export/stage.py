"""A checkpoint of a training -> a model folder of the Hugging Face layout.

    source -> its kind -> named tensors -> an adapter, or all weights in their model -> OUT/model

What is written is `folder.py`'s; how each kind is read, its module's.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alignray.artifacts import CONFIG_NAME, Counts, Stage, open_stage
from alignray.chat import ChatTokenizer
from alignray.config.export import ExportConfig
from alignray.durable import read_json, write_text
from alignray.errors import AlignrayError, ArtifactError, ChatError
from alignray.models import resolve_model
from alignray.training.checkpoints import MANIFEST_NAME, read_manifest
from alignray.training.export.deepspeed import find_step_dir, load_deepspeed_weights
from alignray.training.export.folder import (
    TOKENIZER_CONFIG,
    write_adapter_folder,
    write_full_folder,
)
from alignray.training.export.fsdp import find_shards_dir, load_fsdp_weights
from alignray.training.export.safe_loading import load_tensors
from alignray.training.outputs.card import CARD_NAME, build_front_matter, render_card
from alignray.training.outputs.stamp import Stamp, describe_template, write_stamp

if TYPE_CHECKING:
    from torch import Tensor

MODEL_DIR = "model"
_ARCHIVE = "policy.pt"
_SUFFIX = ".tmp"
_WRAPPERS = ("module.", "_orig_mod.")


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint that was read."""

    kind: str
    """E.g. `DeepSpeed`."""
    weights: dict[str, Tensor]
    places: tuple[Path, ...]
    """Where its configuration and tokenizer may lie, nearest first."""


def run_export(config: ExportConfig) -> dict[str, Any]:
    """`alignray export`; returns the stage's record.

    Raises:
        ArtifactError: the source is no checkpoint, not whole, or holds more than tensors.
        ModelError: no config or tokenizer, or weights of another model.
    """
    if config.base is not None:
        resolve_model(config.base)
    stage = open_stage(config, "export")
    if stage.finished:
        from alignray.artifacts import read_record

        return read_record(stage.path)
    _check_stage(Path(config.source).expanduser())
    checkpoint = load_checkpoint(Path(config.source).expanduser())
    weights = strip_wrappers(checkpoint.weights)
    unfinished = stage.path / f".{MODEL_DIR}{_SUFFIX}"
    shutil.rmtree(unfinished, ignore_errors=True)
    weights = {name: _cast(tensor, config.dtype) for name, tensor in weights.items()}
    adapts = any(_is_of_adapter(name) for name in weights)
    write = write_adapter_folder if adapts else write_full_folder
    base = write(weights, config, checkpoint.places, unfinished)
    stamp = build_stamp(Path(config.source).expanduser(), checkpoint.places, base)
    if stamp is not None:
        write_stamp(stamp, unfinished)
    shutil.rmtree(stage.path / MODEL_DIR, ignore_errors=True)
    unfinished.replace(stage.path / MODEL_DIR)
    metrics = {
        "kind": checkpoint.kind,
        "adapter": adapts,
        "base": base,
        "template_digest": None if stamp is None else stamp.template_digest,
        "tensors": len(weights),
        "parameters": sum(tensor.numel() for tensor in weights.values()),
    }
    _write_card(stage, config, metrics)
    return stage.write_record(Counts(0, 0), metrics)


def _check_stage(source: Path) -> None:
    """Refuses a checkpoint that holds only what was trained on top of another adapter.

    Raises:
        ArtifactError: its stage stacked on, or merged, an adapter.
    """
    config = _read_settings(source)
    mode = config.get("adapter_mode")
    if config.get("adapter_name_or_path") and mode in ("stack", "merge"):
        raise ArtifactError(
            str(source),
            f"of a training with adapter_mode={mode}: without the adapter that it builds on",
            "a checkpoint of a whole model",
            f"run the training to its end and take {_find_home(source) / MODEL_DIR}",
        )


def _find_home(source: Path) -> Path:
    """The stage that a `STAGE/checkpoints/checkpoint-N` is of."""
    return source.resolve().parent.parent


def _read_settings(source: Path) -> dict[str, Any]:
    """The configuration of the training that wrote a checkpoint; empty where none is at hand."""
    claim = _find_home(source) / CONFIG_NAME
    settings = read_json(claim).get("config") if claim.is_file() else None
    return settings if isinstance(settings, dict) else {}


def build_stamp(source: Path, places: Sequence[Path], base: str) -> Stamp | None:
    """The template that a checkpoint was trained with, by the tokenizer beside it.

    Returns:
        None where nothing tells: a tokenizer that is the base's, as of a `policy.pt`, or one
        without a template in a checkpoint of others.
    """
    home = next((place for place in places if (place / TOKENIZER_CONFIG).is_file()), None)
    if home is None:
        return None
    settings = _read_settings(source)
    try:
        tokenizer = ChatTokenizer.load(str(home))
    except ChatError:  # a template of others that nothing here could have trained with
        return None
    if not (settings or tokenizer.tokenizer.chat_template):
        return None
    return Stamp(tokenizer.template_digest, describe_template(settings.get("chat_template")), base)


def load_checkpoint(source: Path) -> Checkpoint:
    """Finds out what a source is, and reads its weights.

    Raises:
        ArtifactError: none of the known kinds, or torn.
    """
    if source.is_file() or (source / _ARCHIVE).is_file():
        archive = source if source.is_file() else source / _ARCHIVE
        return Checkpoint("policy.pt archive", load_archive(archive), ())
    if (source / MANIFEST_NAME).is_file() and read_manifest(source) is None:
        found = f"files that do not match its {MANIFEST_NAME}"
        raise ArtifactError(str(source), found, "a whole checkpoint", "take the one before it")
    places = (source, source.parent)
    step_dir, shards_dir = find_step_dir(source), find_shards_dir(source)
    if step_dir is not None:
        return Checkpoint("DeepSpeed", load_deepspeed_weights(step_dir), places)
    if shards_dir is not None:
        return Checkpoint("FSDP", load_fsdp_weights(shards_dir), places)
    raise ArtifactError(
        str(source),
        "no checkpoint" + (": it is a model folder already" if _is_model(source) else ""),
        f"checkpoint-N, global_stepN, pytorch_model_fsdp_0 or {_ARCHIVE}",
        "see alignray export --help",
    )


def load_archive(path: Path) -> dict[str, Tensor]:
    """The weights of a `policy.pt`: `{"step_idx", "state", "metrics"}`.

    Raises:
        ArtifactError: another file.
    """
    content = load_tensors(path)
    state = content.get("state")
    if not isinstance(state, dict):
        raise ArtifactError(str(path), f"keys {sorted(map(str, content))[:8]}", "`state`")
    return dict(state)


def strip_wrappers(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Names as the model has them, without what DDP and torch.compile put before them."""
    named = dict(weights)
    for wrapper in _WRAPPERS:
        if all(name.startswith(wrapper) for name in named):
            named = {name.removeprefix(wrapper): tensor for name, tensor in named.items()}
    return named


def _is_of_adapter(name: str) -> bool:
    return ".lora_A." in name or ".lora_embedding_A" in name


def _is_model(source: Path) -> bool:
    return any(source.glob("*.safetensors"))


def _cast(tensor: Tensor, dtype: str) -> Tensor:
    import torch

    if dtype == "auto" or not tensor.is_floating_point():
        return tensor
    return tensor.to(getattr(torch, dtype))


def _write_card(stage: Stage, config: ExportConfig, metrics: Mapping[str, Any]) -> None:
    base = str(metrics["base"])
    tags = ["alignray", *(["lora"] if metrics["adapter"] else [])]
    lineage = {
        "base": base,
        "source": config.source,
        "source (content)": stage.inputs["source"]["identity"],
        "kind": metrics["kind"],
        "tensors": metrics["tensors"],
        "parameters": f"{metrics['parameters']:,}",
        "chat template (digest)": metrics["template_digest"] or "not known",
        "fingerprint": stage.fingerprint,
    }
    lines = [f"Exported from a {metrics['kind']} checkpoint of a training from `{base}`."]
    front = build_front_matter(_find(base), bool(metrics["adapter"]), tags)
    card = render_card(front, stage.path.name, lines, {"lineage": lineage})
    write_text(stage.path / MODEL_DIR / CARD_NAME, card)


def _find(base: str) -> str:
    """The name of the base where it can be found from here, else nothing."""
    try:
        resolve_model(base)
    except AlignrayError:
        return ""
    return base
