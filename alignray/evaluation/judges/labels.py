"""One-token verdicts of further judges: how a label is asked for and how it is read; pure.

A judge can answer with one of a few labels and nothing else: the choice is a constraint, or its
first token is restricted to the labels and their log-probabilities are read (the token written is
then of no interest). What is not a label is no verdict, whatever it says.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from alignray.config.inference import SamplingParams
from alignray.inference.engine import Constraint, Output, Request, Result
from alignray.ranking.verdicts import (
    MAX_LABEL_MASS,
    MIN_LABEL_MASS,
    WHITE_SPACE,
    UnscoredReason,
    explain_unreadable,
)

_ONE_TOKEN = SamplingParams(n=1, temperature=0, max_tokens=1)
_ROUNDING = 1e-3
"""Nats by which a log-probability may exceed 0."""


@dataclass(frozen=True)
class LabelVerdict:
    """How a judge's probability is divided among its labels, or the reason why it is not.

    Example: `LabelVerdict({"A": 0.8, "B": 0.2})`, `LabelVerdict(reason="unreadable")`.
    """

    shares: Mapping[str, float] = field(default_factory=dict)
    """Probability of each label, all together 1; empty with a reason."""
    reason: str | None = None

    def __post_init__(self) -> None:
        if bool(self.shares) == (self.reason is not None):
            raise ValueError("a verdict has either shares or a reason")


def build_label_request(
    request_id: str,
    content: str,
    labels: tuple[str, ...],
    verdict: Literal["logprobs", "choice"],
    seed: int,
) -> Request:
    """The request for one label: one token, drawn at temperature 0."""
    by_logprobs = verdict == "logprobs"
    return Request(
        request_id=request_id,
        messages=[{"role": "user", "content": content}],
        sampling=_ONE_TOKEN,
        seed=seed,
        constraint=None if by_logprobs else Constraint(choice=labels),
        label_tokens=labels if by_logprobs else (),
    )


def read_shares(result: Result, labels: Sequence[str]) -> LabelVerdict:
    """The labels' probabilities in a judge's result.

    A label without a log-probability has probability 0. Unscored: a request that the judge could
    not take (with its reason), no log-probabilities, ones that cannot be, labels that have less
    than `MIN_LABEL_MASS` together.
    """
    if result.rejected:
        return LabelVerdict(reason=result.rejected)
    output = result.outputs[0]
    logps = output.label_logps
    if not logps:
        return LabelVerdict(reason=explain_unreadable(output.text, "stop").value)
    wrong = any(math.isnan(logp) or logp > _ROUNDING for logp in logps.values())
    if (
        wrong
        or set(logps) - set(labels)
        or not MIN_LABEL_MASS <= compute_mass(logps) <= MAX_LABEL_MASS
    ):
        return LabelVerdict(reason=UnscoredReason.UNREADABLE.value)
    return LabelVerdict(normalize_shares(logps, labels))


def read_choice(result: Result, labels: Sequence[str]) -> LabelVerdict:
    """The label that was written: it alone, white space around it allowed."""
    if result.rejected:
        return LabelVerdict(reason=result.rejected)
    output: Output = result.outputs[0]
    text = output.text.strip(WHITE_SPACE)
    if text not in labels:
        return LabelVerdict(reason=explain_unreadable(output.text, output.finish_reason).value)
    return LabelVerdict({label: float(label == text) for label in labels})


def compute_mass(logps: Mapping[str, float]) -> float:
    """Probability that the labels have together, from their log-probabilities (nats)."""
    return math.fsum(math.exp(logp) for logp in logps.values())


def normalize_shares(logps: Mapping[str, float], labels: Sequence[str]) -> dict[str, float]:
    """Log-probabilities (nats) -> probabilities among the labels, which sum to 1."""
    mass = compute_mass(logps)
    return {label: math.exp(logps.get(label, -math.inf)) / mass for label in labels}


def count_tokens(results: Sequence[Result]) -> dict[str, int]:
    """The token columns of a judge's row."""
    return {
        "prompt_tokens": sum(result.prompt_tokens for result in results),
        "completion_tokens": sum(
            output.num_tokens for result in results for output in result.outputs
        ),
    }


def hash_form(message: str) -> str:
    """Hash of a judge message made of placeholders: its form, which is part of row keys."""
    return hashlib.sha256(message.encode()).hexdigest()[:16]
