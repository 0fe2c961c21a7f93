"""Checkpoints are pickles, and a pickle is a program: here only tensors and plain values are read.

torch's weights-only unpickler refuses every class that is not named. The few that DeepSpeed writes
beside its tensors are read as stand-ins of ours, so neither DeepSpeed nor its code is needed; the
metadata of a distributed checkpoint may name the classes of that format and no others.
"""

from __future__ import annotations

import pickle
import re
import zipfile
from pathlib import Path
from typing import Any

from alignray.errors import ArtifactError

_DISTRIBUTED = "torch.distributed.checkpoint."
_METADATA_CLASSES = {
    f"{_DISTRIBUTED}metadata": {
        "Metadata", "MetadataIndex", "ChunkStorageMetadata", "TensorStorageMetadata",
        "BytesStorageMetadata", "TensorProperties", "StorageMeta", "_MEM_FORMAT_ENCODING",
    },
    f"{_DISTRIBUTED}filesystem": {"_StorageInfo"},
    "torch": {
        "Size", "float32", "float64", "float16", "bfloat16", "int8", "int16", "int32", "int64",
        "uint8", "bool", "strided",
    },
    "torch.serialization": {"_get_layout"},
    "pathlib": {"PosixPath", "PurePosixPath", "Path"},
    "collections": {"OrderedDict"},
}  # fmt: skip


class _Attributes:
    """Stands in for an object of which only its attributes are read."""

    def __init__(self, *values: Any) -> None:
        self.values = values


class _Number(int):
    """Stands in for an enumeration of numbers."""


_STAND_INS: list[Any] = [
    (_Number, "deepspeed.runtime.zero.config.ZeroStageEnum"),
    (_Attributes, "deepspeed.runtime.fp16.loss_scaler.LossScaler"),
    (_Attributes, "deepspeed.runtime.fp16.loss_scaler.DynamicLossScaler"),
    (_Attributes, "deepspeed.utils.tensor_fragment.fragment_address"),
    (_Attributes, "deepspeed.utils.tensor_fragment.tensor_fragment"),
]


def load_tensors(path: Path) -> dict[str, Any]:
    """What `torch.save` wrote: a dict of tensors and plain values, mapped from the file.

    Raises:
        ArtifactError: it holds anything else, or is no such file.
    """
    import torch

    try:
        with torch.serialization.safe_globals(_STAND_INS):
            content = torch.load(
                path, map_location="cpu", weights_only=True, mmap=zipfile.is_zipfile(path)
            )
    except (pickle.UnpicklingError, RuntimeError, EOFError, OSError, ValueError) as error:
        raise _explain(path, error) from error
    if not isinstance(content, dict):
        raise ArtifactError(str(path), f"a {type(content).__name__}", "a dict of tensors")
    return content


def load_metadata(path: Path) -> Any:
    """The `.metadata` of a distributed checkpoint.

    Raises:
        ArtifactError: it names classes of anything else, or cannot be read.
    """
    try:
        with path.open("rb") as stream:
            metadata = _MetadataUnpickler(stream).load()
    except (pickle.UnpicklingError, EOFError, OSError, AttributeError, TypeError) as error:
        raise _explain(path, error) from error
    if not hasattr(metadata, "state_dict_metadata"):
        raise ArtifactError(str(path), f"a {type(metadata).__name__}", "checkpoint metadata")
    return metadata


class _MetadataUnpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        """Only the classes of the format, by their exact names: no attribute of one."""
        if name not in _METADATA_CLASSES.get(module, ()):
            raise pickle.UnpicklingError(f"GLOBAL {module}.{name} is not allowed")
        return super().find_class(module, name)


def _explain(path: Path, error: Exception) -> ArtifactError:
    refused = re.search(r"GLOBAL ([\w.]+)", str(error))
    if refused is None:
        line = next(iter(str(error).strip().splitlines()), type(error).__name__)
        return ArtifactError(str(path), f"unreadable ({line[:200]})", "a checkpoint's file")
    return ArtifactError(
        str(path),
        f"a pickle that names {refused.group(1)}",
        "tensors and plain values: loading anything else can run code",
        "write the checkpoint's weights alone, with the program that made it",
    )
