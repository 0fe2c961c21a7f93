"""Which responses of a ranked prompt make pairs, and why the others do not; pure.

For each prompt: leave out responses that cannot be compared, put the rest two by two with the
better one first, drop pairs that say nothing, and take pairs by the strategy, the widest first.
Every response and every pair of responses ends under exactly one heading: the yield table adds up.
"""

from __future__ import annotations

import itertools
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from alignray.config.pairs import PairsConfig
from alignray.ranking.similarity import (
    Shingles,
    build_shingles,
    compute_resemblance,
    normalize_text,
)
from alignray.records import Preference, RankedPrompt, RowStatus

PAIR_DROPS = ("truncated_chosen", "near_duplicate", "safety_conflict", "below_margin", "tie")
"""Why two responses are no pair, from the least to the most hopeless: the first that occurs at a
prompt without pairs is named as its reason."""
_EQUAL = 1e-9


@dataclass(frozen=True)
class Candidate:
    """A response that can be compared. Identical responses are one, with their mean rating."""

    index: int
    """Position among the prompt's generations, of the first where several are identical."""
    rating: float
    safety: float | None
    text: str
    """The response, normalised."""
    truncated: bool


@dataclass(frozen=True)
class Pair:
    """Two responses of a prompt, the better one first.

    Example: `Pair(chosen=Candidate(2, 4.5, ...), rejected=Candidate(0, 1.5, ...), margin=3.0)`.
    """

    chosen: Candidate
    rejected: Candidate
    margin: float
    """Difference of ratings, or of safety grades where safety decided against the rating."""


@dataclass
class RowPairs:
    """What one prompt gave."""

    pairs: list[Pair] = field(default_factory=list)
    candidates: list[Candidate] = field(default_factory=list)
    response_drops: Counter[str] = field(default_factory=Counter)
    """`unscored`, `empty`, `truncated`, `identical`: responses left out before pairing."""
    pair_drops: Counter[str] = field(default_factory=Counter)
    """`PAIR_DROPS` and `not_selected`: pairs of candidates that are not used."""
    reason: str | None = None
    """Why there is no pair; None where there is one."""


def select_pairs(row: RankedPrompt, config: PairsConfig) -> RowPairs:
    """The pairs of one prompt; a row that the judge could not score has none."""
    if config.subsets and row.subset not in config.subsets:
        return RowPairs(reason="other_subset")
    if row.status != RowStatus.OK:
        return RowPairs(reason=f"row_{row.status}")
    found = RowPairs()
    found.candidates = find_candidates(row, config, found.response_drops)
    # A seeded order first, and stable sorts after it: among equals chance decides, not position.
    random.Random(f"{config.seed}:{row.prompt_id}").shuffle(found.candidates)
    _select(_order_pairs(found, config), found, config)
    if not found.pairs:
        dropped = next((name for name in PAIR_DROPS if found.pair_drops[name]), None)
        found.reason = dropped or "fewer_than_two_responses"
    return found


def find_candidates(row: RankedPrompt, config: PairsConfig, drops: Counter[str]) -> list[Candidate]:
    """The responses that can be compared, in order; the others are counted in `drops`."""
    groups: dict[str, list[int]] = {}
    for index, text in enumerate(row.generations):
        reason = _find_fault(row, index, config)
        if reason is None:
            groups.setdefault(normalize_text(text), []).append(index)
        else:
            drops[reason] += 1
    drops.update(["identical"] * sum(len(indices) - 1 for indices in groups.values()))
    return [_build_candidate(row, text, indices) for text, indices in groups.items()]


def _find_fault(row: RankedPrompt, index: int, config: PairsConfig) -> str | None:
    if row.ratings[index] is None:
        return "unscored"
    if not row.generations[index].strip():
        return "empty"
    if config.truncated == "drop" and row.finish_reasons[index] == "length":
        return "truncated"
    return None


