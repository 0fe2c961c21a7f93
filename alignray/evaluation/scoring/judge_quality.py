"""How good a judge is: accuracy against gold labels, and what the order of its answers does. Pure.

Against gold: accuracy, and precision, recall and F1 as means over the classes, each class alike
(0 where a class was never given, as the publishers have it). A verdict that could not be read is
unscored: it is in no denominator, and never a tie.

Both orders: `first` is the verdict with response 1 shown first, `second` with response 2 shown
first, both named by response, not by position. A judge that answers by position flips: the winner
changes with the order. A flip counts as a tie (half a win for each).

Shapes: N rows, C classes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from alignray.errors import EvaluationError
from alignray.evaluation.scoring.bootstrap import Floats, Resampling, bootstrap_sums
from alignray.evaluation.scoring.score import Measure, Place, Score, score_estimate, score_rate
from alignray.ranking.agreement import estimate_kappa

_GOLD = "Whether the gold labels are right: people disagree too, and most gold has no hard cases."
ACCURACY = Measure("accuracy", "Verdicts equal to gold", "higher", 0, 1, _GOLD)
MACRO = {
    name: Measure(f"macro_{name}", f"{title} over classes", "higher", 0, 1, _GOLD)
    for name, title in (
        ("precision", "Mean precision"),
        ("recall", "Mean recall"),
        ("f1", "Mean F1"),
    )
}
GOLD_KAPPA = Measure("gold_kappa", "Cohen's kappa with gold", "higher", -1, 1, _GOLD)

_ORDER = "Whether the verdicts are right: a judge that always sees the same error is consistent."
CONSISTENCY = Measure("position_consistency", "Same verdict in both orders", "higher", 0, 1, _ORDER)
FLIP_RATE = Measure("flip_rate", "Winner changes with the order", "lower", 0, 1, _ORDER)
FIRST_WINS = Measure(
    "first_position_share",
    "Flips in favour of the response shown first",
    "higher",
    0,
    1,
    "How often the judge flips. One half is no preference; both ends are bias.",
)
ORDER_KAPPA = Measure(
    "order_kappa", "Cohen's kappa between the two orders", "higher", -1, 1, _ORDER
)

TIE = "tie"


@dataclass(frozen=True)
class BothOrders:
    """Verdicts on one comparison in both orders: `1`, `2`, `tie`, or None for one not read.

    Example: `BothOrders("q7", "1", "2")`: the response shown first wins both times.
    """

    id: str
    first: str | None
    second: str | None


def score_against_gold(
    place: Place,
    gold: Sequence[str | None],
    verdicts: Sequence[str | None],
    classes: Sequence[str],
    resampling: Resampling,
) -> list[Score]:
    """Accuracy, macro precision, recall and F1, and kappa (where two labels are in use).

    Args:
        place: judge and set.
        gold: right labels; None where there is none.
        verdicts: the judge's labels; None where it gave none.
        classes: over which the means go.
        resampling: of the intervals of the means over classes.

    Raises:
        EvaluationError: no row has both; a label that is no class.
    """
    pairs = [(g, v) for g, v in zip(gold, verdicts, strict=True) if g is not None and v is not None]
    unscored = len(gold) - len(pairs)
    outcomes = [g == v for g, v in pairs]
    accuracy = score_rate(ACCURACY, place, [*outcomes, *[None] * unscored])
    rows = _tabulate(pairs, classes)
    scores = [accuracy]
    for index, measure in enumerate(MACRO.values()):
        limits = replace(resampling, bounds=(0.0, 1.0))
        found = bootstrap_sums(rows, partial(_take_macro, index), limits, measure.name)
        scores.append(
            Score(
                measure,
                place.model,
                place.benchmark,
                found.value,
                found.ci_low,
                found.ci_high,
                None,
                len(pairs),
                unscored,
                "bootstrap over rows, Wilson interval by effective rows",
            )
        )
    return [*scores, *score_kappa(GOLD_KAPPA, place, pairs, unscored)]


def compute_macro(counts: Floats) -> Floats:
    """Precision, recall and F1, each a mean over classes.

    Args:
        counts: (..., C * C), rows gold and columns verdicts.

    Returns:
        (..., 3); a class without verdicts, or without rows, counts as 0.
    """
    size = round(counts.shape[-1] ** 0.5)
    table = counts.reshape(*counts.shape[:-1], size, size)
    right = np.diagonal(table, axis1=-2, axis2=-1)
    precision = _divide(right, table.sum(axis=-2))
    recall = _divide(right, table.sum(axis=-1))
    f1 = _divide(2 * precision * recall, precision + recall)
    return np.stack([x.mean(axis=-1) for x in (precision, recall, f1)], axis=-1)


def _take_macro(index: int, counts: Floats) -> Floats:
    return np.asarray(compute_macro(counts)[..., index])


def take_majority(votes: Sequence[str | None]) -> str | None:
    """The label that more annotators gave than any other; None where two are level."""
    counts: dict[str, int] = {}
    for vote in votes:
        if vote is not None:
            counts[vote] = counts.get(vote, 0) + 1
    ranked = sorted(counts.values(), reverse=True)
    if not ranked or (len(ranked) > 1 and ranked[0] == ranked[1]):
        return None
    return max(counts, key=lambda label: counts[label])


def score_position(place: Place, rows: Sequence[BothOrders]) -> list[Score]:
    """Consistency, flip rate, which position the flips favour (where there are any), kappa.

    Raises:
        EvaluationError: no row has a verdict in both orders.
    """
    known = [row for row in rows if row.first is not None and row.second is not None]
    unscored = len(rows) - len(known)
    if not known:
        where = f"{CONSISTENCY.name} of {place.model} on {place.benchmark}"
        raise EvaluationError(where, f"no verdict in both orders ({unscored} unscored)", "one")
    missing = [None] * unscored
    same = [row.first == row.second for row in known]
    flipped = [{row.first, row.second} == {"1", "2"} for row in known]
    flips = [row for row, is_flip in zip(known, flipped, strict=True) if is_flip]
    scores = [
        score_rate(CONSISTENCY, place, [*same, *missing]),
        score_rate(FLIP_RATE, place, [*flipped, *missing]),
    ]
    if flips:
        scores.append(score_rate(FIRST_WINS, place, [row.first == "1" for row in flips]))
    pairs = [(str(row.first), str(row.second)) for row in known]
    return [*scores, *score_kappa(ORDER_KAPPA, place, pairs, unscored)]


def score_kappa(
    measure: Measure, place: Place, pairs: Sequence[tuple[str, str]], unscored: int
) -> list[Score]:
    """Cohen's kappa of pairs of labels; nothing where one label was given to all."""
    if len({label for pair in pairs for label in pair}) < 2:
        return []
    found = estimate_kappa([first for first, _ in pairs], [second for _, second in pairs])
    method = "Wilson interval by effective rows"
    return [score_estimate(measure, place, found, unscored, method)]


def _tabulate(pairs: Sequence[tuple[str, str]], classes: Sequence[str]) -> Floats:
    """One-hot (gold, verdict) of each row, (N, C * C)."""
    codes = {label: code for code, label in enumerate(classes)}
    strange = sorted({label for pair in pairs for label in pair} - set(codes))
    if strange:
        raise EvaluationError("labels", ", ".join(strange[:5]), "one of " + ", ".join(classes))
    rows = np.zeros((len(pairs), len(classes) ** 2))
    for row, (gold, verdict) in enumerate(pairs):
        rows[row, codes[gold] * len(classes) + codes[verdict]] = 1
    return rows


def _divide(above: Floats, below: Floats) -> Floats:
    return np.asarray(np.divide(above, below, out=np.zeros_like(above), where=below > 0))
