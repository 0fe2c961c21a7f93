"""Answers against a gold: a label chosen or written, a number written; pure.

An answer that names no label or no number is wrong, as the publishers count it, and says so in
`found`. Without an answer there is no grade: it is unscored.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from alignray.config.benchmark_spec import BenchmarkSpec
from alignray.errors import EvaluationError
from alignray.evaluation.benchmarks.form import read_gold
from alignray.evaluation.scoring.gsm8k import extract_number, parse_gold

_SAYS = r"(?:answer|choice|option)(?:\s+is)?\s*[:=]?\s*"
_OPENS, _CLOSES = r"[\s\"'(\[*]*", r"(?![A-Za-z0-9'’])"


@dataclass(frozen=True)
class Graded:
    """Whether an answer is right, and what was read out of it.

    Example: `Graded(correct=True, found="B")`; `Graded(False, None)` where nothing could be read.
    """

    correct: bool
    found: str | None


def grade_answer(
    spec: BenchmarkSpec, original: str, text: str | None, label_logps: Mapping[str, float]
) -> Graded | None:
    """Grades an answer to a row of a `choice` or `number` benchmark; None without an answer.

    Args:
        spec: the benchmark.
        original: the row that the prompt was made from, as JSON.
        text: the answer.
        label_logps: log-probability of each label as the first token, where the engine gave it.

    Raises:
        EvaluationError: the benchmark has no gold, or the row has none that can be read.
    """
    if spec.gold is None or spec.kind not in ("choice", "number"):
        raise EvaluationError(f"benchmark {spec.name}", f"kind {spec.kind}", "choice or number")
    gold = read_gold(spec.gold, json.loads(original), f"benchmark {spec.name}")
    if spec.kind == "choice":
        return grade_choice(gold, text, label_logps, spec.gold.labels)
    return None if text is None else grade_number(gold, text, spec.name)


def grade_choice(
    gold: str, text: str | None, label_logps: Mapping[str, float], labels: Sequence[str]
) -> Graded | None:
    """By the likeliest label where all have a log-probability, else by the one that is written."""
    if text is None and not label_logps:
        return None
    found = choose_label(label_logps, labels)
    if found is None and text is not None:
        found = find_label(text, labels)
    return Graded(found == gold, found)


def grade_number(gold: str, text: str, name: str = "number") -> Graded:
    """By the number behind `####`, else by the last number of the answer.

    Raises:
        EvaluationError: the gold holds no number.
    """
    right = parse_gold(gold)
    if right is None:
        raise EvaluationError(f"benchmark {name}", "a gold without a number", "#### NUMBER")
    found = extract_number(text, "strict-match") or extract_number(text, "flexible-extract")
    return Graded(found is not None and _is_equal(found, right), found)


def choose_label(label_logps: Mapping[str, float], labels: Sequence[str]) -> str | None:
    """The likeliest label, the first of equals; None where one has no log-probability."""
    values = [label_logps.get(label, math.nan) for label in labels]
    if not values or any(math.isnan(value) for value in values):
        return None
    return labels[values.index(max(values))]


def find_label(text: str, labels: Sequence[str]) -> str | None:
    """The label that an answer gives: at its start, or the last one behind `answer is`, or None.

    Example: `B`, `(B) because`, `The answer is B.` are `B`; `A cat`, `B or C` are None.
    """
    letters = "|".join(re.escape(label) for label in labels)
    said = re.findall(rf"(?i:{_SAYS}){_OPENS}({letters}){_CLOSES}", text)
    if said:
        return str(said[-1])
    start = re.match(rf"{_OPENS}({letters})(?:[\s\"')\]*]*$|[)\].:,]|\s*\n)", text)
    return start[1] if start else None


def _is_equal(found: str, right: str) -> bool:
    try:
        return float(found) == float(right)
    except ValueError:
        return found == right
