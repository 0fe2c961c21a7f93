"""Ranking: a judge grades or orders the responses to each prompt."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from alignray.config.base import DataPath, StageConfig
from alignray.config.inference import EngineConfig, PoolConfig

RUBRICS_DIR = Path(__file__).parent.parent / "prompts"
_OF_MODE = {
    "score": ("safety_rubric", "helpfulness_rubric", "verdict", "safety_weight"),
    "rank": ("rank_rubric", "num_orders", "max_verdict_tokens"),
}


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
    """rank: presentation orders shown, balanced so that places in the list even out."""
    max_verdict_tokens: int = Field(default=32, ge=1)
    """rank: longest verdict."""
    max_unscored_rate: float = Field(default=0.02, ge=0, le=1)
    """Share of unscored responses above which the stage fails (its ledger is kept)."""
    export: Literal["none", "appended"] = "none"
    """`appended`: also write export/ranked_prompts.parquet, each prompt with its responses and
    their ranks appended as text."""
    seed: int = Field(default=0, ge=0, lt=2**31)
    """Seed of the presentation orders and block marks."""
    pool: PoolConfig = PoolConfig()

    def identity(self) -> dict[str, Any]:
        """As `StageConfig.identity`, without the other mode's fields; rubrics count by content."""
        unused = {name for mode, names in _OF_MODE.items() if mode != self.mode for name in names}
        left_out = unused | self._rubrics().keys() | {"max_unscored_rate"}
        return {name: value for name, value in super().identity().items() if name not in left_out}

    def inputs(self) -> dict[str, tuple[str, str]]:
        """As `Config.inputs`, and the text files of the mode's rubrics."""
        rubrics = {field: ("data", locate_rubric(name)) for field, name in self._rubrics().items()}
        return super().inputs() | rubrics

    def _rubrics(self) -> dict[str, str]:
        named = (name for name in _OF_MODE[self.mode] if name.endswith("_rubric"))
        return {name: getattr(self, name) for name in named}


def locate_rubric(name_or_path: str) -> str:
    """The text file of a rubric: one of alignray/prompts by its name, else the path itself."""
    named = RUBRICS_DIR / f"{name_or_path}.txt"
    return str(named) if "/" not in name_or_path and named.is_file() else name_or_path
