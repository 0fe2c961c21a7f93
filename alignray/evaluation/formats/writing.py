"""Files of others, written: valid JSON whatever was read, old file or new one, never a part."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from alignray.durable import write_json


def write_content(path: Path, content: Mapping[str, Any] | list[Any], fill: Any = None) -> None:
    """Writes JSON with `fill` in place of NaN and infinities, which JSON has no word for.

    Raises:
        StorageError: no space, no permission.
    """
    write_json(path, replace_non_finite(content, fill))


def replace_non_finite(value: Any, fill: Any = None) -> Any:
    """The value with `fill` in place of every NaN and infinity in it."""
    if isinstance(value, Mapping):
        return {key: replace_non_finite(item, fill) for key, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return [replace_non_finite(item, fill) for item in value]
    return fill if isinstance(value, float) and not math.isfinite(value) else value
