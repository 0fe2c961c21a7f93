"""Whether a reward or cost model prefers what people prefer: pairwise accuracy, and AUC. Pure.

    accuracy = (pairs in which chosen is better + ties / 2) / scored pairs
    AUC      = chance that a labelled good item scores better than a labelled bad one, ties by half

AUC is computed from ranks (Mann and Whitney, Ann. Math. Stat. 18 (1947) 50) with the variance of
Hanley and McNeil (Radiology 143 (1982) 29) and Wilson's interval by effective rows; a perfect order
is worth as many rows as the smaller group has (Birnbaum and Klose, Ann. Math. Stat. 28 (1957) 933:
the variance is at most A (1 - A) / min). It is wide rather than short: 94 to 99 %.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

from alignray.errors import EvaluationError
from alignray.evaluation.scoring.score import Measure, Place, Score
from alignray.ranking.intervals import compute_range_interval, compute_wilson_interval

Higher = Literal["better", "worse"]

ACCURACY = Measure(
    "preference_accuracy",
    "Pairs in which the chosen response scores better",
    "higher",
    0,
    1,
    "By how much, or whether scores of different prompts can be compared; and the pairs' labels are"
    " people's, who agree with each other in about 60 to 80 of 100 pairs.",
)
AUC = Measure(
    "auc",
    "Area under the ROC curve",
    "higher",
    0,
    1,
    "How well one threshold separates: it averages over all thresholds, also useless ones.",
)


def score_preference_accuracy(
    place: Place, pairs: Sequence[tuple[float | None, float | None]], higher: Higher = "better"
) -> Score:
    """Accuracy of (score of chosen, score of rejected); a tie is half, None is unscored.

    Raises:
        EvaluationError: no pair has both scores.
    """
    known = [(a, b) for a, b in pairs if a is not None and b is not None]
    unscored = len(pairs) - len(known)
    where = f"preference_accuracy of {place.model} on {place.benchmark}"
    if not known:
        raise EvaluationError(where, f"no scored pairs ({unscored} unscored)", "at least one")
    right = sum(a > b if higher == "better" else a < b for a, b in known)
    ties = sum(a == b for a, b in known)
    value = (right + ties / 2) / len(known)
    low, high = _compute_interval(value, right, ties, len(known))
    total = len(pairs)
    return Score(
        ACCURACY,
        place.model,
        place.benchmark,
        value,
        low,
        high,
        None if ties else right,
        len(known),
        unscored,
        "Wilson interval" if not ties else "Wilson interval by effective rows",
        {
            "right": right,
            "ties": ties,
            "low_bound": (right + ties / 2) / total,
            "high_bound": (right + ties / 2 + unscored) / total,
        },
    )


def _compute_interval(value: float, right: int, ties: int, n: int) -> tuple[float, float]:
    """Wilson's; a tie has no variance, so n counts as n p(1-p) / var (Korn and Graubard 1998)."""
    if not ties:
        return compute_wilson_interval(right, n)
    variance = max(0.0, (right + ties / 4) / n - value**2) / n
    return compute_range_interval(value, variance, (0.0, 1.0), n)


def score_auc(
    place: Place, items: Sequence[tuple[float | None, bool | None]], higher: Higher = "better"
) -> Score:
    """AUC of (score, whether it is good); None on either side is unscored.

    Raises:
        EvaluationError: not at least one good and one bad item with a score.
    """
    good = [score for score, label in items if score is not None and label is True]
    bad = [score for score, label in items if score is not None and label is False]
    where = f"auc of {place.model} on {place.benchmark}"
    if not good or not bad:
        raise EvaluationError(
            where, f"{len(good)} good and {len(bad)} bad items with scores", "at least one of each"
        )
    value = compute_auc(good, bad) if higher == "better" else compute_auc(bad, good)
    low, high = _compute_auc_interval(value, len(good), len(bad))
    return Score(
        AUC,
        place.model,
        place.benchmark,
        value,
        low,
        high,
        None,
        len(good) + len(bad),
        len(items) - len(good) - len(bad),
        "Hanley-McNeil variance, Wilson interval by effective rows",
        {"good": len(good), "bad": len(bad)},
    )


def compute_auc(positive: Sequence[float], negative: Sequence[float]) -> float:
    """Chance that a positive scores higher than a negative, ties by half; n log n."""
    positive_P, negative_N = np.asarray(positive, np.float64), np.sort(np.asarray(negative, float))
    below = np.searchsorted(negative_N, positive_P, side="left")
    not_above = np.searchsorted(negative_N, positive_P, side="right")
    return float((below.sum() + not_above.sum()) / (2 * len(positive) * len(negative)))


def _compute_auc_interval(value: float, good: int, bad: int) -> tuple[float, float]:
    first, second = value / (2 - value), 2 * value**2 / (1 + value)
    variance = (
        value * (1 - value) + (good - 1) * (first - value**2) + (bad - 1) * (second - value**2)
    ) / (good * bad)
    return compute_range_interval(value, variance, (0.0, 1.0), min(good, bad))
