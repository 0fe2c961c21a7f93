"""Counts -> the entries of report.json and metrics.json; pure."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from alignray.evaluation.metrics import METRICS, Metric, find_metric
from alignray.evaluation.rates import (
    Mean,
    Rate,
    compute_mean,
    compute_paired_difference,
    compute_rate,
    name_mean_interval,
)
from alignray.evaluation.scoring.mmlu import score_accuracies
from alignray.evaluation.scoring.score import Place
from alignray.evaluation.tally import EvalTally

_DIGITS = 6


def build_entries(tally: EvalTally) -> list[dict[str, Any]]:
    """The entries of report.json, in the order of models, benchmarks and metrics.

    Each has model, benchmark, metric, direction, value, ci_low, ci_high, k, n, unscored, and after
    these method, low_bound, high_bound, not_measured. `k` is None for means.

    Raises:
        EvaluationError: a metric has no scored row.
    """
    entries = []
    for model in tally.models:
        for benchmark, kind in tally.kinds.items():
            for metric in METRICS:
                if kind in metric.kinds and _is_defined(tally, (model, benchmark), metric):
                    entries.append(_build_entry(tally, (model, benchmark), metric))
    return entries


def _is_defined(tally: EvalTally, place: tuple[str, str], metric: Metric) -> bool:
    """A truth metric is there only where the truth of some row is known."""
    return not metric.needs_truth or tally.rates[*place, metric.name].n > 0


def _build_entry(tally: EvalTally, place: tuple[str, str], metric: Metric) -> dict[str, Any]:
    where = f"{metric.name} of {place[0]} on {place[1]}"
    result: Rate | Mean
    if metric.scale == "grade":
        sums = tally.means[*place, metric.name]
        result = compute_mean(sums, metric.low, metric.high, where)
        k, method = None, name_mean_interval(metric.low, metric.high)
    else:
        counts = tally.rates[*place, metric.name]
        result = compute_rate(counts.k, counts.n, counts.unscored, where)
        k, method = counts.k, "Wilson interval"
    return {
        "model": place[0],
        "benchmark": place[1],
        "metric": metric.name,
        "direction": metric.direction,
        "value": _round(result.value),
        "ci_low": _round(result.ci_low),
        "ci_high": _round(result.ci_high),
        "k": k,
        "n": result.n,
        "unscored": result.unscored,
        "method": method,
        "low_bound": _round(result.low_bound),
        "high_bound": _round(result.high_bound),
        "not_measured": metric.not_measured,
    }


def build_comparisons(tally: EvalTally) -> list[dict[str, Any]]:
    """Paired differences between all pairs of models; a difference is second minus first."""
    comparisons = []
    for (first, second, benchmark, name), pair in tally.pairs.items():
        counts = asdict(pair)
        if sum(counts.values()) == counts["unscored"]:
            continue
        difference = asdict(compute_paired_difference(**counts))
        comparisons.append(
            {
                "first": first,
                "second": second,
                "benchmark": benchmark,
                "metric": name,
                "direction": find_metric(name).direction,
                **{key: _round(value) for key, value in difference.items() if key != "p_value"},
                "p_value": difference["p_value"],
            }
        )
    return comparisons


def build_categories(tally: EvalTally) -> list[dict[str, Any]]:
    """harmful_rate by harm category; a category without a scored row has no value."""
    categories = []
    for (model, benchmark, category), counts in sorted(tally.categories.items()):
        entry: dict[str, Any] = {"model": model, "benchmark": benchmark, "category": category}
        if counts.n:
            rate = compute_rate(counts.k, counts.n, counts.unscored)
            entry |= {key: _round(value) for key, value in asdict(rate).items()}
        else:
            entry |= {"k": 0, "n": 0, "unscored": counts.unscored, "value": None}
        categories.append(entry)
    return categories


def build_accuracies(tally: EvalTally) -> list[dict[str, Any]]:
    """Accuracy of choice benchmarks by group: MMLU's categories and sub-categories, subjects."""
    return [
        score.to_entry()
        for place, answers in tally.answered.items()
        if any(answer.right is not None for answer in answers)
        for score in score_accuracies(Place(*place), answers)
        if score.extra["level"] != "all"
    ]


def build_grades(tally: EvalTally) -> list[dict[str, Any]]:
    """Histograms of the rounded grades."""
    return [
        {"model": model, "benchmark": benchmark, "grade": grade, "counts": list(counts)}
        for (model, benchmark, grade), counts in tally.grades.items()
    ]


def build_examples(tally: EvalTally) -> list[dict[str, Any]]:
    """Ids of rows worth a look, never their text."""
    return [
        {"model": model, "benchmark": benchmark, "metric": metric, "prompt_ids": list(ids)}
        for (model, benchmark, metric), ids in tally.examples.items()
        if ids
    ]


def _round(value: float | int) -> float | int:
    return value if isinstance(value, int) else round(value, _DIGITS)
