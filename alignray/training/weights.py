"""How large a model's weights are, from its files: in a directory, in the hub's cache, on the hub.

Only file names and sizes are read. Of several forms of the same weights in one place (Mistral's
`consolidated.safetensors` beside `model-*.safetensors`), the one that transformers loads counts.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

INDEX_NAME = "model.safetensors.index.json"
_FORMS = (("model", ".safetensors"), ("", ".safetensors"), ("pytorch_model", ".bin"), ("", ".bin"))
_TIMEOUT_SECONDS = 10.0


def sum_weights(sizes: Mapping[str, int]) -> int | None:
    """Bytes of the weights among files; None where there are none.

    Args:
        sizes: file name -> bytes.
    """
    for start, end in _FORMS:
        found = [size for name, size in sizes.items() if _has_form(name, start, end)]
        if found:
            return sum(found)
    return None


def measure_directory(directory: Path) -> int | None:
    """Bytes of the weights in a model's directory."""
    files = [file for file in directory.iterdir() if file.is_file()]
    return sum_weights({file.name: file.stat().st_size for file in files})


def measure_hub_model(name: str, revision: str) -> int | None:
    """Bytes of a hub model's weights; None where neither cache nor hub tell, or offline."""
    return _measure_cached(name, revision) or _ask_hub(name, revision)


def _has_form(name: str, start: str, end: str) -> bool:
    return "/" not in name and name.startswith(start) and name.endswith(end)


def _measure_cached(name: str, revision: str) -> int | None:
    """Of a snapshot in the cache, where all of it is there."""
    from huggingface_hub import try_to_load_from_cache

    config = try_to_load_from_cache(name, "config.json", revision=revision)
    if not isinstance(config, str):
        return None
    directory = Path(config).parent
    index = directory / INDEX_NAME
    if index.is_file():
        try:
            shards = set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values())
        except (ValueError, KeyError):
            return None
        if not all((directory / shard).is_file() for shard in shards):
            return None
    return measure_directory(directory)


def _ask_hub(name: str, revision: str) -> int | None:
    import httpx2
    from huggingface_hub import HfApi

    try:
        info = HfApi().model_info(
            name, revision=revision, files_metadata=True, timeout=_TIMEOUT_SECONDS
        )
    except (OSError, ValueError, httpx2.HTTPError):
        return None  # what is wrong with the model is said where it is loaded
    return sum_weights({file.rfilename: file.size or 0 for file in info.siblings or []})
