"""lm-evaluation-harness' `results.json`, read into entries of report.json and written from them.

Form of EleutherAI/lm-evaluation-harness: `results[task]["metric,filter"]` with
`"metric_stderr,filter"` beside it (before 0.4 without the filter), and maps by task: `versions`,
`n-shot`, `higher_is_better`, `n-samples`, `configs`. Its table reads `results`, `versions` and
`n-shot`. One file holds one model.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from alignray.errors import SourceError
from alignray.evaluation.formats.reading import is_number, read_json
from alignray.evaluation.formats.writing import write_content
from alignray.ranking.intervals import Z95

Entry = dict[str, Any]
"""As `Score.to_entry` makes it; `n` is None where the file does not say how many rows."""

_FIELDS = {"model", "benchmark", "metric", "direction", "value", "ci_low", "ci_high", "k"} | {
    "n",
    "unscored",
    "method",
    "not_measured",
}
_STDERR = "_stderr"
_OWN = "alignray"
"""In `configs[task].metadata`: what an entry has and the harness has no place for."""


@dataclass(frozen=True)
class Results:
    """What a file says.

    Example: `Results(content={"results": {"arc_easy": {"acc,none": 0.66, ...}}, ...},
    entries=[{"model": "gpt2", "benchmark": "arc_easy", "metric": "acc", "value": 0.66, ...}],
    skipped=["mmlu acc,none"])`.
    """

    content: Mapping[str, Any]
    """The whole file."""
    entries: list[Entry]
    skipped: list[str] = field(default_factory=list)
    """`task metric,filter` of values that are no number (NaN, "N/A")."""


def read_results(path: Path) -> Results:
    """The results of a file.

    Raises:
        SourceError: no `results` by task, or not one number in them.
    """
    content = read_json(path)
    results = content.get("results") if isinstance(content, dict) else None
    if not isinstance(results, dict) or not all(isinstance(r, dict) for r in results.values()):
        raise SourceError(
            str(path),
            "no object `results` of objects",
            "a results.json of lm-evaluation-harness: results by task and `metric,filter`",
        )
    entries, skipped = [], []
    for task, key, value in _walk(results):
        if is_number(value):
            entries.append(_build_entry(content, task, key, path.stem))
        elif not isinstance(value, str) or value.strip():
            skipped.append(f"{task} {key}")
    if not entries:
        raise SourceError(str(path), "not one number in `results`", "at least one metric")
    return Results(content, entries, skipped)


def write_results(path: Path, content: Mapping[str, Any]) -> None:
    """Writes the content of a results.json, ours (`build_results`) or one that was read.

    Raises:
        StorageError: no space, no permission.
    """
    write_content(path, content, fill="N/A")


def build_results(entries: Sequence[Entry], date: float | None = None) -> dict[str, Any]:
    """Entries of one model as the content of a results.json.

    The benchmark is the task, the filter is `none` unless the metric names one (`acc,strict`).

    Args:
        entries: of report.json, as `Score.to_entry` makes them.
        date: of the evaluation, seconds since 1970.

    Raises:
        SourceError: no entry, several models, or one metric twice.
    """
    models = list(dict.fromkeys(entry["model"] for entry in entries))
    if len(models) != 1:
        raise SourceError("results", f"models {', '.join(models)}", "one", "write one file each")
    tasks = dict.fromkeys(entry["benchmark"] for entry in entries)
    results: dict[str, dict[str, Any]] = {task: {"alias": task} for task in tasks}
    higher: dict[str, dict[str, bool]] = {task: {} for task in tasks}
    samples = {task: {"original": 0, "effective": 0} for task in tasks}
    own: dict[str, dict[str, Entry]] = {task: {} for task in tasks}
    for entry in entries:
        task, (metric, name) = entry["benchmark"], _split(entry["metric"])
        key = f"{metric},{name}"
        if key in results[task]:
            raise SourceError("results", f"{entry['metric']} of {task} twice", "once")
        results[task][key] = entry["value"]
        results[task][f"{metric}{_STDERR},{name}"] = _compute_stderr(entry)
        higher[task][metric] = entry["direction"] == "higher"
        rows = (entry["n"] or 0) + (entry["unscored"] or 0)
        samples[task]["original"] = max(samples[task]["original"], rows)
        samples[task]["effective"] = max(samples[task]["effective"], entry["n"] or 0)
        own[task][key] = dict(entry)
    return {
        "results": results,
        "group_subtasks": {task: [] for task in tasks},
        "configs": {
            task: {"task": task, "metadata": {"version": 1.0, _OWN: own[task]}} for task in tasks
        },
        "versions": dict.fromkeys(tasks, 1.0),
        "n-shot": dict.fromkeys(tasks, 0),
        "higher_is_better": higher,
        "n-samples": samples,
        "config": {"model": _OWN, "model_args": f"pretrained={models[0]}"},
        "date": date,
        "model_source": _OWN,
        "model_name": models[0],
    }


def _walk(results: Mapping[str, Mapping[str, Any]]) -> Iterator[tuple[str, str, Any]]:
    """(task, `metric,filter`, value) of all metrics; no aliases, no standard errors."""
    for task, metrics in results.items():
        for key, value in metrics.items():
            metric = key.partition(",")[0]
            if key not in ("alias", "name", "sample_len") and not metric.endswith(_STDERR):
                yield task, key, value


def _build_entry(content: Mapping[str, Any], task: str, key: str, stem: str) -> Entry:
    own = _get(content, "configs", task, "metadata", _OWN, key)
    value = content["results"][task][key]
    if isinstance(own, dict) and own.get("value") == value and own.keys() >= _FIELDS:
        return dict(own)
    metric, _, name = key.partition(",")
    error = content["results"][task].get(f"{metric}{_STDERR},{name}" if name else metric + _STDERR)
    half = Z95 * error if is_number(error) and error >= 0 else None
    is_higher = _get(content, "higher_is_better", task, metric)
    return {
        "model": _find_model(content, stem),
        "benchmark": task,
        "metric": metric if name in ("", "none") else key,
        "direction": "lower" if is_higher is False else "higher",
        "value": value,
        "ci_low": None if half is None else value - half,
        "ci_high": None if half is None else value + half,
        "k": None,
        "n": _count_rows(content, task),
        "unscored": 0,
        "method": "normal interval of the harness' standard error"
        if half is not None
        else "none given",
        "not_measured": "See the task's own description; the harness counts what it cannot parse"
        " as wrong, so unscored is not known.",
        "stderr": error if half is not None else None,
        "n_shot": _get_plain(content, "n-shot", task),
        "version": _get_plain(content, "versions", task),
    }


def _find_model(content: Mapping[str, Any], stem: str) -> str:
    """`model_name`, else what the arguments name, else the file's name."""
    name = content.get("model_name")
    if isinstance(name, str) and name:
        return name
    arguments = _get(content, "config", "model_args")
    if isinstance(arguments, str):
        pairs = dict(part.partition("=")[::2] for part in arguments.split(","))
        arguments = pairs
    if isinstance(arguments, dict):
        for key in ("peft", "delta", "pretrained", "model", "path", "engine"):
            if arguments.get(key):
                return str(arguments[key])
    return stem


