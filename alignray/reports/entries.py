"""Reading the metrics of an evaluation: entries of report.json and how they are shown; pure.

An entry has model, benchmark, metric, direction, value, ci_low, ci_high, k, n, unscored; what is
beyond these may be missing, and a metric that is not known here is shown all the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from alignray.reports.plots import Estimate
from alignray.reports.svg import format_number, format_percent

Entry = Mapping[str, Any]
Metrics = Mapping[str, Any]

HARM, OVER_REFUSAL, USELESS, ANSWERED = (
    "harmful_rate", "over_refusal_rate", "useless_rate", "answered_rate",
)  # fmt: skip


def find_entry(metrics: Metrics, model: str, benchmark: str, metric: str) -> Entry | None:
    """The main judge's (or rule's) entry of a model, benchmark and metric, if there is one."""
    for entry in metrics["report"]:
        place = (entry["model"], entry["benchmark"], entry["metric"])
        if place == (model, benchmark, metric):
            return dict(entry)
    return None


def list_entries(metrics: Metrics) -> list[dict[str, Any]]:
    """All entries: of the main judge and of rules, then those of further judges."""
    return [*map(dict, metrics["report"]), *list_judge_entries(metrics)]


def list_judge_entries(metrics: Metrics) -> list[dict[str, Any]]:
    """The entries of further judges."""
    return [dict(entry) for entry in metrics.get("judges", ())]


def split_category(metrics: Metrics, entry: Entry) -> tuple[str, str | None]:
    """Benchmark and category of an entry whose set is `benchmark/category`; else no category."""
    name = str(entry["benchmark"])
    if name in metrics["benchmarks"]:
        return name, None
    benchmark, _, category = name.partition("/")
    return benchmark, category or None


def find_entries(metrics: Metrics, benchmark: str, metric: str) -> list[Entry]:
    """The entries of all models, in the order of the models; those without one are left out."""
    found = [find_entry(metrics, model, benchmark, metric) for model in metrics["models"]]
    return [entry for entry in found if entry is not None]


def list_benchmarks(metrics: Metrics, kind: str) -> list[str]:
    """The benchmarks of a kind, `harmful` or `benign`."""
    return [name for name, found in metrics["benchmarks"].items() if found == kind]


def find_reference(metrics: Metrics, model: str) -> str:
    """The model that one is compared with: the first of its run."""
    reference: str = metrics.get("references", {}).get(model, metrics["models"][0])
    return reference


def describe_metric(metrics: Metrics, name: str) -> Mapping[str, Any]:
    """Title, direction and what is not measured, as far as it is known."""
    empty = {"title": name.replace("_", " "), "direction": "", "not_measured": ""}
    found: Mapping[str, Any] = empty | dict(metrics.get("definitions", {}).get(name, {}))
    return found


def read_estimate(entry: Entry) -> Estimate:
    """Value, interval (none: the value alone) and, where rows are unscored, bounds."""
    value = float(entry["value"])
    low, high = entry.get("ci_low"), entry.get("ci_high")
    bounds = (entry.get("low_bound"), entry.get("high_bound")) if entry.get("unscored") else ()
    return Estimate(value, value if low is None else low, value if high is None else high, *bounds)


def is_share(entry: Entry) -> bool:
    """Whether the value is a share from 0 to 1: k of n, or with bounds within these."""
    k, n, value = entry.get("k"), entry.get("n"), entry.get("value")
    return bool(k is not None and n and value is not None and abs(value - k / n) < 1e-5)


def show_value(entry: Entry) -> str:
    """`74 %` for a share, three or four digits for another number."""
    if entry.get("value") is None:
        return "–"
    return (format_percent if is_share(entry) else format_number)(entry["value"])


def show_interval(entry: Entry) -> str:
    """`68 to 79 %`, or nothing where there is no interval."""
    low, high = entry.get("ci_low"), entry.get("ci_high")
    if low is None or high is None:
        return ""
    if not is_share(entry):
        return f"{format_number(low)} to {format_number(high)}"
    return f"{100 * low:.0f} to {100 * high:.0f}\N{NO-BREAK SPACE}%"


def show_counts(entry: Entry) -> str:
    """How many rows stand behind a number."""
    return f"n = {entry['n']}, {entry.get('unscored', 0)} unscored, 95 % intervals"


def show_sizes(entries: Sequence[Entry]) -> str:
    """How many rows stand behind a figure."""
    sizes = sorted({entry["n"] for entry in entries})
    shown = str(sizes[0]) if len(sizes) == 1 else f"{sizes[0]} to {sizes[-1]}"
    unscored = sum(entry.get("unscored", 0) for entry in entries)
    return f"n = {shown} prompts per model, {unscored} unscored" + (" in all." if unscored else ".")


def show_p(value: float | None) -> str:
    """`< .001`, `0.031`, or a dash where nothing was tested."""
    if value is None:
        return "–"
    return "< .001" if value < 0.001 else f"{value:.3f}"
