"""What an evaluation says in the end: metrics.json, and the gate on unscored answers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from alignray.config.evaluation import EvalConfig
from alignray.errors import EvaluationError, VerdictError
from alignray.evaluation.answer_form import build_form
from alignray.evaluation.entries import (
    build_accuracies,
    build_categories,
    build_comparisons,
    build_entries,
    build_examples,
    build_grades,
)
from alignray.evaluation.judge_scores import build_judge_scores
from alignray.evaluation.metrics import METRICS
from alignray.evaluation.tally import GRADES, EvalTally, GradePairs, has_truth
from alignray.inference.engine import get_model_label
from alignray.ranking.agreement import estimate_tau_b

ALL = "all"
NUM_RESAMPLES = 200
"""Of the bootstrap behind the interval of Kendall's tau."""


def check_unscored(tally: EvalTally, max_unscored_rate: float) -> None:
    """Fails where too many answers have no grade, in all or of one model on one benchmark.

    A single one is no reason to fail on a small benchmark. What was done is kept.

    Raises:
        VerdictError: names the counts and the commonest reason.
    """
    total = sum(tally.statuses.values())
    unscored, where = total - tally.statuses["ok"], ""
    if not _is_too_much(unscored, total, max_unscored_rate):
        for (model, benchmark), group in tally.groups.items():
            if _is_too_much(group.unscored, group.n + group.unscored, max_unscored_rate, 1):
                unscored, total = group.unscored, group.n + group.unscored
                where = f" of {model} on {benchmark}"
                break
        else:
            return
    reason = max(tally.unscored_reasons, key=lambda name: tally.unscored_reasons[name])
    raise VerdictError(
        "judge",
        f"{unscored} of {total} answers{where} are unscored"
        f" ({tally.unscored_reasons[reason]}: {reason})",
        f"at most {max_unscored_rate:.1%} (max_unscored_rate)",
        "mend the cause, or raise max_unscored_rate to accept wider bounds",
    )


def _is_too_much(unscored: int, total: int, rate: float, allowed: int = 0) -> bool:
    return unscored > max(allowed, rate * total)


def check_unscored_judges(further: Sequence[Mapping[str, Any]], max_unscored_rate: float) -> None:
    """Fails where a further judge has no verdict on too many answers; what was done is kept.

    Args:
        further: `judge_unscored` of the metrics.
        max_unscored_rate: the limit.

    Raises:
        VerdictError: names the judge, the counts and the commonest reason.
    """
    for judge in further:
        if not _is_too_much(judge["unscored"], judge["n"], max_unscored_rate, 1):
            continue
        reason = max(judge["reasons"], key=lambda name: judge["reasons"][name])
        raise VerdictError(
            f"judges.{judge['judge']}",
            f"{judge['unscored']} of {judge['n']} answers of {judge['model']} on"
            f" {judge['benchmark']} have no verdict"
            f" ({judge['reasons'][reason]}: {reason})",
            f"at most {max_unscored_rate:.1%} (max_unscored_rate)",
            "mend the cause, raise max_unscored_rate, or leave the judge out",
        )


def build_metrics(tally: EvalTally, config: EvalConfig) -> dict[str, Any]:
    """The content of metrics.json; `report` is the content of report.json."""
    judge = get_model_label(config.judge)
    further = build_judge_scores(tally.judges, config)
    agreement = build_agreement(tally, judge, config.seed)
    return {
        "report": [*build_entries(tally), *agreement],
        "judges": further["entries"],
        "judge_unscored": further["unscored"],
        "threshold_sweep": further["threshold_sweep"],
        "models": tally.models,
        "benchmarks": tally.kinds,
        "judge": judge,
        "sampling": config.sampling.model_dump(mode="json"),
        "forms": build_forms(config),
        "thresholds": config.thresholds.model_dump(mode="json"),
        "comparisons": build_comparisons(tally),
        "categories": build_categories(tally),
        "accuracy_by_group": build_accuracies(tally),
        "grades": build_grades(tally),
        "confusion": tally.confusion if has_truth(tally) else None,
        "examples": build_examples(tally),
        "unscored_reasons": dict(tally.unscored_reasons),
        "definitions": {
            metric.name: {
                "title": metric.title,
                "scale": metric.scale,
                "direction": metric.direction,
                "range": [metric.low, metric.high],
                "not_measured": metric.not_measured,
            }
            for metric in METRICS
        },
    }


def build_forms(config: EvalConfig) -> dict[str, dict[str, Any]]:
    """How each benchmark was answered: the decoding in effect, labels, what its row decides."""
    forms = {}
    for name, benchmark in config.benchmarks.items():
        form, spec = build_form(benchmark, config.sampling), benchmark.spec
        forms[name] = {
            "sampling": form.sampling.model_dump(mode="json"),
            "labels": list(form.labels),
            "row": None if spec is None else spec.identity(),
        }
    return forms


def build_agreement(tally: EvalTally, judge: str, seed: int) -> list[dict[str, Any]]:
    """Kendall tau of the judge's grades with the truth, over all benchmarks and for each."""
    entries = []
    for (benchmark, grade), pairs in _with_totals(tally):
        try:
            tau = estimate_tau_b(pairs.judge, pairs.truth, seed, NUM_RESAMPLES)
        except EvaluationError:
            continue  # e.g. every benign answer is truly safe: there is no order to agree on
        entries.append(
            {
                "model": judge,
                "benchmark": benchmark,
                "metric": f"judge_tau_{grade}",
                "direction": "higher",
                "value": round(tau.value, 6),
                "ci_low": round(tau.ci_low, 6),
                "ci_high": round(tau.ci_high, 6),
                "k": None,
                "n": tau.n,
                "unscored": 0,
                "method": "Kendall tau-b, Wilson interval by effective rows of a bootstrap",
                "not_measured": "Whether grades are right, only their order; other judges or data.",
            }
        )
    return entries


def _with_totals(tally: EvalTally) -> Iterator[tuple[tuple[str, str], GradePairs]]:
    for grade in ("mean", *GRADES):
        total = GradePairs()
        for (_, name), pairs in tally.agreement.items():
            if name == grade:
                total.judge.extend(pairs.judge)
                total.truth.extend(pairs.truth)
        if len(total.judge):
            yield (ALL, grade), total
    yield from tally.agreement.items()
