"""Whether a comparing judge follows the place of an answer: flip rate and share of first places.

Read off the rows of `CompareTask` alone. Equal answers, which were not shown, and pairs without a
verdict are in no denominator; the latter are counted as unscored.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from alignray.evaluation.scoring.score import Measure, Place, Score, score_mean, score_rate

FLIP_RATE = Measure(
    "comparison_flip_rate",
    "Comparisons in which the two orders name different winners",
    "lower",
    0,
    1,
    "How good the verdicts are that do not flip: a judge may be wrong in both orders.",
)


def score_flips(rows: Iterable[Mapping[str, Any]], judge: str, benchmark: str) -> Score:
    """The flip rate of a judge, with the share of its verdicts for the answer shown first.

    `extra["first_place_share"]` is one half without position bias, 1.0 for a judge that always
    prefers what it reads first; its interval is over comparisons.

    Raises:
        EvaluationError: no pair was shown in both orders and read.
    """
    shown = list(_list_shown(rows))
    place = Place(judge, benchmark)
    flips = score_rate(FLIP_RATE, place, [s["flipped"] > 0 if s else None for s in shown])
    first = score_mean(FLIP_RATE, place, [s["first_place"] if s else None for s in shown])
    shares = {
        "first_place_share": first.value,
        "first_place_ci_low": first.ci_low,
        "first_place_ci_high": first.ci_high,
    }
    flips.extra.update(shares)
    return flips


def _list_shown(rows: Iterable[Mapping[str, Any]]) -> Iterator[dict[str, float] | None]:
    """Scores of each comparison that was asked for; None where it has no verdict."""
    for row in rows:
        for entries, reason in zip(row["scores"], row["reasons"], strict=True):
            scores = {entry["name"]: entry["score"] for entry in entries}
            if reason is not None:
                yield None
            elif "flipped" in scores:
                yield scores
