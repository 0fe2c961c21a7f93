"""MMLU (Hendrycks et al., arXiv 2009.03300): accuracy by subject, sub-category and category. Pure.

    accuracy = right / scored questions, over all questions of a group (micro-average)

The average over all questions is the `weighted` one of the reference; the mean over subjects is
another number. A prediction that is no letter is unscored and counted; `low_bound` is the accuracy
with those as wrong. The prompt is the 5-shot one of the reference: header, shots, question, each
part as it has it, with fewer shots where that is too long.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from alignray.errors import EvaluationError
from alignray.evaluation.scoring.mmlu_categories import CATEGORIES, SUBCATEGORIES, find_category
from alignray.evaluation.scoring.score import Measure, Place, Score, score_rate

LETTERS = ("A", "B", "C", "D")
MAX_PROMPT_TOKENS = 2048
"""Longest prompt of the reference, in tokens."""

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


def build_prompt(
    subject: str,
    shots: Sequence[Question],
    question: Question,
    count_tokens: Callable[[str], int] | None = None,
    max_tokens: int = MAX_PROMPT_TOKENS,
) -> str:
    """The few-shot prompt; the last shots are dropped until it is short enough.

    Args:
        subject: name of the subject, with underscores.
        shots: questions of its development set, answered.
        question: the one to answer.
        count_tokens: tokens of a text; None: no limit.
        max_tokens: most tokens of a prompt.

    Returns:
        Text that ends with `Answer:`; without any shot it may still be longer than `max_tokens`.
    """
    for size in range(len(shots), -1, -1):
        parts = [format_question(shot) + f" {LETTERS[shot.answer]}\n\n" for shot in shots[:size]]
        prompt = build_header(subject) + "".join(parts) + format_question(question)
        if count_tokens is None or size == 0 or count_tokens(prompt) <= max_tokens:
            return prompt
    raise AssertionError("a prompt without shots is always returned")


def build_header(subject: str) -> str:
    """The first line and an empty one; two spaces before the subject, as the reference has it."""
    words = "".join(f" {word}" for word in subject.split("_"))
    return f"The following are multiple choice questions (with answers) about {words}.\n\n"


def format_question(question: Question) -> str:
    """Question, lettered choices, `Answer:`."""
    choices = [
        f"\n{letter}. {text}" for letter, text in zip(LETTERS, question.choices, strict=True)
    ]
    return question.text + "".join(choices) + "\nAnswer:"


def find_label_tokens(encode: Callable[[str], Sequence[int]]) -> tuple[int, ...]:
    """The token of each letter: the first id of the letter alone.

    Args:
        encode: token ids of a text, without special tokens.

    Raises:
        EvaluationError: a letter without a token, or two with the same first one.
    """
    ids = tuple(tuple(encode(letter))[:1] for letter in LETTERS)
    if () in ids or len(set(ids)) < len(LETTERS):
        raise EvaluationError("mmlu", f"first tokens of A to D are {ids}", "four different ones")
    return tuple(token for (token,) in ids)


def choose_letter(logits: Mapping[str, float]) -> int | None:
    """Position of the letter with the highest logit, the first of equals; None without numbers."""
    values = [logits.get(letter, math.nan) for letter in LETTERS]
    if any(math.isnan(value) for value in values):
        return None
    return values.index(max(values))


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
