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
    low, high = _compute_auc_interval(value, good, bad)
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
        "DeLong and Hanley-McNeil variance, Wilson interval by effective rows",
        {"good": len(good), "bad": len(bad)},
    )


def compute_auc(positive: Sequence[float], negative: Sequence[float]) -> float:
    """Chance that a positive scores higher than a negative, ties by half; n log n."""
    positive_P, negative_N = np.asarray(positive, np.float64), np.sort(np.asarray(negative, float))
    below = np.searchsorted(negative_N, positive_P, side="left")
    not_above = np.searchsorted(negative_N, positive_P, side="right")
    return float((below.sum() + not_above.sum()) / (2 * len(positive) * len(negative)))


def _compute_auc_interval(
    value: float, good: Sequence[float], bad: Sequence[float]
) -> tuple[float, float]:
    """Wilson's interval by a variance between DeLong's and Hanley and McNeil's.

    Near 1 and with few items DeLong's (Biometrics 44 (1988) 837) is too small, Hanley and McNeil's
    (Radiology 143 (1982) 29) is too large elsewhere; .85 of the one and .15 of the
    other hold 95 % +- 1 on average from 50 items on (`benchmarks/coverage.py`).
    """
    variance = 0.85 * _compute_delong(good, bad) + 0.15 * _compute_hanley(value, good, bad)
    return compute_range_interval(value, variance, (0.0, 1.0), min(len(good), len(bad)))


def _compute_delong(good: Sequence[float], bad: Sequence[float]) -> float:
    """Variance of the AUC from how each item is placed among those of the other kind."""
    sides = (np.asarray(good, np.float64), np.asarray(bad, np.float64))
    variance = 0.0
    for own, other in (sides, sides[::-1]):
        others = np.sort(other)
        below = np.searchsorted(others, own, side="left")
        not_above = np.searchsorted(others, own, side="right")
        placed = (below + not_above) / (2 * len(other))
        variance += float(placed.var(ddof=1)) / len(own) if len(own) > 1 else 0.0
    return variance


def _compute_hanley(value: float, good: Sequence[float], bad: Sequence[float]) -> float:
    first, second = value / (2 - value), 2 * value**2 / (1 + value)
    spread = (len(good) - 1) * (first - value**2) + (len(bad) - 1) * (second - value**2)
    return (value * (1 - value) + spread) / (len(good) * len(bad))
