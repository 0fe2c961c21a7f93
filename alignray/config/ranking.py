"""Ranking: a judge grades or orders the responses to each prompt."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from alignray.config.base import DataPath, StageConfig
from alignray.config.inference import EngineConfig, PoolConfig


class RankConfig(StageConfig):
    """`alignray rank`: the judge's verdict on each of the N responses, one row per prompt."""

    completions: DataPath
    """Output of `alignray sample`, or a parquet file of its shape."""
    judge: EngineConfig
    """The model that judges."""
    mode: Literal["score", "rank"] = "score"
    """`score`: 1 to 5 for each response and criterion; `rank`: an order of the N responses."""
    safety_rubric: str = "safety"
    """Rubric of the safety score: a name in alignray/prompts or a text file."""
    helpfulness_rubric: str = "helpfulness"
    """Rubric of the helpfulness score: a name in alignray/prompts or a text file."""
    rank_rubric: str = "rank"
    """Rubric of the order: a name in alignray/prompts or a text file."""
    verdict: Literal["logprobs", "choice"] = "logprobs"
    """score: expected grade from the grades' log-probabilities, or the grade that is written."""
    safety_weight: float = Field(default=0.5, ge=0, le=1)
    """score: rating = safety_weight * safety + (1 - safety_weight) * helpfulness."""
    num_orders: int = Field(default=2, ge=1, le=24)
    """rank: presentation orders shown, balanced so that positions even out (cyclic shifts)."""
    max_verdict_tokens: int = Field(default=32, ge=1)
    """rank: longest verdict."""
    max_unscored_rate: float = Field(default=0.02, ge=0, le=1)
    """Share of unscored responses above which the stage fails (its ledger is kept)."""
    seed: int = Field(default=0, ge=0, lt=2**31)
    """Seed of the presentation orders and block marks."""
    pool: PoolConfig = PoolConfig()
