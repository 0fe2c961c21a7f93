"""Bars side by side: rates of all models by category, seconds by stage; pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from alignray.reports.plots import Curve, Estimate, draw_legend
from alignray.reports.svg import (
    NUM_COLORS,
    WIDTH,
    Scale,
    build_drawing,
    build_element,
    build_line,
    build_text,
    build_ticks,
    cut_label,
    format_number,
    format_percent,
)

_LABEL_CHARS = 46


@dataclass(frozen=True)
class Group:
    """One name and the values of all models below it; None where there is none.

    Example: `Group("Malware", [Estimate(0.6, 0.4, 0.8), None])`.
    """

    label: str
    values: Sequence[Estimate | None]


def plot_groups(title: str, names: Sequence[str], groups: Sequence[Group]) -> Markup:
    """Shares from 0 to 1 with whiskers, a group of bars for each name, a colour for each model."""
    models = [Curve(name, (), color) for color, name in enumerate(names)]
    legend, y = draw_legend(models, 10, 14)
    left, right, top, pitch = 10, WIDTH - 12, y + 10, 11
    height = 24 + pitch * len(names)
    bottom = top + height * len(groups)
    x = Scale(0, 1, left, right)
    parts = [*legend]
    for tick in build_ticks(0, 1):
        parts.append(build_line(x(tick), top, x(tick), bottom, "grid"))
        name = format_percent(tick)
        anchor = "end" if tick == 1 else "start" if tick == 0 else "middle"
        parts.append(build_text(x(tick), bottom + 15, name, class_="tick", text_anchor=anchor))
    for index, group in enumerate(groups):
        start = top + height * index
        label = cut_label(group.label, _LABEL_CHARS)
        parts.append(build_text(left, start + 14, label, class_="name"))
        if not any(group.values):
            parts.append(_draw_gap(left, start + 19))
            continue
        for color, value in enumerate(group.values):
            at = start + 19 + pitch * color
            parts += _draw_share(value, x, at, color) if value else [_draw_gap(left, at)]
    return build_drawing(bottom + 22, title, parts)


def _draw_share(value: Estimate, x: Scale, y: float, color: int) -> list[Markup]:
    name = f"c{color % NUM_COLORS}"
    width = round(max(1.0, x(value.value) - x.start), 2)
    box = {"x": x.start, "y": round(y, 2), "width": width, "height": 8, "class_": f"bar {name}"}
    middle = y + 4
    line = build_line(x(value.low), middle, x(value.high), middle, "axis-line")
    ends = [build_line(x(at), y + 1.5, x(at), y + 6.5, "axis-line") for at in _ends(value)]
    return [build_element("rect", box), line, *ends]


def _ends(value: Estimate) -> tuple[float, float]:
    return value.low, value.high


def _draw_gap(left: float, y: float) -> Markup:
    return build_text(left, y + 8, "no scored row", class_="tick")


def plot_amounts(
    title: str,
    amounts: Sequence[tuple[str, float]],
    show: Callable[[float], str] = format_number,
) -> Markup:
    """Amounts of one kind (seconds, tokens) as bars, each with its name and number."""
    left, right, row = 104, WIDTH - 62, 22
    x = Scale(0, max((amount for _, amount in amounts), default=1) or 1, left, right)
    parts = []
    for index, (label, amount) in enumerate(amounts):
        y = 6 + row * index
        name = cut_label(label, 14)
        parts.append(build_text(left - 10, y + 12, name, class_="name", text_anchor="end"))
        width = round(max(1.0, x(amount) - left), 2)
        box = {"x": left, "y": y + 2, "width": width, "height": 12, "class_": "bar c1"}
        parts.append(build_element("rect", box))
        at = left + width + 6
        parts.append(build_text(at, y + 12, show(amount), class_="tick"))
    return build_drawing(10 + row * len(amounts), title, parts)
