"""What the publishers of PandaLM and LLMBar compute of a judge, to compare with theirs. Pure.

PandaLM (`data/compute_metrics.py`): gold is the label most of the annotators gave, the first
annotator's where all differ; a reply that was not read is a tie. LLMBar
(`LLMEvaluator/evaluate.py`): of the winners, how many equal the label in each order
(`correct_False` as given, `correct_True` swapped), in both, and how many are equal in both orders;
a reply that was not read is wrong, and two such are equal. Its kappa maps label 2 to 0 on one side
only and is not reproduced.

Ours beside them leave what was not read out of the denominator.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from alignray.evaluation.scoring.judge_quality import (
    ORDER_KAPPA,
    BothOrders,
    compute_macro,
    score_kappa,
    take_majority,
)
from alignray.evaluation.scoring.score import Measure, Place, Score, score_mean, score_rate

_GOLD = "Whether the gold labels are right; no instance is a tie."
CORRECT = {
    name: Measure(name, title, "higher", 0, 1, _GOLD)
    for name, title in (
        ("correct_False", "Right in the order given"),
        ("correct_True", "Right in the swapped order"),
        ("correct_both", "Right in both orders"),
        ("correct_average", "Right, mean of both orders"),
    )
}
EQUAL = Measure(
    "equal",
    "Same winner in both orders",
    "higher",
    0,
    1,
    "Whether the winner is right.",
)


@dataclass(frozen=True)
class LLMBarRow:
    """One instance: gold, verdicts as we read them, winners as the publisher wrote them.

    Example: `LLMBarRow("1", BothOrders("result[0]", "1", None), ("1", None), rated=False)`.
    """

    label: str
    verdicts: BothOrders
    published: tuple[str | None, str | None]
    rated: bool
    """Whether each response was rated alone: nothing was shown in two orders."""


def score_pandalm_rule(
    votes: Mapping[str, Sequence[str | None]],
    verdicts: Mapping[str, str | None],
    classes: Sequence[str],
) -> dict[str, float]:
    """Accuracy and macro precision, recall and F1 by the publisher's rule; all rows with a vote.

    The means are over the classes that occur in gold or verdicts.
    """
    counts = np.zeros((len(classes), len(classes)))
    for id_, labels in votes.items():
        known = [label for label in labels if label is not None]
        if known and id_ in verdicts:
            gold = take_majority(known) or Counter(known).most_common(1)[0][0]
            counts[classes.index(gold), classes.index(verdicts[id_] or "0")] += 1
    used = counts.sum(axis=0) + counts.sum(axis=1) > 0  # as scikit-learn has it
    precision, recall, f1 = (float(x) for x in compute_macro(counts[used][:, used].ravel()))
    accuracy = float(np.trace(counts) / counts.sum())
    return {"accuracy": accuracy, "precision": precision, "recall": recall, "f1": f1}


def score_llmbar(
    place: Place, rows: Sequence[LLMBarRow]
) -> tuple[list[Score], dict[str, str | int]]:
    """(scores, the publisher's statistics.json without its kappas).

    Raises:
        EvaluationError: no reply was read.
    """
    first = [_compare(row.verdicts.first, row.label) for row in rows]
    second = [_compare(row.verdicts.second, row.label) for row in rows]
    pairs = list(zip(first, second, strict=True))
    both = [None if None in pair else all(pair) for pair in pairs]
    average = [None if a is None or b is None else (a + b) / 2 for a, b in pairs]
    equal = [_compare(row.verdicts.first, row.verdicts.second) for row in rows]
    known = [(str(row.verdicts.first), str(row.verdicts.second)) for row in rows
             if row.verdicts.first is not None and row.verdicts.second is not None]  # fmt: skip
    scores = [
        score_rate(CORRECT["correct_False"], place, first),
        score_rate(CORRECT["correct_True"], place, second),
        score_rate(CORRECT["correct_both"], place, both),
        score_mean(CORRECT["correct_average"], place, average),
        score_rate(EQUAL, place, equal),
        *score_kappa(ORDER_KAPPA, place, known, len(rows) - len(known)),
    ]
    return scores, _count_as_published(rows)


def _count_as_published(rows: Sequence[LLMBarRow]) -> dict[str, str | int]:
    n = len(rows)
    right = [[winner == row.label for winner in row.published] for row in rows]
    counts = {
        "correct_False": sum(a for a, _ in right),
        "correct_True": sum(b for _, b in right),
        "correct_both": sum(a and b for a, b in right),
        "equal": sum(row.published[0] == row.published[1] for row in rows),
    }
    average = (counts["correct_False"] + counts["correct_True"]) / 2 / n * 100
    shown: dict[str, str | int] = {k: f"{c} / {n} = {c / n * 100}%" for k, c in counts.items()}
    return shown | {"correct_average": f"{average}%", "n": n}


def _compare(verdict: str | None, other: str | None) -> bool | None:
    return None if verdict is None or other is None else verdict == other
