"""Evaluations of several runs as one: models told apart, settings checked; pure.

The rule: a benchmark that two evaluations share must have been answered and judged alike in both:
the same prompts and selection, decoding (the seed aside: another seed is a repetition), system
prompt, thresholds, judge, rubrics and form of verdict. Where it was not, the runs are refused,
unless `mixed=true` accepts it; the page then says what differs. A model whose name is in two
evaluations becomes `name (run)` in each, whether it is the same model or not. Nothing is paired
across runs: differences and their marks are against the first model of the same run.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from alignray.errors import ConfigError
from alignray.reports.entries import Metrics, list_judge_entries

Record = Mapping[str, Any]


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
        sharing = [e for e in evaluations if benchmark in e.metrics["benchmarks"]]
        first, *others = [(e.name, _list_settings(e, benchmark)) for e in sharing]
        for name, settings in others:
            for key in sorted(first[1].keys() | settings.keys()):
                before, after = first[1].get(key), settings.get(key)
                in_one_alone = key.startswith("judges.") and None in (before, after)
                if before != after and not in_one_alone:
                    where = f"{key} is {before} in {first[0]}, {after} in {name}"
                    differences.append(f"benchmark {benchmark}: {where}")
    return differences


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


def _list_settings(evaluation: Evaluation, benchmark: str) -> dict[str, Any]:
    """What decides the numbers of a benchmark, beside the models."""
    record, metrics = evaluation.record, evaluation.metrics
    config = record.get("config", {})
    inputs = {name: found["identity"] for name, found in record.get("inputs", {}).items()}
    own = config.get("benchmarks", {}).get(benchmark, {})
    found = {
        "kind": metrics["benchmarks"][benchmark],
        "prompts": inputs.get(f"benchmarks.{benchmark}.prompts"),
        "select": own.get("select"),
        "sampling": {k: v for k, v in metrics["sampling"].items() if k != "seed"},
        "thresholds": metrics.get("thresholds"),
        "judge": metrics["judge"],
        **{name: config.get(name) for name in ("system_prompt", "verdict")},
        **{f"{name}_rubric": inputs.get(f"{name}_rubric") for name in ("safety", "helpfulness")},
        **{name: value for name, value in inputs.items() if name.startswith(("judge.", "judges."))},
    }
    return dict(_flatten(found))


def _flatten(settings: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in settings.items():
        if isinstance(value, Mapping):
            yield from _flatten(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


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
        "sampling": _join([e.metrics["sampling"] for e in evaluations]),
        "thresholds": evaluations[0].metrics.get("thresholds", {}),
        "models": [],
        "references": {},
        "benchmarks": {},
        "definitions": {},
        "unscored_reasons": Counter(),
        "confusion": _add_confusions([e.metrics.get("confusion") for e in evaluations]),
        "judge": ", ".join(dict.fromkeys(e.metrics["judge"] for e in evaluations)),
        "judge_agreement": _collect(evaluations, "judge_agreement"),
        "details": {},
    }
    for evaluation, names in zip(evaluations, name_models(evaluations), strict=True):
        metrics = evaluation.metrics
        models = [names[model] for model in metrics["models"]]
        merged["models"] += models
        merged["references"] |= dict.fromkeys(models, models[0])
        merged["unscored_reasons"].update(metrics.get("unscored_reasons", {}))
        for name in ("benchmarks", "definitions"):
            merged[name] = merged[name] | dict(metrics.get(name, {}))
    for name in ("report", "comparisons", "categories", "grades", "examples"):
        lists = [e.metrics.get(name) or () for e in evaluations]
        merged[name] = _rename(evaluations, lists)
    merged["judges"] = _merge_judges(evaluations)
    return merged | {"unscored_reasons": dict(merged["unscored_reasons"])}


def _merge_judges(evaluations: Sequence[Evaluation]) -> dict[str, Any]:
    """What further judges said: entries, sweeps, unscored."""
    entries = [list_judge_entries(e.metrics) for e in evaluations]
    given = [e.metrics.get("judges") for e in evaluations]
    known = [found if isinstance(found, Mapping) else {} for found in given]
    return {
        "entries": _rename(evaluations, entries),
        "threshold_sweep": _rename(evaluations, [k.get("threshold_sweep", ()) for k in known]),
        "unscored": [
            {**found, "judge": f"{found['judge']} ({e.name})"}
            for e, k in zip(evaluations, known, strict=True)
            for found in k.get("unscored", ())
        ],
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


def _collect(evaluations: Sequence[Evaluation], name: str) -> list[dict[str, Any]] | dict[str, Any]:
    """What has no form of its own, by run; lists of objects as one, with the run in each."""
    found = {e.name: e.metrics[name] for e in evaluations if e.metrics.get(name)}
    if found and all(isinstance(value, list) for value in found.values()):
        return [{"run": run, **dict(entry)} for run, value in found.items() for entry in value]
    return found


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
