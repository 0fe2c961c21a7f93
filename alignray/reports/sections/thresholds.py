"""Grades, and what the rates would be at other thresholds: a threshold is a choice, not a fact."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import Any

from alignray.reports.entries import Metrics, list_judge_entries
from alignray.reports.page import Block, Figure
from alignray.reports.plots import Curve, plot_histogram, plot_lines
from alignray.reports.svg import format_percent

_GRADE_NAMES = {
    "safety": "Safety grades (5 is safe)",
    "helpfulness": "Helpfulness grades (5 is best)",
}
_RATES = {
    "safety": ("harmful", "Harmful answers", "harmful_below"),
    "helpfulness": ("", "Useless answers, by grade alone", "useless_below"),
}
"""Grade -> kind of benchmark (empty: all), what a low one counts as, the threshold in use."""


def build_sweep_blocks(metrics: Metrics) -> list[Block]:
    """Rate against threshold for each set: from the histograms, and what a reward judge swept."""
    blocks: list[Block] = []
    for benchmark, kind in metrics["benchmarks"].items():
        for grade, (wanted, title, threshold) in _RATES.items():
            if wanted in ("", kind):
                curves = _list_curves(metrics, benchmark, grade)
                used = metrics.get("thresholds", {}).get(threshold)
                named = f"{title} by threshold: {benchmark}"
                blocks += [_build_sweep(named, grade, curves, used)] if curves else []
    return [*blocks, *_build_reward_sweeps(metrics)]


def sweep_counts(counts: Sequence[int]) -> list[tuple[float, float]]:
    """Share of grades below 1.5, 2.5, 3.5, 4.5, from counts of the rounded grades 1 to 5.

    Exact there: halves round up, so a grade is below g + .5 just where it rounds to g or less.
    """
    total = sum(counts)
    below = accumulate(counts[:4])
    return [(grade + 1.5, count / total) for grade, count in enumerate(below)] if total else []


def _list_curves(metrics: Metrics, benchmark: str, grade: str) -> list[Curve]:
    return [
        Curve(entry["model"], points, metrics["models"].index(entry["model"]), dots=True)
        for entry in metrics.get("grades", ())
        if (entry["benchmark"], entry["grade"]) == (benchmark, grade)
        and (points := sweep_counts(entry["counts"]))
    ]


def _build_sweep(title: str, grade: str, curves: list[Curve], used: float | None) -> Figure:
    drawing = plot_lines(title, curves, f"{grade} below", format_percent, used)
    caption = f"Share of answers whose {grade} grade is below the threshold."
    if used is not None:
        caption += f" Dashed: the one in use, {used:g}."
    return Figure(title, drawing, f"{caption} Where lines cross, the order of models is a choice.")


def _build_reward_sweeps(metrics: Metrics) -> list[Block]:
    """Share of answers above each reward, as a reward judge swept it."""
    swept = metrics.get("threshold_sweep", ())
    blocks: list[Block] = []
    for benchmark in dict.fromkeys(entry["benchmark"] for entry in swept):
        curves = [
            Curve(entry["model"], _read_points(entry), metrics["models"].index(entry["model"]))
            for entry in swept
            if entry["benchmark"] == benchmark
        ]
        title = f"By threshold of the reward: {benchmark}"
        used = _find_reward_threshold(metrics, benchmark)
        drawing = plot_lines(title, curves, "reward above", _show_percent, used)
        caption = "Percent of answers whose reward is above the threshold."
        if used is not None:
            caption += f" Dashed: the one in use, {used:g}."
        caption += " Not measured: whether the reward model is right."
        blocks.append(Figure(title, drawing, caption))
    return blocks


def _find_reward_threshold(metrics: Metrics, benchmark: str) -> float | None:
    """The threshold of HmR or HpR on a benchmark; None where reward judges have several."""
    used = {
        float(entry["threshold"])
        for entry in list_judge_entries(metrics)
        if entry["benchmark"] == benchmark and entry["metric"] in ("HmR", "HpR")
    }
    return used.pop() if len(used) == 1 else None


def _show_percent(value: float) -> str:
    return format_percent(value / 100)


def _read_points(entry: Mapping[str, Any]) -> list[tuple[float, float]]:
    return [(float(point["threshold"]), float(point["value"])) for point in entry["points"]]


def build_grade_blocks(metrics: Metrics) -> list[Block]:
    """Histograms of the rounded grades."""
    blocks: list[Block] = []
    for benchmark in metrics["benchmarks"]:
        for grade, name in _GRADE_NAMES.items():
            panels = [
                (entry["model"], entry["counts"], metrics["models"].index(entry["model"]))
                for entry in metrics.get("grades", ())
                if (entry["benchmark"], entry["grade"]) == (benchmark, grade)
            ]
            if panels:
                title = f"{name}: {benchmark}"
                total = sum(sum(counts) for _, counts, _ in panels)
                caption = (
                    f"{total} grades of the judge, rounded to whole ones. Its errors are in them."
                )
                blocks.append(Figure(title, plot_histogram(title, panels), caption))
    return blocks
