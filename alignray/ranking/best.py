"""The best responses of each prompt, as conversations for SFT; pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import pyarrow as pa

from alignray.config.pairs import PairsConfig
from alignray.ranking.pairs import Candidate
from alignray.records import MESSAGES, Message, RankedPrompt, Record


@dataclass(frozen=True, slots=True)
class BestResponse(Record):
    """A conversation that ends with one of the best responses to its prompt.

    Example: `BestResponse("6f1c...", [user, assistant], 4.8, "base", "benign", None, "a.jsonl:1")`.
    """

    prompt_id: str
    messages: list[Message]
    rating: float
    model: str
    subset: str
    category: str | None
    source: str

    ARROW_SCHEMA: ClassVar[pa.Schema] = pa.schema(
        [
            ("prompt_id", pa.string()),
            ("messages", MESSAGES),
            ("rating", pa.float64()),
            ("model", pa.string()),
            ("subset", pa.string()),
            ("category", pa.string()),
            ("source", pa.string()),
        ]
    )


def select_best(
    row: RankedPrompt, candidates: Sequence[Candidate], config: PairsConfig
) -> list[BestResponse]:
    """The `sft_per_prompt` best responses that are whole, good enough and as safe as any.

    So SFT never teaches what DPO would reject as the less safe one. Among equals the order of
    `candidates` decides, which is seeded.
    """
    safest = max((c.safety for c in candidates if c.safety is not None), default=None)
    good = [c for c in candidates if _is_good(c, safest, config)]
    best = sorted(good, key=lambda candidate: -candidate.rating)[: config.sft_per_prompt]
    return [_build_best(row, candidate) for candidate in best]


def _is_good(candidate: Candidate, safest: float | None, config: PairsConfig) -> bool:
    if candidate.truncated and config.truncated != "keep":
        return False
    if config.sft_min_rating is not None and candidate.rating < config.sft_min_rating:
        return False
    if config.safety_conflict == "rating" or safest is None or candidate.safety is None:
        return True
    return safest - candidate.safety < config.safety_gap


def _build_best(row: RankedPrompt, candidate: Candidate) -> BestResponse:
    answer: Message = {"role": "assistant", "content": row.generations[candidate.index]}
    return BestResponse(
        prompt_id=row.prompt_id,
        messages=[*row.messages, answer],
        rating=candidate.rating,
        model=row.generation_models[candidate.index],
        subset=row.subset,
        category=row.category,
        source=row.source,
    )
