"""Perplexity of documents: exp(total negative log-likelihood / total tokens). Pure.

Never a mean of means: a mean over documents of per-token means gives a token of a short document
more weight than one of a long document. The interval is the delta method's for a ratio of sums,
with documents as units (Cochran, Sampling Techniques, 3rd ed., eq. 6.13), taken on the logarithm:

    r = sum(nll) / sum(tokens)
    var(r) = n / (n - 1) * sum((nll_i - r * tokens_i)^2) / sum(tokens)^2
    exp(r -+ t sqrt(var(r))), t Student's with n - 1 degrees of freedom

From 50 documents on it holds at 94 %; below that less (92 % of 20, 90 % of 5: the method says so).

Natural logarithms throughout.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from alignray.errors import EvaluationError
from alignray.evaluation.scoring.score import Measure, Place, Score
from alignray.ranking.intervals import compute_t_quantile

PERPLEXITY = Measure(
    "perplexity",
    "Perplexity per token",
    "lower",
    1,
    float("inf"),
    "Whether texts are good, true or safe: how likely the model finds these ones. Numbers of models"
    " with different tokenizers cannot be compared.",
)

_MAX_EXPONENT = 700
"""exp of more is no float."""
_ENOUGH = 50
"""Documents from which on the interval holds; fewer are named in the method."""


@dataclass(frozen=True)
class Document:
    """Negative log-likelihood (nats, summed) and number of tokens of one document.

    Example: `Document(nll=12.5, tokens=5)`.
    """

    nll: float
    tokens: int


def score_perplexity(place: Place, documents: Sequence[Document | None]) -> Score:
    """The perplexity over all tokens.

    Args:
        place: model and benchmark.
        documents: None for a document without a usable likelihood.

    Raises:
        EvaluationError: no document has tokens; the perplexity is beyond any number.
    """
    known = [doc for doc in documents if doc is not None and doc.tokens > 0]
    unscored = len(documents) - len(known)
    where = f"perplexity of {place.model} on {place.benchmark}"
    if not known:
        raise EvaluationError(where, f"no scored documents ({unscored} unscored)", "at least one")
    tokens = sum(doc.tokens for doc in known)
    rate = math.fsum(doc.nll for doc in known) / tokens
    half = _compute_half_width(known, rate, tokens)
    value = _exponentiate(where, rate)
    low, high = (None, None) if half is None else _compute_ends(rate, half)
    return Score(
        PERPLEXITY,
        place.model,
        place.benchmark,
        value,
        low,
        high,
        None,
        len(known),
        unscored,
        _name_method(len(known)),
        {"tokens": tokens, "nll_per_token": rate, "bits_per_token": rate / math.log(2)},
    )


def _name_method(n: int) -> str:
    if n < 2:
        return "no interval of one document"
    method = "delta method over documents, Student's t"
    return method if n >= _ENOUGH else f"{method}; short of 95 % below {_ENOUGH} documents"


def _compute_half_width(known: Sequence[Document], rate: float, tokens: int) -> float | None:
    n = len(known)
    if n < 2:
        return None
    squares = math.fsum((doc.nll - rate * doc.tokens) ** 2 for doc in known)
    return compute_t_quantile(n - 1) * math.sqrt(n / (n - 1) * squares) / tokens


def _compute_ends(rate: float, half: float) -> tuple[float, float | None]:
    """The interval, within the range; without an upper end where that is beyond any number."""
    high = math.exp(rate + half) if rate + half < _MAX_EXPONENT else None
    return max(1.0, math.exp(rate - half)), high


def _exponentiate(where: str, value: float) -> float:
    if value >= _MAX_EXPONENT:
        found = f"{value:.4g} nats per token: its perplexity is beyond any number"
        raise EvaluationError(where, found, "natural logarithms per token")
    return math.exp(value)
