"""Scores of a reward or cost model: of pairs, or of single responses with a label.

Columns go by their usual names: `score_chosen, score_rejected` (UltraFeedback, TRL), RewardBench's
`scores_chosen, scores_rejected`, `chosen_reward, rejected_reward`, ...; for single responses
`score` (or reward, cost, rating) with `label` (or is_safe).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from alignray.errors import SourceError
from alignray.evaluation.formats.columns import find_column, read_flag, read_number, strip_suffixes
from alignray.evaluation.formats.reading import Row
from alignray.evaluation.formats.responses import read_table

_STEMS = ("score", "scores", "reward", "rewards", "cost", "rating", "logits", "logp")
_CHOSEN = [n for stem in _STEMS for n in (f"{stem}_chosen", f"chosen_{stem}", f"{stem}_better")]
_REJECTED = [
    n for stem in _STEMS for n in (f"{stem}_rejected", f"rejected_{stem}", f"{stem}_worse")
]
_SCORES = ("score", "reward", "cost", "rating", "prediction")
_LABELS = ("label", "is_safe", "is_good", "good", "target", "gold")


@dataclass(frozen=True)
class ScoredRow:
    """A pair, or one response with its label; None is a score or label that is missing.

    Example: `ScoredRow("rm.jsonl:1", "deberta", pair=(1.2, -0.3), single=None)`.
    """

    where: str
    model: str
    pair: tuple[float | None, float | None] | None
    single: tuple[float | None, bool | None] | None


def read_scored_rows(path: Path) -> list[ScoredRow]:
    """The rows of a file.

    Raises:
        SourceError: neither pairs nor labelled scores; the row is named.
    """
    rows = [_read_row(where, row, path) for where, row in read_table(path)]
    if not rows:
        raise SourceError(str(path), "no rows", "at least one pair")
    return rows


def _read_row(where: str, row: Row, path: Path) -> ScoredRow:
    model = str(row.get("model") or row.get("reward_model") or strip_suffixes(path))
    chosen, rejected = find_column(row, _CHOSEN), find_column(row, _REJECTED)
    if chosen is not None and rejected is not None:
        pair = (read_number(where, row, chosen), read_number(where, row, rejected))
        return ScoredRow(where, model, pair, None)
    score, label = find_column(row, _SCORES), find_column(row, _LABELS)
    if score is not None and label is not None:
        single = (read_number(where, row, score), read_flag(where, row, label))
        return ScoredRow(where, model, None, single)
    raise SourceError(
        where,
        f"no scores among {', '.join(map(str, row)) or 'no columns'}",
        "score_chosen and score_rejected, or score and label",
    )
