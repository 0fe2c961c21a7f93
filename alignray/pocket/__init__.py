"""The embedded default: a small world whose truth is known, and two small models that live in it.

`world.py` holds the prompts, `truth.py` the oracle, `models/` the trained base and judge, which
`python -m alignray.pocket.build` makes again. Importing this package loads no model library.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from alignray.errors import ModelError

MODELS_DIR: Final = Path(__file__).parent / "models"
MODELS: Final[dict[str, Path]] = {
    "pocket-base": MODELS_DIR / "base",
    "pocket-judge": MODELS_DIR / "judge",
}


def get_model_path(name: str) -> Path:
    """The directory of a built-in model.

    Args:
        name: "pocket-base" or "pocket-judge".

    Raises:
        ModelError: no built-in model has this name.
    """
    if name not in MODELS:
        raise ModelError(name, "no such built-in model", f"one of {', '.join(MODELS)}")
    return MODELS[name]
