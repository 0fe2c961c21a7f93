"""What a metric says: a value with its interval, how many rows stand behind it, and its limits.

A `Measure` is what is measured (one per metric, a constant of its family's file), a `Score` one
number of it. Every score leaves as an entry of report.json, whatever computed it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Literal

from alignray.evaluation.rates import MeanSums, compute_mean, compute_rate, name_mean_interval
from alignray.ranking.agreement import Estimate

_DIGITS = 10
"""Of the values in an entry: enough to compare with a publisher's to 1e-6."""


@dataclass(frozen=True)
class Measure:
    """What is measured: direction, range, and what it does not say.

    Example: `Measure("win_rate", "Win rate against the reference", "higher", 0, 100, "...")`.
    """

    name: str
    title: str
    direction: Literal["lower", "higher"]
    low: float
    """Lowest value possible; -inf where there is none."""
    high: float
    """Highest value possible; inf where there is none."""
    not_measured: str


@dataclass(frozen=True)
class Score:
    """One number of a measure.

    Example: `Score(HPR, "1_base_helpful", "helpful", value=22.0, ci_low=12.8, ci_high=35.2, k=11,
    n=50, unscored=0, method="Wilson interval")`.
    """

    measure: Measure
    model: str
    benchmark: str
    value: float
    ci_low: float | None
    ci_high: float | None
    k: int | None
    """Yes-answers of a rate; None for means and coefficients."""
    n: int
    """Rows behind the value."""
    unscored: int
    """Rows that have no verdict; they are in no denominator."""
    method: str
    """Where the interval comes from."""
    extra: dict[str, Any] = field(default_factory=dict)
    """What only some scores have: bounds, category, counts."""

    def to_entry(self) -> dict[str, Any]:
        """The entry of report.json."""
        return {
            "model": self.model,
            "benchmark": self.benchmark,
            "metric": self.measure.name,
            "direction": self.measure.direction,
            "value": _round(self.value),
            "ci_low": _round(self.ci_low),
            "ci_high": _round(self.ci_high),
            "k": self.k,
            "n": self.n,
            "unscored": self.unscored,
            "method": self.method,
            "not_measured": self.measure.not_measured,
            **{name: _round(value) for name, value in self.extra.items()},
        }


@dataclass(frozen=True)
class Place:
    """Of which model on which set of prompts a score is.

    Example: `Place("alpaca-7b", "alpaca_eval")`.
    """

    model: str
    benchmark: str


@dataclass(frozen=True)
class ScoreReport:
    """What `alignray score` says of its files: numbers, then tables and curves, then notes."""

    scores: list[Score]
    details: dict[str, Any] = field(default_factory=dict)
    """JSON-ready: sweeps, curves, tables by category, ids of unscored rows."""
    notes: list[str] = field(default_factory=list)
    """What a reader must know: rows left out and why, other numbers that are said to be equal."""


def score_rate(
    measure: Measure, place: Place, outcomes: Iterable[bool | None], scale: float = 1.0
) -> Score:
    """A share of yes-answers with its Wilson interval, times `scale` (100 for percent).

    Args:
        measure: what is measured.
        place: model and benchmark.
        outcomes: yes, no, or None for a row without a verdict.
        scale: what the share is multiplied by.

    Raises:
        EvaluationError: no row has a verdict.
    """
    seen = list(outcomes)
    known = [outcome for outcome in seen if outcome is not None]
    where = f"{measure.name} of {place.model} on {place.benchmark}"
    rate = compute_rate(sum(known), len(known), len(seen) - len(known), where)
    return Score(
        measure,
        place.model,
        place.benchmark,
        scale * rate.value,
        scale * rate.ci_low,
        scale * rate.ci_high,
        rate.k,
        rate.n,
        rate.unscored,
        "Wilson interval",
        {"low_bound": scale * rate.low_bound, "high_bound": scale * rate.high_bound},
    )


def score_mean(measure: Measure, place: Place, values: Iterable[float | None]) -> Score:
    """A mean with its interval: Wilson's by effective rows, or Student's t without a range.

    Raises:
        EvaluationError: no row has a value.
    """
    sums = MeanSums()
    for value in values:
        sums.add(value)
    where = f"{measure.name} of {place.model} on {place.benchmark}"
    mean = compute_mean(sums, measure.low, measure.high, where)
    finite = abs(measure.low) != float("inf") and abs(measure.high) != float("inf")
    bounds = {"low_bound": mean.low_bound, "high_bound": mean.high_bound} if finite else {}
    if sums.n > 1:
        bounds["standard_error"] = (sums.squares / (sums.n - 1) / sums.n) ** 0.5
    return Score(
        measure,
        place.model,
        place.benchmark,
        mean.value,
        mean.ci_low if sums.n > 1 else None,
        mean.ci_high if sums.n > 1 else None,
        None,
        mean.n,
        mean.unscored,
        name_mean_interval(measure.low, measure.high),
        bounds,
    )


def score_estimate(
    measure: Measure, place: Place, found: Estimate, unscored: int, method: str
) -> Score:
    """A coefficient that was estimated with its interval.

    Args:
        measure: what is measured.
        place: model (or judge) and benchmark.
        found: the value, its interval, and the rows behind it.
        unscored: rows without a value.
        method: where the interval comes from.
    """
    return Score(
        measure,
        place.model,
        place.benchmark,
        found.value,
        found.ci_low,
        found.ci_high,
        None,
        found.n,
        unscored,
        method,
    )


def _round(value: Any) -> Any:
    return round(value, _DIGITS) if isinstance(value, float) else value
