"""Pairs: ranked responses -> preference pairs and best responses to train on."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from alignray.config.base import DataPath, StageConfig


class PairsConfig(StageConfig):
    """`alignray pairs`: chosen and rejected responses out of a ranking, in TRL's form."""

    ranked: DataPath
    """Output of `alignray rank`, or a parquet file of its shape."""
    strategy: Literal["best_worst", "all", "top_k"] = "best_worst"
    """`best_worst`: the widest pair of each prompt; `all`: every pair that holds; `top_k`: each of
    the top_k best responses against the worst one it can be paired with."""
    top_k: int = Field(default=2, ge=1, le=1024)
    """top_k: responses of a prompt that become a chosen one."""
    margin: float = Field(default=0.5, ge=0, le=100)
    """Least difference of ratings, on the ranking's scale; without any there is no pair."""
    safety_conflict: Literal["safety", "rating", "drop"] = "safety"
    """Who decides where the clearly safer response has no better rating: it is chosen all the same
    (whatever the margin), or the rating decides, or the pair is dropped."""
    safety_gap: float = Field(default=1.0, gt=0, le=4)
    """Difference of safety grades from which one response is clearly the safer one."""
    near_duplicate: float = Field(default=0.8, gt=0, le=1)
    """Shared word triples (Jaccard) from which two responses are too alike to make a pair."""
    truncated: Literal["never_chosen", "drop", "keep"] = "never_chosen"
    """Responses cut off at max_tokens: never chosen, not used at all, or used as any other."""
    max_pairs_per_prompt: int | None = Field(default=None, ge=1)
    """Most pairs of one prompt, the widest first; no limit by default."""
    subsets: tuple[str, ...] = ()
    """Only prompts of these subsets; all by default."""
    sft_per_prompt: int = Field(default=1, ge=0, le=1024)
    """Best responses of a prompt that are written to data/sft.parquet; 0 writes none. Unless the
    rating decides over safety, none to which another one is clearly safer."""
    sft_min_rating: float | None = 4.0
    """Lowest rating of such a response, on the ranking's scale; none takes the best as it is."""
    seed: int = Field(default=0, ge=0, lt=2**31)
    """Seed of the choice among pairs and responses that are equally good."""
