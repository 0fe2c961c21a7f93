"""Further judges of the same answers: what they say of the models, and how steady they are."""

from __future__ import annotations

from collections.abc import Sequence

from alignray.reports.entries import (
    Entry,
    Metrics,
    describe_metric,
    find_entry,
    is_share,
    list_judge_entries,
    read_estimate,
    split_category,
)
from alignray.reports.page import Block, Figure
from alignray.reports.plots import Estimate, Whisker, plot_intervals
from alignray.reports.svg import format_number, format_percent


def build_further_blocks(metrics: Metrics) -> list[Block]:
    """A figure per judge, metric and set; then what is said of the judges themselves."""
    entries = [
        entry
        for entry in list_judge_entries(metrics)
        if entry.get("value") is not None and split_category(metrics, entry)[1] is None
    ]
    of_models = [entry for entry in entries if entry["model"] in metrics["models"]]
    of_judges = [entry for entry in entries if entry["model"] not in metrics["models"]]
    blocks: list[Block] = []
    for key in dict.fromkeys(map(_read_key, of_models)):
        blocks.append(_build_model_figure(metrics, [e for e in of_models if _read_key(e) == key]))
    for name in dict.fromkeys(entry["metric"] for entry in of_judges):
        blocks.append(_build_judge_figure([e for e in of_judges if e["metric"] == name]))
    return blocks


def _read_key(entry: Entry) -> tuple[str, str, str, str]:
    further = (str(entry.get("judge", "")), str(entry.get("against") or ""))
    return (entry["metric"], entry["benchmark"], *further)


def _build_model_figure(metrics: Metrics, chosen: Sequence[Entry]) -> Figure:
    """All models by one further judge; beside the main one where both say the same metric."""
    metric, benchmark, judge, against = _read_key(chosen[0])
    whiskers = []
    for color, model in enumerate(metrics["models"]):
        own = [entry for entry in chosen if entry["model"] == model]
        main = find_entry(metrics, model, benchmark, metric)
        if own and main:
            label = f"{model}: {metrics['judge']}"
            whiskers.append(Whisker(label, read_estimate(main), color=color))
        name = f"{model}: {judge}" if main else model
        whiskers += [Whisker(name, read_estimate(entry), color=color) for entry in own]
    title = f"{describe_metric(metrics, metric)['title']} by {judge or 'a further judge'}"
    title += f", against {against}: {benchmark}" if against else f": {benchmark}"
    return _build_figure(title, whiskers, chosen)


def _build_judge_figure(chosen: Sequence[Entry]) -> Figure:
    """One number of the judges themselves: agreement, flips with the order."""
    metric = chosen[0]["metric"]
    whiskers = []
    for entry in chosen:
        name = f"{entry['model']}, {entry['benchmark']}"
        whiskers.append(Whisker(name, read_estimate(entry), color=1))
        share = entry.get("first_place_share")
        if share is not None:
            ends = [entry.get(f"first_place_ci_{end}") for end in ("low", "high")]
            low, high = (share if end is None else end for end in ends)
            named = f"{name}: prefers the first shown"
            whiskers.append(Whisker(named, Estimate(share, low, high), color=2))
    return _build_figure(f"Of the judges: {metric.replace('_', ' ')}", whiskers, chosen)


def _build_figure(title: str, whiskers: Sequence[Whisker], entries: Sequence[Entry]) -> Figure:
    low = min(whisker.judged.low for whisker in whiskers)
    high = max(whisker.judged.high for whisker in whiskers)
    within = low >= 0 and high <= 1
    domain = (0.0, 1.0) if within else (min(0.0, low), high)
    show = format_percent if all(map(is_share, entries)) else format_number
    drawing = plot_intervals(title, whiskers, domain, show)
    sizes = sorted({entry["n"] for entry in entries})
    shown = str(sizes[0]) if len(sizes) == 1 else f"{sizes[0]} to {sizes[-1]}"
    unscored = sum(entry.get("unscored") or 0 for entry in entries)
    direction = str(entries[0]["direction"]).capitalize()
    caption = f"n = {shown}, {unscored} unscored. 95 % intervals. {direction} is better."
    return Figure(title, drawing, f"{caption} Not measured: {entries[0].get('not_measured', '')}")
