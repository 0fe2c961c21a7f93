"""Answers against a gold: a label chosen or written, a number written; pure.

An answer that names no label or no number is wrong, as the publishers count it, and says so in
`found`. Without an answer there is no grade: it is unscored. Where an engine chose among labels,
its text is the likeliest one.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from alignray.config.benchmark_spec import BenchmarkSpec
from alignray.errors import EvaluationError
from alignray.evaluation.benchmarks.form import read_gold
from alignray.evaluation.scoring.gsm8k import extract_number, normalize_number, parse_gold

_OPENS = r"(?:[\s\"'(\[*$_{`]|\\boxed|\\text(?:bf)?|\\mathbf|\\\()*"
_CLOSES = re.compile(r"(?:[\"'’)\]*$_}`]|\\\))*")
_SAYS = (
    r"\b(?:answer|(?:correct|right|best)\s+(?:choice|option))(?:\s+is)?[\s*]*[:=]?[\s*]*"
    r"(?:(?:the\s+)?(?:choice|option|letter)\b)?",
    r"\b(?:choice|option)(?:\s+is)?\s*[:=]?",
)
"""What stands before a label that is given as the answer; then what may be a choice's name too."""
_ENDS = re.compile(
    r"\s*(?:$|\n|[.,;:!?](?!\w)|\(|[-\N{EN DASH}\N{EM DASH}](?!\w))"
    r"|\s+(?i:because|since|is\s+(?:the\s+)?(?:correct|right|best|answer|true))\b"
)
_OR = r"\s*(?:,?\s*(?i:or)\b|(?:,?\s*(?i:and)\b|[,/&])"
_NUMBER = re.compile(r"-?\$?(?:[0-9][0-9,]*(?:\.[0-9]+)?|(?<![.0-9])\.[0-9]+)")
_MINUS = "\N{MINUS SIGN}"


@dataclass(frozen=True)
class Graded:
    """Whether an answer is right, and what was read out of it.

    Example: `Graded(correct=True, found="B")`; `Graded(False, None)` where nothing could be read.
    """

    correct: bool
    found: str | None


def grade_answer(spec: BenchmarkSpec, original: str, text: str | None) -> Graded | None:
    """Grades an answer to a row of a `choice` or `number` benchmark; None without an answer.

    Args:
        spec: the benchmark.
        original: the row that the prompt was made from, as JSON.
        text: the answer.

    Raises:
        EvaluationError: the benchmark has no gold, or the row has none that can be read.
    """
    if spec.gold is None or spec.kind not in ("choice", "number"):
        raise EvaluationError(f"benchmark {spec.name}", f"kind {spec.kind}", "choice or number")
    gold = read_gold(spec.gold, json.loads(original), f"benchmark {spec.name}")
    if text is None:
        return None
    if spec.kind == "choice":
        found = find_label(text, spec.gold.labels)
        return Graded(found == gold, found)
    return grade_number(gold, text, spec.name)


def grade_number(gold: str, text: str, name: str = "number") -> Graded:
    """By the number behind `####`, else by the last number of the answer.

    Raises:
        EvaluationError: the gold holds no number.
    """
    right = parse_gold(gold.replace(_MINUS, "-"))
    if right is None:
        raise EvaluationError(f"benchmark {name}", "a gold without a number", "#### NUMBER")
    found = find_number(text)
    return Graded(found is not None and _is_equal(found, right), found)


def find_number(text: str) -> str | None:
    """The number behind the first `####`, else the last one of a text; None where it has none.

    Example: `#### 18 of 20`, `it is 18, i.e., so` and `$18...` are `18`.
    """
    plain = text.replace(_MINUS, "-")
    marked = _NUMBER.search(extract_number(plain, "strict-match") or "")
    numbers = [marked] if marked else list(_NUMBER.finditer(plain))
    return normalize_number(numbers[-1][0]) if numbers else None


def find_label(text: str, labels: Sequence[str]) -> str | None:
    """The label that an answer gives: behind `answer is`, at its start, or behind `option`.

    The last one said counts. Two of them joined by `or` are no answer, nor is a letter that is the
    first word of a sentence.

    Example: `B`, `(B) because`, `The answer is $B$. Option A is wrong.` are `B`; `A cat`, `B or C`,
    `The answer is A or B` are None.
    """
    letters = "|".join(re.escape(label) for label in labels)
    answer, option = (
        re.compile(rf"(?i:{says}){_OPENS}({letters})(?![A-Za-z0-9]|['’][A-Za-z])") for says in _SAYS
    )
    start = re.compile(rf"{_OPENS}({letters})(?![A-Za-z0-9]|['’][A-Za-z])")
    first = start.match(text)
    for said in (list(answer.finditer(text)), [first] if first else []):
        read = [(_read_end(text[match.end() :], letters), match[1]) for match in said]
        verdicts = [(end, label) for end, label in read if end != "word"]
        if verdicts:
            end, label = verdicts[-1]
            return label if end == "verdict" else None
    named = {m[1] for m in option.finditer(text) if _read_end(text[m.end() :], letters) != "word"}
    return named.pop() if len(named) == 1 else None


def _read_end(rest: str, letters: str) -> Literal["verdict", "several", "word"]:
    """What follows a label: the end of what is said, another label, or a word of a sentence."""
    closed = _CLOSES.match(rest)
    assert closed is not None  # it may be empty
    rest = rest[closed.end() :]
    if re.match(rf"{_OR}{_OPENS}(?:{letters})(?![A-Za-z0-9'’]|\s+(?!or\b|and\b)\w))", rest):
        return "several"
    is_bracketed = any(mark in closed[0] for mark in ")]}")
    return "verdict" if is_bracketed or _ENDS.match(rest) else "word"


def _is_equal(found: str, right: str) -> bool:
    try:
        return float(found) == float(right)
    except ValueError:
        return found == right
