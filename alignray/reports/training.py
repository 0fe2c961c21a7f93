"""What a training's metrics are drawn as: losses, learning rate, gradients, rewards.

A drawing is on the report's page, and a file of its own in the stage's `plots/` (`files.py`). All
but `write_training_plots` is pure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from alignray.reports.files import write_drawing
from alignray.reports.page import Figure
from alignray.reports.plots import Curve, plot_lines, thin_points


@dataclass(frozen=True)
class Plot:
    """One drawing: the name of its file, its title, and the metrics in it."""

    name: str
    title: str
    metrics: tuple[str, ...]


_PLOTS = (
    Plot("loss", "Loss", ("loss", "eval_loss")),
    Plot("perplexity", "Perplexity of the evaluation rows", ("eval_perplexity",)),
    Plot("learning_rate", "Learning rate", ("learning_rate",)),
    Plot("grad_norm", "Gradient norm", ("grad_norm",)),
    Plot("rewards", "Rewards", ("rewards/chosen", "rewards/rejected")),
    Plot(
        "margins",
        "Reward margin (chosen minus rejected)",
        ("rewards/margins", "eval_rewards/margins"),
    ),
    Plot(
        "accuracies",
        "Share of pairs ordered rightly",
        ("rewards/accuracies", "eval_rewards/accuracies"),
    ),
)
_TRAINED = "On the training data: it says that training worked, not that the model is safe."
_HELD_OUT = "Dots: evaluations. It says how well the data is fitted, not that the model is safe."


def build_training_figures(stage: str, metrics: Mapping[str, Any]) -> dict[str, Figure]:
    """Name of the file -> drawing, for whatever was logged."""
    figures = {plot.name: _build_figure(stage, metrics, plot) for plot in _PLOTS}
    return {name: figure for name, figure in figures.items() if figure is not None}


def write_training_plots(stage_dir: Path, metrics: Mapping[str, Any]) -> None:
    """Writes the drawings into the stage's plots/, as SVG and PNG.

    Raises:
        StorageError: no space, no permission.
    """
    for name, figure in build_training_figures(stage_dir.name, metrics).items():
        write_drawing(stage_dir / "plots", name, figure.drawing)


def _build_figure(stage: str, metrics: Mapping[str, Any], plot: Plot) -> Figure | None:
    logged = [*metrics.get("curve", []), *metrics.get("evaluations", [])]
    curves = [
        Curve(name, thin_points(points), color, dots=name.startswith("eval_"))
        for color, name in enumerate(plot.metrics, start=1)
        if (points := _list_points(logged, name))
    ]
    if not curves:
        return None
    shown, steps = sum(len(curve.points) for curve in curves), metrics.get("steps", "?")
    caption = f"{shown} logged points over {steps} steps. "
    caption += _HELD_OUT if any(curve.dots for curve in curves) else _TRAINED
    result = metrics.get("result_step", steps)
    if result != steps:
        caption += f" The result is the model of step {result}."
    title = f"{plot.title}: {stage}"
    return Figure(title, plot_lines(title, curves), caption)


def _list_points(logged: Sequence[Any], name: str) -> list[tuple[float, float]]:
    return [
        (float(entry["step"]), float(entry[name]))
        for entry in logged
        if isinstance(entry, Mapping) and name in entry and "step" in entry
    ]
