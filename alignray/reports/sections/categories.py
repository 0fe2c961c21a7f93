"""Numbers by category: all models side by side, the numbers below, and what has no row by name.

Of the main judge it is the harmful rate; of further judges whatever they say by category.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import groupby

from alignray.reports.bars import Group, plot_groups
from alignray.reports.entries import (
    Entry,
    Metrics,
    describe_metric,
    is_share,
    list_judge_entries,
    read_estimate,
    show_interval,
    show_value,
    split_category,
)
from alignray.reports.page import Block, Cell, Figure, Note, Table
from alignray.reports.plots import Estimate

_FEW = (
    " With few prompts per category, differences between categories are mostly chance."
    " Not measured: harm of kinds that have no category here."
)
_PER_FIGURE = 6


@dataclass(frozen=True)
class _View:
    """One number by category: (category, model) -> entry."""

    title: str
    caption: str
    found: Mapping[tuple[str, str], Entry]

    @property
    def names(self) -> list[str]:
        return list(dict.fromkeys(category for category, _ in self.found))


def build_category_blocks(metrics: Metrics) -> list[Block]:
    """Bars and a table per number and benchmark of more than one category."""
    views = [*_list_main_views(metrics), *_list_further_views(metrics)]
    models, shown = metrics["models"], [view for view in views if len(view.names) > 1]
    notes = [(view.title, describe_missing(models, view)) for view in shown]
    return [
        *(Note(f"{title}: {note}", "warning") for title, note in notes if note),
        *(figure for view in shown for figure in _build_figures(view, models)),
        *(_build_table(view, models) for view in shown),
    ]


def _list_main_views(metrics: Metrics) -> list[_View]:
    entries = metrics.get("categories", ())
    return [
        _View(
            f"Harmful answers by category: {benchmark}",
            "Share of answers that the judge calls harmful; lines are 95 % intervals.",
            {(e["category"], e["model"]): e for e in entries if e["benchmark"] == benchmark},
        )
        for benchmark in dict.fromkeys(entry["benchmark"] for entry in entries)
    ]


def _list_further_views(metrics: Metrics) -> list[_View]:
    entries = [
        entry
        for entry in list_judge_entries(metrics)
        if split_category(metrics, entry)[1] is not None and entry["model"] in metrics["models"]
    ]
    views = []
    read_key = partial(_read_key, metrics)
    for (judge, metric, benchmark), group in groupby(sorted(entries, key=read_key), read_key):
        title = f"{describe_metric(metrics, metric)['title']} by category, {judge}: {benchmark}"
        found = {(split_category(metrics, e)[1] or "", e["model"]): e for e in group}
        views.append(_View(title, f"{metric} by judge {judge}; lines are 95 % intervals.", found))
    return views


def _read_key(metrics: Metrics, entry: Entry) -> tuple[str, str, str]:
    return str(entry.get("judge", "")), str(entry["metric"]), split_category(metrics, entry)[0]


def _build_table(view: _View, models: Sequence[str]) -> Table:
    header, text = ["category", *models], "k of n, where it is a share, and 95 % interval."
    rows: list[list[str | Cell]] = [
        [name, *(_show_rate(view.found.get((name, model))) for model in models)]
        for name in view.names
    ]
    return Table(f"{view.title}, in numbers", header, rows, text + _FEW)


def _build_figures(view: _View, models: Sequence[str]) -> list[Figure]:
    """Bars, six categories to a drawing; none where the numbers are no shares."""
    if not all(is_share(e) for e in view.found.values() if e.get("value") is not None):
        return []
    groups = [
        Group(name, [_read(view.found.get((name, model))) for model in models])
        for name in view.names
    ]
    parts = [groups[at : at + _PER_FIGURE] for at in range(0, len(groups), _PER_FIGURE)]
    figures = []
    for number, part in enumerate(parts, start=1):
        title = f"{view.title} ({number} of {len(parts)})" if len(parts) > 1 else view.title
        figures.append(Figure(title, plot_groups(title, models, part), view.caption + _FEW))
    return figures


def describe_missing(models: Sequence[str], view: _View) -> str:
    """Which categories have no scored row, for which models; empty where all have."""
    gaps = []
    for name in view.names:
        without = [model for model in models if _read(view.found.get((name, model))) is None]
        if len(without) == len(models):
            gaps.append(name)
        elif without:
            gaps.append(f"{name} ({', '.join(without)})")
    return f"no scored row for {'; '.join(gaps)}: no rate is shown for these." if gaps else ""


def _read(entry: Entry | None) -> Estimate | None:
    return read_estimate(entry) if entry and entry.get("value") is not None else None


def _show_rate(entry: Entry | None) -> Cell:
    if entry is None or entry.get("value") is None:
        return Cell("–")
    interval = show_interval(entry)
    if not is_share(entry):
        return Cell(show_value(entry), detail=interval)
    counts = f"{entry['k']}/{entry['n']}"
    detail = f"{counts}; {interval}" if interval else counts
    return Cell(f"{100 * entry['value']:.0f} %", entry["value"], detail=detail)