def _build_candidate(row: RankedPrompt, text: str, indices: Sequence[int]) -> Candidate:
    rating = _mean([row.ratings[i] for i in indices])
    assert rating is not None  # unscored responses are no candidates
    return Candidate(
        index=indices[0],
        rating=rating,
        safety=_mean([row.safety[i] for i in indices]) if row.safety else None,
        text=text,
        truncated=row.finish_reasons[indices[0]] == "length",
    )


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


def _order_pairs(found: RowPairs, config: PairsConfig) -> list[Pair]:
    """All pairs that say which response is better, the widest first."""
    pairs = []
    for a, b in itertools.combinations(found.candidates, 2):
        pair = compare(a, b, config)
        if isinstance(pair, Pair):
            pairs.append(pair)
        else:
            found.pair_drops[pair] += 1
    return sorted(pairs, key=lambda pair: -pair.margin)


def compare(a: Candidate, b: Candidate, config: PairsConfig) -> Pair | str:
    """Which of two responses is better, and by how much; or why that cannot be said."""
    better, worse = (a, b) if a.rating >= b.rating else (b, a)
    gap = better.rating - worse.rating
    if config.safety_conflict != "rating":
        safer, other, safety = _compare_safety(better, worse)
        if safety >= config.safety_gap and safer.rating <= other.rating:
            dropped = config.safety_conflict == "drop"
            return "safety_conflict" if dropped else Pair(safer, other, safety)
    if gap < _EQUAL:
        return "tie"
    if gap < config.margin - _EQUAL:
        return "below_margin"
    return Pair(better, worse, gap)


def _compare_safety(a: Candidate, b: Candidate) -> tuple[Candidate, Candidate, float]:
    """The safer response, the other one, and the difference; 0 where a grade is missing."""
    if a.safety is None or b.safety is None:
        return a, b, 0.0
    gap = a.safety - b.safety
    return (a, b, gap) if gap >= 0 else (b, a, -gap)


def _select(ordered: Sequence[Pair], found: RowPairs, config: PairsConfig) -> None:
    """Takes pairs by the strategy; what is not reached is counted as not selected."""
    shingles: dict[int, Shingles] = {}
    for pair in ordered:
        if not _is_wanted(pair, found.pairs, config):
            found.pair_drops["not_selected"] += 1
        elif pair.chosen.truncated and config.truncated == "never_chosen":
            found.pair_drops["truncated_chosen"] += 1
        elif _compute_resemblance(pair, shingles) >= config.near_duplicate:
            found.pair_drops["near_duplicate"] += 1
        else:
            found.pairs.append(pair)


def _is_wanted(pair: Pair, taken: Sequence[Pair], config: PairsConfig) -> bool:
    if config.max_pairs_per_prompt is not None and len(taken) >= config.max_pairs_per_prompt:
        return False
    if config.strategy == "best_worst":
        return not taken
    if config.strategy == "top_k":
        chosen = {other.chosen.index for other in taken}
        return pair.chosen.index not in chosen and len(chosen) < config.top_k
    return True


def _compute_resemblance(pair: Pair, known: dict[int, Shingles]) -> float:
    """How alike two texts are; shingles, most of the work, are built when they are needed."""
    for candidate in (pair.chosen, pair.rejected):
        if candidate.index not in known:
            known[candidate.index] = build_shingles(candidate.text)
    return compute_resemblance(known[pair.chosen.index], known[pair.rejected.index])


def build_preference(row: RankedPrompt, pair: Pair) -> Preference:
    """The pair as a row to train on."""
    chosen, rejected = pair.chosen, pair.rejected
    return Preference(
        prompt_id=row.prompt_id,
        prompt=row.messages,
        chosen=[{"role": "assistant", "content": row.generations[chosen.index]}],
        rejected=[{"role": "assistant", "content": row.generations[rejected.index]}],
        score_chosen=chosen.rating,
        score_rejected=rejected.rating,
        chosen_model=row.generation_models[chosen.index],
        rejected_model=row.generation_models[rejected.index],
        subset=row.subset,
        category=row.category,
        source=row.source,
    )
