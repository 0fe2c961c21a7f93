"""Names of models and adapters -> directories or hub ids, checked first, and their identity."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from alignray.errors import ModelError
from alignray.pocket import MODELS as POCKET_MODELS

ADAPTER_CONFIG = "adapter_config.json"
_WHOLE_FILE_BYTES = 64 * 1024 * 1024
_SAMPLED_BLOCKS, _BLOCK_BYTES = 256, 64 * 1024
_IDENTITY_SUFFIXES = {".json", ".safetensors", ".model", ".jinja", ".txt", ".bin"}


def resolve_model(name_or_path: str) -> str:
    """The directory of a local or built-in model; a hub id as it is.

    Raises:
        ModelError: something that looks like a path and is not a model directory.
    """
    if name_or_path in POCKET_MODELS:
        return str(POCKET_MODELS[name_or_path])
    path = Path(name_or_path).expanduser()
    if path.is_dir():
        if not any((path / name).is_file() for name in ("config.json", ADAPTER_CONFIG)):
            raise ModelError(
                name_or_path, "directory without config.json", f"a model, or {ADAPTER_CONFIG}"
            )
        return str(path.resolve())
    if path.exists() or not is_hub_id(name_or_path):
        raise ModelError(
            name_or_path,
            "no such model directory",
            f"a directory, a hub id, or one of {', '.join(sorted(POCKET_MODELS))}",
        )
    return name_or_path


def is_hub_id(name: str) -> bool:
    """Whether a name has the form `owner/name` (or a bare `name`) of the hub."""
    parts = name.split("/")
    return (
        len(parts) == 2
        and all(parts)
        and not name.startswith((".", "/", "~"))
        and all(c.isalnum() or c in "._-/" for c in name)
    )


def is_adapter(path: str) -> bool:
    """Whether a directory holds a PEFT adapter."""
    return (Path(path) / ADAPTER_CONFIG).is_file()


def load_model_config(name_or_path: str) -> dict[str, Any]:
    """The config.json of a local model; empty for a hub id.

    Raises:
        ModelError: the file cannot be read.
    """
    path = Path(resolve_model(name_or_path)) / "config.json"
    if not path.is_file():
        return {}
    try:
        config: dict[str, Any] = json.loads(path.read_text())
    except ValueError as error:
        raise ModelError(str(path), f"not JSON ({error})", "a model's config.json") from error
    return config


def compute_model_identity(name_or_path: str, revision: str = "main") -> str:
    """A hash of what a model is: file contents, or hub id and revision.

    Files over 64 MiB count by name, size and 256 blocks of 64 KiB spread evenly over them: weights
    of 140 GB are identified in a second, and a change of any layer shows.
    """
    resolved = resolve_model(name_or_path)
    path = Path(resolved)
    if not path.is_dir():
        return f"hub:{resolved}@{revision}"
    digest = hashlib.sha256()
    for file in sorted(path.iterdir()):
        if file.is_file() and file.suffix in _IDENTITY_SUFFIXES and _is_model_file(file):
            digest.update(f"{file.name}:{file.stat().st_size}:".encode())
            digest.update(_read_identity_bytes(file))
    return digest.hexdigest()[:32]


def _is_model_file(file: Path) -> bool:
    return file.name not in {"record.json", "metrics.json", "trainer_state.json"}


def _read_identity_bytes(file: Path) -> bytes:
    size = file.stat().st_size
    if size <= _WHOLE_FILE_BYTES:
        return file.read_bytes()
    blocks = []
    with file.open("rb") as stream:
        for number in range(_SAMPLED_BLOCKS):
            stream.seek((size - _BLOCK_BYTES) * number // (_SAMPLED_BLOCKS - 1))
            blocks.append(stream.read(_BLOCK_BYTES))
    return b"".join(blocks)