def _count_rows(content: Mapping[str, Any], task: str) -> int | None:
    count = _get(content, "n-samples", task, "effective")
    if isinstance(count, int) and is_number(count) and count >= 0:
        return count
    samples = _get(content, "samples", task)
    return len(samples) if isinstance(samples, list) else None


def _compute_stderr(entry: Entry) -> float | str:
    """As given, or of a rate from its counts (ddof=1, as the harness has it); else its `N/A`."""
    for name in ("standard_error", "stderr"):
        if is_number(entry.get(name)):
            return float(entry[name])
    k, n = entry.get("k"), entry.get("n")
    value = entry.get("exact", entry["value"])  # the value itself may be rounded
    if k is not None and n and n > 1:
        scale = value / (k / n) if k else 1.0
        return float(scale * math.sqrt(k / n * (1 - k / n) / (n - 1)))
    return "N/A"


def _split(metric: str) -> tuple[str, str]:
    name, _, filter_name = metric.partition(",")
    return name, filter_name or "none"


def _get_plain(content: Any, *keys: str) -> str | int | float | None:
    """As `_get`, where the value is text or a number, else None."""
    value = _get(content, *keys)
    return value if isinstance(value, str) or is_number(value) else None


def _get(content: Any, *keys: str) -> Any:
    """The value below these keys, or None where one is missing."""
    for key in keys:
        content = content.get(key) if isinstance(content, Mapping) else None
    return content
