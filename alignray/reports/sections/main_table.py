"""The main table: rates down, models across, intervals, and marks where a difference stands.

A mark says that a model differs from the one it is compared with (the first of its run) on the
same prompts, by a paired test, after Holm's correction over all tests of the table.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from alignray.reports.entries import (
    ANSWERED,
    HARM,
    OVER_REFUSAL,
    USELESS,
    Entry,
    Metrics,
    describe_metric,
    find_entry,
    find_reference,
    list_entries,
    show_interval,
    show_value,
    split_category,
)
from alignray.reports.page import Block, Cell, Table
from alignray.reports.significance import Mark, adjust_holm, find_mark

_MAIN = (HARM, OVER_REFUSAL, ANSWERED, USELESS)
_LEFT_OUT = (
    "harmfulness_mean",
    "refusal_rate",
    "keyword_refusal_rate",
    "garbled_rate",
    "truncated_rate",
    "helpfulness_mean",
)
"""Shown among all numbers alone, as are truths and the judge's own numbers."""
MAX_ROWS = 60


@dataclass(frozen=True)
class Contrast:
    """Which difference a test is about.

    Example: `Contrast("sft", "harmful_rate", "harmful")`: sft against the first model.
    """

    model: str
    metric: str
    benchmark: str


@dataclass(frozen=True)
class Row:
    """One line of the table.

    Example: `Row("win_rate", "alpaca_eval", judge="compare", against="base")`.
    """

    metric: str
    benchmark: str
    judge: str = ""
    """A further judge; empty for the main one and for rules."""
    against: str = ""
    """The model that a comparison is with."""


def list_main_rows(metrics: Metrics) -> list[Row]:
    """The lines of the table: the four main rates, then what else was measured of the models."""
    rows = [
        read_row(entry)
        for entry in list_entries(metrics)
        if entry["model"] in metrics["models"] and is_main(metrics, entry)
    ]
    known = len(_MAIN)
    return sorted(
        dict.fromkeys(rows),
        key=lambda row: _MAIN.index(row.metric) if row.metric in _MAIN and not row.judge else known,
    )


def read_row(entry: Entry) -> Row:
    """The line in which an entry stands."""
    judge, against = entry.get("judge") or "", entry.get("against") or ""
    return Row(entry["metric"], entry["benchmark"], str(judge), str(against))


def is_main(metrics: Metrics, entry: Entry) -> bool:
    """Whether an entry stands in the main table: no category, no truth, nothing of the judge."""
    metric = entry["metric"]
    if entry.get("judge"):
        return split_category(metrics, entry)[1] is None
    hidden = metric in _LEFT_OUT or metric.endswith("_truth") or metric.startswith("judge_")
    return not hidden and split_category(metrics, entry)[1] is None


def correct_tests(metrics: Metrics) -> dict[Contrast, float]:
    """Holm's corrected p of every test against a model's reference in the main table."""
    shown = {(row.metric, row.benchmark) for row in list_main_rows(metrics) if not row.judge}
    family: dict[Contrast, float] = {}
    for entry in metrics.get("comparisons", ()):
        key = Contrast(entry["second"], entry["metric"], entry["benchmark"])
        tested = entry.get("p_value") is not None and (key.metric, key.benchmark) in shown
        if tested and entry["first"] == find_reference(metrics, key.model):
            family.setdefault(key, float(entry["p_value"]))
    return adjust_holm(family)


def find_marks(metrics: Metrics) -> dict[Contrast, Mark]:
    """The marks of the main table."""
    adjusted, marks = correct_tests(metrics), {}
    for key, p_value in adjusted.items():
        own = find_entry(metrics, key.model, key.benchmark, key.metric)
        first = find_entry(metrics, find_reference(metrics, key.model), key.benchmark, key.metric)
        if own and first:
            difference = _find_difference(metrics, key, own["value"] - first["value"])
            mark = find_mark(p_value, difference, own["direction"])
            if mark:
                marks[key] = mark
    return marks


def _find_difference(metrics: Metrics, key: Contrast, default: float) -> float:
    """The paired difference where the test says it: rates of all rows can differ the other way."""
    for entry in metrics["comparisons"]:
        same = (entry["second"], entry["metric"], entry["benchmark"]) == (
            key.model, key.metric, key.benchmark,
        )  # fmt: skip
        if same and entry["first"] == find_reference(metrics, key.model):
            return float(entry.get("value", default))
    return default


def build_main_table(metrics: Metrics) -> list[Block]:
    """The table, or nothing where there is no entry."""
    rows, marks = list_main_rows(metrics), find_marks(metrics)
    if not rows:
        return []
    found = {(read_row(entry), entry["model"]): entry for entry in list_entries(metrics)}
    shown = [
        [
            Cell(describe_row(row), detail=describe_better(metrics, row.metric)),
            *(_build_cell(found.get((row, model)), marks) for model in metrics["models"]),
        ]
        for row in rows[:MAX_ROWS]
    ]
    caption = describe_marks(metrics)
    if len(rows) > MAX_ROWS:
        caption += f" The first {MAX_ROWS} of {len(rows)} rows; all are below."
    header = ["rate, set", *metrics["models"]]
    return [Table("Rates with their intervals", header, shown, caption)]


def describe_row(row: Row) -> str:
    """E.g. `over-refusal, lookalike`; with a further judge and the model compared with, if any."""
    name = f"{row.metric.removesuffix('_rate').replace('_', '-')}, {row.benchmark}"
    further = [f"judge {row.judge}"] if row.judge else []
    further += [f"against {row.against}"] if row.against else []
    return f"{name} ({', '.join(further)})" if further else name


def describe_better(metrics: Metrics, metric: str) -> str:
    """E.g. `lower is better`."""
    direction = describe_metric(metrics, metric)["direction"] or next(
        (entry["direction"] for entry in list_entries(metrics) if entry["metric"] == metric), ""
    )
    return f"{direction} is better" if direction else ""


def describe_marks(metrics: Metrics) -> str:
    """The legend of the marks: against whom, by which test, over how many."""
    count = len(correct_tests(metrics))
    if not count:
        return "95 % intervals below each number. No paired test: no differences are marked."
    first = list(dict.fromkeys(find_reference(metrics, model) for model in metrics["models"]))
    others = "the first model of its run" if len(first) > 1 else first[0]
    unit = "test" if count == 1 else "tests"
    return (
        f"95 % intervals below each number. Marks: differs from {others} on the same prompts,"
        f" * p < .05, ** p < .01, paired tests, Holm-corrected over the {count} {unit} of this"
        " table; ↓ it is lower, ↑ it is higher. No mark: the difference may be chance, or was not"
        " tested."
    )


def _build_cell(entry: Entry | None, marks: Mapping[Contrast, Mark]) -> Cell:
    if entry is None:
        return Cell("–")
    key = Contrast(entry["model"], entry["metric"], entry["benchmark"])
    mark = None if entry.get("judge") else marks.get(key)
    unscored = entry.get("unscored") or 0
    detail = show_interval(entry) + (f", {unscored} unscored" if unscored else "")
    if mark is None:
        return Cell(show_value(entry), detail=detail)
    return Cell(
        show_value(entry),
        mark=mark.text,
        tone="better" if mark.better else "worse",
        detail=detail,
    )


def name_models(models: Sequence[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    if len(models) < 2:
        return "".join(models)
    return f"{', '.join(models[:-1])} and {models[-1]}"
