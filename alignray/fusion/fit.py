"""Whether an adapter fits a base: shapes from the headers of their files, no weights read.

A safetensors file begins with the length of its header (8 bytes, little-endian), then comes
the header: JSON with the shape and type of every tensor.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from alignray.errors import ModelError
from alignray.fusion.adapter import split_name

Shape = tuple[int, ...]
_LONGEST_HEADER = 100 * 1024 * 1024
_BLOCKS, _BLOCK_BYTES = 64, 4096


def read_shapes(directory: str | Path) -> dict[str, Shape]:
    """Tensor -> shape over all safetensors files of a directory; empty where there is none.

    Raises:
        ModelError: a file that is cut short or no safetensors file.
    """
    shapes: dict[str, Shape] = {}
    for file in sorted(Path(directory).glob("*.safetensors")):
        try:
            header = dict(json.loads(_read_header(file)))
        except (OSError, ValueError, TypeError) as error:
            raise ModelError(str(file), f"unreadable ({error})", "a safetensors file") from error
        header.pop("__metadata__", None)
        shapes |= {name: tuple(entry["shape"]) for name, entry in header.items()}
    return shapes


def list_updates(adapter_shapes: Mapping[str, Shape]) -> dict[str, tuple[int, int]]:
    """Module -> (out, in) of the updates in an adapter; an embedding counts as (dim, rows)."""
    updates: dict[str, dict[str, int]] = {}
    for name, shape in adapter_shapes.items():
        found = split_name(name)
        if found is not None:
            module, part = found
            updates.setdefault(module, {})[part] = shape[1 if part == "A" else 0]
    return {module: (size["B"], size["A"]) for module, size in updates.items() if len(size) == 2}


def find_unknown(
    updates: Mapping[str, tuple[int, int]], base_shapes: Mapping[str, Shape]
) -> list[str]:
    """Modules of an adapter for which the base has no weights of that name."""
    return sorted(module for module in updates if f"{module}.weight" not in base_shapes)


def find_misfits(
    updates: Mapping[str, tuple[int, int]], base_shapes: Mapping[str, Shape]
) -> list[str]:
    """Modules whose weights in the base have another shape, as `module: found, expected`.

    Linear weights are (out, in), those of GPT-2 and of embeddings the other way round.
    """
    misfits = []
    for module, (rows, columns) in sorted(updates.items()):
        shape = base_shapes.get(f"{module}.weight", (rows, columns))
        if sorted(shape[:2]) != sorted((rows, columns)):
            misfits.append(
                f"{module} is {rows} x {columns}, the base's {' x '.join(map(str, shape))}"
            )
    return misfits


def sample_weights(directory: str | Path) -> str:
    """A digest of a model's safetensors files: headers and blocks spread over them; "" for none."""
    digest = hashlib.sha256()
    files = sorted(Path(directory).glob("*.safetensors"))
    for file in files:
        digest.update(_read_header(file))
        size = file.stat().st_size
        with file.open("rb") as stream:
            for start in _spread_blocks(size):
                stream.seek(start)
                digest.update(stream.read(_BLOCK_BYTES))
    return digest.hexdigest() if files else ""


def _spread_blocks(size: int) -> Sequence[int]:
    if size <= _BLOCKS * _BLOCK_BYTES:
        return range(0, size, _BLOCK_BYTES)
    return [(size - _BLOCK_BYTES) * number // (_BLOCKS - 1) for number in range(_BLOCKS)]


def _read_header(file: Path) -> bytes:
    """The JSON header of a safetensors file.

    Raises:
        ValueError: the length it claims is absurd, or there are fewer bytes.
    """
    with file.open("rb") as stream:
        length = int.from_bytes(stream.read(8), "little")
        if not 2 <= length <= _LONGEST_HEADER:
            raise ValueError(f"header of {length} bytes")
        header = stream.read(length)
    if len(header) != length:
        raise ValueError("cut short")
    return header
