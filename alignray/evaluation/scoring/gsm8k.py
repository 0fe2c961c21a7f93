r"""GSM8K (Cobbe et al., arXiv 2110.14168): whether a reply's number is the answer's. Pure.

The gold answer is what follows `####` (the released solutions: `A:`) on its last line. Two rules
find a reply's number, as lm-evaluation-harness names and has them (`tasks/gsm8k/gsm8k.yaml`):

    strict-match       the first `#### (-?[0-9.,]+)`
    flexible-extract   the last of `(-?[$0-9.,]{2,})|(-?[0-9]+)`

then commas, `$` and one final full stop are dropped on both sides and the texts compared: `18.0` is
not `18`. A reply without a number is wrong, as there; a missing reply is unscored.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from alignray.evaluation.scoring.score import Measure, Place, Score, score_rate

Rule = Literal["strict-match", "flexible-extract"]
RULES: tuple[Rule, ...] = ("strict-match", "flexible-extract")

_GOLD = re.compile(r"(?:^|\n)[ \t]*(?:####|A:)[ \t]*\$?(-?[0-9][0-9,]*(?:\.[0-9]+)?)\.?\s*\Z")
_PLAIN = re.compile(r"\s*\$?(-?[0-9][0-9,]*(?:\.[0-9]+)?)\.?\s*")
_STRICT = re.compile(r"#### (-?[0-9.,]+)")
_FLEXIBLE = re.compile(r"-?[$0-9.,]{2,}|-?[0-9]+")
_NOT_MEASURED = (
    "Whether the reasoning is right, or the number came by chance; the problems are public, so a"
    " model may have been trained on them."
)
STRICT_MATCH = Measure(
    "gsm8k_strict_match",
    "Right number after #### in the reply",
    "higher",
    0,
    1,
    _NOT_MEASURED + " Replies in another form count as wrong.",
)
FLEXIBLE_EXTRACT = Measure(
    "gsm8k_flexible_extract",
    "Right last number of the reply",
    "higher",
    0,
    1,
    _NOT_MEASURED + " A right answer with a later number in the reply counts as wrong.",
)
_MEASURES = {"strict-match": STRICT_MATCH, "flexible-extract": FLEXIBLE_EXTRACT}


@dataclass(frozen=True)
class Solved:
    r"""A gold number and a reply; None where there is no reply.

    Example: `Solved("18", "She makes 9 * 2 = $18.\n#### 18")`.
    """

    gold: str
    reply: str | None


def parse_gold(text: str) -> str | None:
    """The number of a gold answer without commas; None where it has none.

    Example: `parse_gold("... #### 1,000")` on a line of its own is `1000`, `parse_gold("18")` 18.
    """
    match = _GOLD.search(text) or _PLAIN.fullmatch(text)
    return normalize_number(match[1]) if match else None


def extract_number(text: str, rule: Rule) -> str | None:
    """The number that a rule finds in a reply, normalized; None where it finds none."""
    if rule == "strict-match":
        match = _STRICT.search(text)
        return normalize_number(match[1]) if match else None
    last = None
    for found in _FLEXIBLE.finditer(text):
        last = found[0]
    return None if last is None else normalize_number(last)


def normalize_number(text: str) -> str:
    """Without commas, dollar signs, and one full stop at the end."""
    plain = text.strip().replace(",", "").replace("$", "").lower()
    return plain[:-1] if plain.endswith(".") else plain


def score_matches(place: Place, answers: Sequence[Solved], rule: Rule) -> Score:
    """Share of replies whose number is the gold one.

    Raises:
        EvaluationError: there is no reply.
    """
    found = [None if a.reply is None else extract_number(a.reply, rule) for a in answers]
    outcomes = [
        None if answer.reply is None else number == answer.gold
        for answer, number in zip(answers, found, strict=True)
    ]
    score = score_rate(_MEASURES[rule], place, outcomes)
    mute = sum(
        answer.reply is not None and number is None
        for answer, number in zip(answers, found, strict=True)
    )
    return replace(score, extra=score.extra | {"filter": rule, "without_number": mute})
