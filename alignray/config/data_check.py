"""What `alignray data check` shows; the rest of its keys are those of the training."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from alignray.config.base import Config


class DataCheckConfig(Config):
    """Keys of `alignray data check` that no training has."""

    verb: Literal["sft", "dpo"] = "sft"
    """The training whose rows are shown."""
    rows: int = Field(default=3, ge=0, le=1000)
    """Rows that are shown, the first of the data."""
