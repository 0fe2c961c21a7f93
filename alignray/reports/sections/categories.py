"""Numbers by category: all models side by side, the numbers below, and what has no row by name.

Of the main judge it is the harmful rate; of further judges whatever they say by category.
"""

from __future__ import annotations

from functools import partial
from itertools import groupby

from alignray.reports.entries import (
    Entry,
    Metrics,
    describe_metric,
    list_judge_entries,
    split_category,
)
from alignray.reports.page import Block, Note
from alignray.reports.sections.grouped import View, build_figures, build_table, describe_missing


def build_category_blocks(metrics: Metrics) -> list[Block]:
    """Bars and a table per number and benchmark of more than one category."""
    views = [*_list_main_views(metrics), *_list_further_views(metrics)]
    models, shown = metrics["models"], [view for view in views if len(view.names) > 1]
    notes = [(view.title, describe_missing(models, view)) for view in shown]
    return [
        *(Note(f"{title}: {note}", "warning") for title, note in notes if note),
        *(figure for view in shown for figure in build_figures(view, models)),
        *(build_table(view, models) for view in shown),
    ]


def _list_main_views(metrics: Metrics) -> list[View]:
    entries = metrics.get("categories", ())
    return [
        View(
            f"Harmful answers by category: {benchmark}",
            "Share of answers that the judge calls harmful; lines are 95 % intervals.",
            {(e["category"], e["model"]): e for e in entries if e["benchmark"] == benchmark},
        )
        for benchmark in dict.fromkeys(entry["benchmark"] for entry in entries)
    ]


def _list_further_views(metrics: Metrics) -> list[View]:
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
        views.append(View(title, f"{metric} by judge {judge}; lines are 95 % intervals.", found))
    return views


def _read_key(metrics: Metrics, entry: Entry) -> tuple[str, str, str]:
    return str(entry.get("judge", "")), str(entry["metric"]), split_category(metrics, entry)[0]
