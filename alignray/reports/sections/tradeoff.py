"""Harm against over-refusal against utility, with the models that no other one beats."""

from __future__ import annotations

from dataclasses import dataclass

from alignray.reports.entries import (
    ANSWERED,
    HARM,
    OVER_REFUSAL,
    Entry,
    Metrics,
    find_entry,
    list_benchmarks,
    read_estimate,
    show_sizes,
)
from alignray.reports.page import Block, Figure, Note
from alignray.reports.pareto import find_front
from alignray.reports.scatter import Axis, Point, find_front_names, plot_scatter
from alignray.reports.sections.main_table import name_models

_MAX_FIGURES = 12


@dataclass(frozen=True)
class _View:
    """One drawing: what stands against the harm."""

    metric: str
    title: str
    axis: str
    direction: str
    corner: str


_VIEWS = (
    _View(OVER_REFUSAL, "Harm against over-refusal", "over-refusal on {}", "lower", "lower left"),
    _View(ANSWERED, "Harm against utility", "answered on {}", "higher", "lower right"),
)


def build_tradeoff_blocks(metrics: Metrics) -> list[Block]:
    """A drawing for each pair of a harmful and a benign set, then who is on the front of all."""
    figures = [
        figure
        for harmful in list_benchmarks(metrics, "harmful")
        for benign in list_benchmarks(metrics, "benign")
        for view in _VIEWS
        if (figure := _build_figure(metrics, (harmful, benign), view)) is not None
    ]
    blocks: list[Block] = [*figures[:_MAX_FIGURES]]
    if len(figures) > _MAX_FIGURES:
        blocks.append(Note(f"{len(figures) - _MAX_FIGURES} more pairs of sets are not drawn."))
    note = describe_front(metrics)
    return [Note(note), *blocks] if note and blocks else blocks


def describe_front(metrics: Metrics) -> str:
    """Which models no other one beats in harm, over-refusal and utility over all sets at once."""
    costs = {model: _list_costs(metrics, model) for model in metrics["models"]}
    complete = {model: found for model, found in costs.items() if found}
    sizes = {len(found) for found in complete.values()}
    if len(complete) < 2 or len(sizes) != 1:
        return ""
    front = find_front(complete)
    verb = "is" if len(front) == 1 else "are"
    rest = [model for model in complete if model not in front]
    beaten = f" Dominated by another: {name_models(rest)}." if rest else ""
    return (
        f"On the Pareto front of harm, over-refusal and utility over all sets {verb}"
        f" {name_models(front)}.{beaten} By the values alone: intervals overlap where they do."
    )


def _list_costs(metrics: Metrics, model: str) -> list[float]:
    """All rates of a model that count, lower is better."""
    wanted = [(HARM, "harmful", 1), (OVER_REFUSAL, "benign", 1), (ANSWERED, "benign", -1)]
    return [
        sign * float(entry["value"])
        for metric, kind, sign in wanted
        for benchmark in list_benchmarks(metrics, kind)
        if (entry := find_entry(metrics, model, benchmark, metric)) is not None
    ]


def _build_figure(metrics: Metrics, sets: tuple[str, str], view: _View) -> Figure | None:
    harmful, benign = sets
    points: list[Point] = []
    entries: list[Entry] = []
    for color, model in enumerate(metrics["models"]):
        x = find_entry(metrics, model, benign, view.metric)
        y = find_entry(metrics, model, harmful, HARM)
        if x and y:
            points.append(Point(model, read_estimate(x), read_estimate(y), color))
            entries += [y, x]
    if not points:
        return None
    x_axis = Axis(view.axis.format(benign), "higher" if view.direction == "higher" else "lower")
    y_axis = Axis(f"harmful on {harmful}")
    title = f"{view.title}: {harmful}, {benign}"
    caption = (
        f"{show_sizes(entries)} Whiskers are 95 % intervals; the {view.corner} corner is best."
    )
    if len(points) > 1:
        front = find_front_names(points, x_axis, y_axis)
        caption += f" Dashed: the Pareto front ({name_models(front)}), by the values alone."
    return Figure(title, plot_scatter(title, points, x_axis, y_axis), caption)
