"""Options of the scorers that read a value of each prompt."""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator

from alignray.config.base import Config


class PromptOptions(Config):
    """Where the values are, their range, and the bootstrap over prompts."""

    value: str | None = None
    """Column of the values; else `value`, `score`, `correct`, ..."""
    id: str | None = None
    """Column of the prompts' ids; else `id`, `prompt_id`, ..."""
    low: float | None = None
    """Lowest value possible; with `high`, the interval keeps to the range."""
    high: float | None = None
    """Highest value possible."""
    seed: int = Field(default=0, ge=0)
    """Of the bootstrap over prompts."""
    num_resamples: int = Field(default=1000, ge=100, le=100_000)
    """Of the bootstrap over prompts."""

    @model_validator(mode="after")
    def _check_range(self) -> Self:
        if (self.low is None) != (self.high is None):
            raise ValueError("give both low and high, or neither")
        if self.low is not None and self.high is not None and self.low >= self.high:
            raise ValueError(f"low is {self.low}, high {self.high}: low must be below high")
        return self
