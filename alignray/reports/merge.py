"""Evaluations of several runs as one: models told apart, settings checked; pure.

The rule: a benchmark that two evaluations share must have been answered and judged alike in both,
by the settings that `settings.py` lists, and further judges of one name must be alike. Where they
are not, the runs are refused, unless `mixed=true` accepts it; the page then says what differs. A
model whose name is in two evaluations becomes `name (run)` in each, whether it is the same model or
not. Nothing is paired across runs: differences and their marks are against the first model of the
same run.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from alignray.errors import ConfigError
from alignray.reports.entries import Metrics, list_judge_entries
from alignray.reports.settings import Record, list_judges, list_settings

_LISTS = (
    "report", "comparisons", "categories", "accuracy_by_group", "grades", "examples", "judges",
    "threshold_sweep",
)  # fmt: skip
"""Entries of models."""


@dataclass(frozen=True)
class Evaluation:
    """A finished evaluation of one of several runs.

    Example: `Evaluation("pocket2", record)`, or `Evaluation("pocket2/eval-b", record)` where a run
    has several.
    """

    name: str
    record: Record

    @property
    def metrics(self) -> Metrics:
        """What it measured."""
        metrics: Metrics = self.record["metrics"]
        return metrics


def find_differences(evaluations: Sequence[Evaluation]) -> list[str]:
    """Settings in which evaluations of one benchmark differ, a line each, from the first seen.

    E.g. `benchmark harmful: sampling.temperature is 1.0 in a, 0.0 in b`.
    """
    differences = []
    for benchmark in dict.fromkeys(name for e in evaluations for name in e.metrics["benchmarks"]):
        first, *others = [e for e in evaluations if benchmark in e.metrics["benchmarks"]]
        for other in others:
            settings = [list_settings(e.record, benchmark) for e in (first, other)]
            lines = _compare(settings, (first.name, other.name))
            differences += [f"benchmark {benchmark}: {line}" for line in lines]
    for name in dict.fromkeys(name for e in evaluations for name in list_judges(e.record)):
        first, *others = [e for e in evaluations if name in list_judges(e.record)]
        for other in others:
            settings = [list_judges(e.record)[name] for e in (first, other)]
            lines = _compare(settings, (first.name, other.name))
            differences += [f"judges.{name}: {line}" for line in lines]
    return differences


def _compare(settings: Sequence[Mapping[str, Any]], names: tuple[str, str]) -> list[str]:
    first, other = settings
    return [
        f"{key} is {first.get(key)} in {names[0]}, {other.get(key)} in {names[1]}"
        for key in sorted(first.keys() | other.keys())
        if first.get(key) != other.get(key)
    ]


def check_alike(evaluations: Sequence[Evaluation]) -> None:
    """Refuses evaluations that do not compare.

    Raises:
        ConfigError: a shared benchmark has other settings in another run.
    """
    differences = find_differences(evaluations)
    if differences:
        more = f" (and {len(differences) - 1} more)" if len(differences) > 1 else ""
        raise ConfigError(
            "alignray report",
            f"{differences[0]}{more}",
            "the same settings in every run",
            "evaluate again with one, or give mixed=true to show them side by side with a warning",
        )


def name_models(evaluations: Sequence[Evaluation]) -> list[dict[str, str]]:
    """For each evaluation: name of a model there -> its name in the merged report.

    The judge's name is treated as a model's: its agreement with the truth is an entry too.
    """
    counts = Counter(name for e in evaluations for name in _list_names(e))
    return [
        {name: f"{name} ({e.name})" if counts[name] > 1 else name for name in _list_names(e)}
        for e in evaluations
    ]


def _list_names(evaluation: Evaluation) -> list[str]:
    metrics = evaluation.metrics
    judges = [e["model"] for e in list_judge_entries(metrics) if e["model"] == e.get("judge")]
    return list(dict.fromkeys([*metrics["models"], metrics["judge"], *judges]))


def merge_evaluations(evaluations: Sequence[Evaluation]) -> dict[str, Any]:
    """The metrics of all evaluations as if they were one.

    Entries get `run`; `references` says which model each one is compared with.
    """
    merged: dict[str, Any] = {
        "forms": _join_forms(evaluations),
        "thresholds": evaluations[0].metrics.get("thresholds", {}),
        "models": [],
        "references": {},
        "benchmarks": {},
        "definitions": {},
        "sources": {},
        "unscored_reasons": Counter(),
        "confusion": _add_confusions([e.metrics.get("confusion") for e in evaluations]),
        "judge": ", ".join(dict.fromkeys(e.metrics["judge"] for e in evaluations)),
        "judge_unscored": [
            {**found, "judge": f"{found['judge']} ({e.name})"}
            for e in evaluations
            for found in e.metrics.get("judge_unscored", ())
        ],
    }
    for evaluation, names in zip(evaluations, name_models(evaluations), strict=True):
        metrics = evaluation.metrics
        models = [names[model] for model in metrics["models"]]
        merged["models"] += models
        merged["references"] |= dict.fromkeys(models, models[0])
        merged["unscored_reasons"].update(metrics.get("unscored_reasons", {}))
        for name in ("benchmarks", "definitions"):
            merged[name] = merged[name] | dict(metrics.get(name, {}))
        for name, audit in metrics.get("sources", {}).items():
            merged["sources"][f"{name} ({evaluation.name})"] = audit
    for name in _LISTS:
        lists = [e.metrics.get(name) or () for e in evaluations]
        merged[name] = _rename(evaluations, lists)
    return merged | {"unscored_reasons": dict(merged["unscored_reasons"])}


def _join_forms(evaluations: Sequence[Evaluation]) -> dict[str, Any]:
    """How each benchmark was answered; a setting that differs has all its values."""
    found: dict[str, list[Mapping[str, Any]]] = {}
    for evaluation in evaluations:
        for name, form in evaluation.metrics.get("forms", {}).items():
            found.setdefault(name, []).append(form)
    return {
        name: {**forms[0], "sampling": _join([form["sampling"] for form in forms])}
        for name, forms in found.items()
    }


def _rename(
    evaluations: Sequence[Evaluation], lists: Sequence[Sequence[Mapping[str, Any]]]
) -> list[dict[str, Any]]:
    """The lists of all evaluations as one, with the models' new names."""
    renamed = []
    for evaluation, names, entries in zip(
        evaluations, name_models(evaluations), lists, strict=True
    ):
        for entry in entries:
            changed = {
                key: names.get(entry[key], entry[key])
                for key in ("model", "first", "second", "against")
                if key in entry
            }
            renamed.append({**entry, **changed, "run": evaluation.name})
    return renamed


def _join(settings: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Settings as one: where they differ, all values, e.g. `seed` as `0, 1`."""
    joined = {}
    for name in dict.fromkeys(name for found in settings for name in found):
        values = [found[name] for found in settings if name in found]
        same = all(value == values[0] for value in values)
        joined[name] = values[0] if same else ", ".join(dict.fromkeys(map(str, values)))
    return joined


def _add_confusions(tables: Sequence[Mapping[str, Any] | None]) -> dict[str, Any] | None:
    known = [table for table in tables if table]
    if not known:
        return None
    return {
        grade: [
            [sum(table[grade][i][j] for table in known if grade in table) for j in range(5)]
            for i in range(5)
        ]
        for grade in dict.fromkeys(grade for table in known for grade in table)
    }
