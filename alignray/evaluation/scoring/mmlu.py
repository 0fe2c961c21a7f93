"""MMLU (Hendrycks et al., arXiv 2009.03300): accuracy by subject, sub-category and category. Pure.

    accuracy = right / scored questions, over all questions of a group (micro-average)

The average over all questions is the `weighted` one of the reference; the mean over subjects is
another number. A prediction that is no letter is unscored and counted; `low_bound` is the accuracy
with those as wrong.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from alignray.evaluation.scoring.mmlu_categories import CATEGORIES, SUBCATEGORIES, find_category
from alignray.evaluation.scoring.score import Measure, Place, Score, score_rate

LETTERS = ("A", "B", "C", "D")

ACCURACY = Measure(
    "mmlu_accuracy",
    "Right answers to multiple-choice questions",
    "higher",
    0,
    1,
    "Reasoning in words, or knowledge beyond the set: 25 % are right by chance, some keys are"
    " wrong, and the questions are public, so a model may have been trained on them.",
)


@dataclass(frozen=True)
class Question:
    """One question.

    Example: `Question("The degree of Q(i) over Q?", ("1", "2", "3", "4"), answer=1)`.
    """

    text: str
    choices: tuple[str, ...]
    answer: int
    """Position of the right choice, from 0."""


@dataclass(frozen=True)
class Answered:
    """Whether a prediction was right; None where it could not be read.

    Example: `Answered("anatomy", True)`.
    """

    subject: str
    right: bool | None


def score_accuracies(place: Place, answers: Sequence[Answered]) -> list[Score]:
    """Accuracy of all, then of each category, sub-category and subject that has a readable answer.

    Raises:
        EvaluationError: no prediction could be read.
    """
    scores = [_score_group(place, "all", "all", answers)]
    for level, groups in _group(answers).items():
        for name in sorted(groups):
            if any(answer.right is not None for answer in groups[name]):
                scores.append(_score_group(place, level, name, groups[name]))
    return scores


def list_unknown_subjects(subjects: Iterable[str]) -> list[str]:
    """Subjects that MMLU does not have, in alphabetic order."""
    return sorted({subject for subject in subjects if subject not in SUBCATEGORIES})


def list_missing_subjects(subjects: Iterable[str]) -> list[str]:
    """Subjects of MMLU that are not there."""
    return sorted(set(SUBCATEGORIES) - set(subjects))


def _group(answers: Sequence[Answered]) -> dict[str, dict[str, list[Answered]]]:
    groups: dict[str, dict[str, list[Answered]]] = {
        "category": {name: [] for name in CATEGORIES},
        "subcategory": {},
        "subject": {},
    }
    for answer in answers:
        groups["subject"].setdefault(answer.subject, []).append(answer)
        subcategory = SUBCATEGORIES.get(answer.subject)
        if subcategory is not None:
            groups["subcategory"].setdefault(subcategory, []).append(answer)
            groups["category"][find_category(subcategory)].append(answer)
    return groups


def _score_group(place: Place, level: str, name: str, answers: Sequence[Answered]) -> Score:
    where = place if level == "all" else Place(place.model, f"{place.benchmark}/{level}/{name}")
    score = score_rate(ACCURACY, where, [answer.right for answer in answers])
    extra = {"level": level, "group": name, "value_unscored_as_wrong": score.extra["low_bound"]}
    return replace(score, extra=score.extra | extra)
