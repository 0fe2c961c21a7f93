"""Sampling: N responses to each of K prompts."""

from __future__ import annotations

from pydantic import Field

from alignray.config.base import Config, DataPath, StageConfig
from alignray.config.inference import EngineConfig, PoolConfig, SamplingParams


class PromptSelection(Config):
    """Which prompts of the source are used."""

    num_prompts: int | None = Field(default=None, ge=1)
    """How many prompts; all by default. The choice depends on seed and prompt ids alone."""
    seed: int = Field(default=0, ge=0)
    """Seed of the choice."""
    subsets: tuple[str, ...] = ()
    """Only prompts of these subsets, e.g. `harmful`; all by default."""


class SampleConfig(StageConfig):
    """`alignray sample`: N responses to each prompt, one row per prompt."""

    prompts: DataPath
    """Prompts: JSONL, CSV, parquet, text, HH-RLHF, a hub id, or a built-in set (`pocket:train`)."""
    select: PromptSelection = PromptSelection()
    engine: EngineConfig
    """The model that answers."""
    adapter: str | None = None
    """Name of the adapter of `engine.adapters` to answer with; the base model by default."""
    sampling: SamplingParams = SamplingParams(n=5, top_p=0.95)
    system_prompt: str | None = None
    """System message put before every conversation that has none."""
    pool: PoolConfig = PoolConfig()
