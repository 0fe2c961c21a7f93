"""Weights out of a sharded FSDP checkpoint, as torch.distributed.checkpoint writes it.

accelerate puts them under `pytorch_model_fsdp_0/`, all names below `model.`. Reading needs no
process group. Only tensors are asked for: the format keeps other objects as pickles of their own.
"""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alignray.errors import ArtifactError
from alignray.training.export.safe_loading import load_metadata

if TYPE_CHECKING:
    from torch import Tensor

WEIGHTS_DIR = "pytorch_model_fsdp_0"
METADATA_NAME = ".metadata"
_ROOT = "model."


def find_shards_dir(source: Path) -> Path | None:
    """The directory with `.metadata`: the given one or the one in it; None for neither."""
    for path in (source, source / WEIGHTS_DIR):
        if (path / METADATA_NAME).is_file():
            return path
    return None


def load_fsdp_weights(shards_dir: Path) -> dict[str, Tensor]:
    """Parameter and buffer names -> whole tensors.

    Raises:
        ArtifactError: files are missing or cannot be read.
    """
    import torch
    import torch.distributed.checkpoint as distributed
    from torch.distributed.checkpoint.api import CheckpointException
    from torch.distributed.checkpoint.metadata import TensorStorageMetadata

    metadata = load_metadata(shards_dir / METADATA_NAME)
    weights: dict[str, Any] = {
        name: torch.empty(entry.size, dtype=entry.properties.dtype)
        for name, entry in metadata.state_dict_metadata.items()
        if isinstance(entry, TensorStorageMetadata)
    }
    if not weights:
        raise ArtifactError(str(shards_dir), "no tensors", "the weights of a model")
    warnings.filterwarnings("ignore", "torch.distributed is disabled")  # as it is meant to be
    try:
        distributed.load(weights, storage_reader=_build_reader(shards_dir, metadata), no_dist=True)
    # A missing shard raises CheckpointException, which is no Exception; a torn one many kinds.
    except (Exception, CheckpointException) as error:
        line = str(error).strip().splitlines()[-1]
        found = f"cannot be read ({line[:200]})"
        do = "copy the whole checkpoint"
        raise ArtifactError(str(shards_dir), found, "all its files", do) from error
    if all(name.startswith(_ROOT) for name in weights):
        return {name.removeprefix(_ROOT): tensor for name, tensor in weights.items()}
    return weights


def _build_reader(shards_dir: Path, metadata: Any) -> Any:
    """Torch's reader, given the metadata: it would unpickle the file without any check."""
    from torch.distributed.checkpoint import FileSystemReader

    class Reader(FileSystemReader):
        def read_metadata(self, *_: Any, **__: Any) -> Any:
            return metadata

    return Reader(shards_dir)
