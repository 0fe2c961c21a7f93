"""What a judge said, as a type: scored, tie, or unscored with its reason. Pure.

A reply that cannot be read never becomes a number. Reading is strict: a grade is one digit from 1
to 5, an order is a permutation of 1..N; nothing is searched for inside a longer text, where "I
would not give this a 5" holds a 5 too.

Where the judge gives log-probabilities, a grade is the mean of the grades 1 to 5 under them (Liu
et al., G-Eval, arXiv 2303.16634, eq. 1): fewer ties and less noise than the digit written.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from alignray.inference.engine import Output, Result
from alignray.ranking.refusal import is_refusal

GRADES = ("1", "2", "3", "4", "5")
"""The labels of a grade, each a single token with almost any tokenizer."""
MIN_LABEL_MASS = 0.1
"""Probability that the five labels must have together: a judge that would rather say something
else has given no grade, however its few crumbs of probability lie."""

MAX_LABEL_MASS = 1.01
"""Beyond rounding, probabilities that sum to more than 1 are none."""
WHITE_SPACE = " \t\r\n"
"""What may stand around a verdict; other invisible characters may not."""

_GRADE_PATTERN = re.compile(r"[1-5]")
_ORDER_SEPARATOR = re.compile(r"[ \t\r\n]*[>,][ \t\r\n]*|[ \t\r\n]+")
_NUMBER = re.compile(r"[1-9][0-9]{0,3}", re.ASCII)


class VerdictKind(StrEnum):
    """The three outcomes of a judgement of one response."""

    SCORED = "scored"
    TIE = "tie"
    UNSCORED = "unscored"


class UnscoredReason(StrEnum):
    """Why a response has no grade."""

    UNREADABLE = "unreadable"
    REFUSED = "refused"
    TRUNCATED = "truncated"
    ERROR = "error"


@dataclass(frozen=True)
class Verdict:
    """One grade, or the reason why there is none.

    Example: `Verdict(4.3)`, `Verdict(None, UnscoredReason.REFUSED)`.
    """

    value: float | None
    reason: UnscoredReason | None = None

    def __post_init__(self) -> None:
        if (self.value is None) == (self.reason is None):
            raise ValueError("a verdict has either a value or a reason")


@dataclass(frozen=True)
class OrderVerdict:
    """An order of responses, best first, or the reason why there is none.

    Example: `OrderVerdict((3, 1, 2))`: the response shown third is the best.
    """

    order: tuple[int, ...] | None
    """Numbers from 1 as shown to the judge."""
    reason: UnscoredReason | None = None


def read_result(result: Result, verdict: Literal["logprobs", "choice"]) -> Verdict:
    """The grade in a judge's result; an error where the judge could not take the request."""
    if result.rejected:
        return Verdict(None, UnscoredReason.ERROR)
    return read_grade(result.outputs[0], verdict)


def read_grade(output: Output, verdict: Literal["logprobs", "choice"]) -> Verdict:
    """The grade in a judge's output, by its log-probabilities or by what it wrote."""
    if verdict == "choice":
        return parse_grade(output.text, output.finish_reason)
    if not output.label_logps:
        return Verdict(None, explain_unreadable(output.text, "stop"))
    return compute_expected_grade(output.label_logps)


def compute_expected_grade(label_logps: Mapping[str, float]) -> Verdict:
    """Sum of p_k * k over the grades, with p renormalised over the five.

    Args:
        label_logps: log-probability (nats) of each grade as the first token; a grade that is
            missing has probability 0.
    """
    if set(label_logps) - set(GRADES):
        return Verdict(None, UnscoredReason.UNREADABLE)
    if any(math.isnan(logp) or logp > 1e-3 for logp in label_logps.values()):
        return Verdict(None, UnscoredReason.UNREADABLE)
    mass = {label: math.exp(logp) for label, logp in label_logps.items()}
    total = math.fsum(mass.values())
    if not MIN_LABEL_MASS <= total <= MAX_LABEL_MASS:
        return Verdict(None, UnscoredReason.UNREADABLE)
    return Verdict(math.fsum(int(label) * p for label, p in mass.items()) / total)


def parse_grade(text: str, finish_reason: Literal["stop", "length"] = "stop") -> Verdict:
    """The grade that was written: exactly one digit from 1 to 5, white space around it allowed."""
    if _GRADE_PATTERN.fullmatch(text.strip(WHITE_SPACE)):
        return Verdict(float(text.strip(WHITE_SPACE)))
    return Verdict(None, explain_unreadable(text, finish_reason))


def parse_order(
    text: str, num_responses: int, finish_reason: Literal["stop", "length"] = "stop"
) -> OrderVerdict:
    """The order that was written, e.g. `3 1 2`, `3, 1, 2` or `3 > 1 > 2`; nothing else around it.

    Anything but a permutation of 1..num_responses is unreadable: a missing, repeated or unknown
    number is not mended.
    """
    words = _ORDER_SEPARATOR.split(text.strip(WHITE_SPACE))
    if all(_NUMBER.fullmatch(word) for word in words):
        order = tuple(int(word) for word in words)
        if sorted(order) == list(range(1, num_responses + 1)):
            return OrderVerdict(order)
    return OrderVerdict(None, explain_unreadable(text, finish_reason))


def explain_unreadable(text: str, finish_reason: Literal["stop", "length"]) -> UnscoredReason:
    """Why a text that holds no verdict holds none: refused, truncated, else unreadable."""
    if is_refusal(text):
        return UnscoredReason.REFUSED
    if finish_reason == "length":
        return UnscoredReason.TRUNCATED
    return UnscoredReason.UNREADABLE
