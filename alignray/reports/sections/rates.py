"""Each rate on each set: values of all models with their whiskers, the truth beside them."""

from __future__ import annotations

from alignray.reports.entries import (
    HARM,
    OVER_REFUSAL,
    USELESS,
    Metrics,
    describe_metric,
    find_entry,
    read_estimate,
    show_sizes,
)
from alignray.reports.page import Block, Figure, Note
from alignray.reports.plots import Whisker, plot_intervals
from alignray.reports.svg import round_up_share

_SHOWN = (HARM, OVER_REFUSAL, USELESS)
_DOTS = "Dots and whiskers: judge or rule, with 95 % interval."
_DIAMONDS = " Hollow diamonds: the known truth."


def build_rate_blocks(metrics: Metrics) -> list[Block]:
    """A note on unscored answers, then one figure per rate and set."""
    blocks: list[Block] = []
    reasons = metrics.get("unscored_reasons", {})
    if sum(reasons.values()):
        named = ", ".join(f"{count} {name}" for name, count in reasons.items())
        text = f"{sum(reasons.values())} answers are unscored ({named})."
        blocks.append(Note(f"{text} Bands show where a rate could lie.", "warning"))
    for name in _SHOWN:
        for benchmark in metrics["benchmarks"]:
            figure = _build_figure(metrics, benchmark, name)
            blocks += [figure] if figure else []
    return blocks


def _build_figure(metrics: Metrics, benchmark: str, name: str) -> Figure | None:
    whiskers, entries = [], []
    for color, model in enumerate(metrics["models"]):
        entry = find_entry(metrics, model, benchmark, name)
        if entry:
            true = find_entry(metrics, model, benchmark, f"{name}_truth")
            estimate = read_estimate(true) if true else None
            whiskers.append(Whisker(model, read_estimate(entry), estimate, color))
            entries.append(entry)
    if not entries:
        return None
    described = describe_metric(metrics, name)
    title = f"{described['title']}: {benchmark}"
    truth = _DIAMONDS if any(whisker.true for whisker in whiskers) else ""
    caption = f"{show_sizes(entries)} {_DOTS}{truth}"
    caption += f" {entries[0]['direction'].capitalize()} is better."
    caption += f" Not measured: {described['not_measured']}"
    shown = [w.judged for w in whiskers] + [w.true for w in whiskers if w.true]
    end = round_up_share(max(max(e.high, e.high_bound or 0.0) for e in shown))
    return Figure(title, plot_intervals(title, whiskers, (0.0, end)), caption)
