"""Two numbers of every model against each other, with their Pareto front; pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from markupsafe import Markup

from alignray.reports.pareto import find_front, trace_stairs
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
    format_percent,
    round_up_share,
)

_LABEL_CHARS = 14
_LEFT, _RIGHT, _TOP, _BOTTOM = 44, WIDTH - 20, 26, 246


@dataclass(frozen=True)
class Point:
    """One model in a scatter plot."""

    label: str
    x: Estimate
    y: Estimate
    color: int = 0


@dataclass(frozen=True)
class Axis:
    """What an axis shows, and which way is better."""

    name: str
    direction: Literal["lower", "higher"] = "lower"

    def cost(self, value: float) -> float:
        """The value as something of which less is better; of a cost, the value."""
        return value if self.direction == "lower" else -value


def find_front_names(points: Sequence[Point], x_axis: Axis, y_axis: Axis) -> list[str]:
    """The labels of the points that none beats, by their values alone."""
    return find_front({p.label: (x_axis.cost(p.x.value), y_axis.cost(p.y.value)) for p in points})


def plot_scatter(title: str, points: Sequence[Point], x_axis: Axis, y_axis: Axis) -> Markup:
    """Two shares against each other with whiskers both ways; a dashed line is the Pareto front.

    Each axis covers what there is to see: from 0 (from 1 down, where higher is better) to the next
    round number beyond the last whisker.
    """
    x = Scale(*_find_domain([p.x for p in points], x_axis), _LEFT, _RIGHT)
    y = Scale(*_find_domain([p.y for p in points], y_axis), _BOTTOM, _TOP)
    parts = [*_draw_axes(x, y), *_draw_names(x_axis.name, y_axis.name)]
    parts += _draw_front(points, (x_axis, y_axis), (x, y))
    short = all(len(point.label) <= _LABEL_CHARS for point in points)
    taken: list[tuple[float, float]] = []
    for number, point in enumerate(points, start=1):
        at = _place_label((x(point.x.value), y(point.y.value)), taken)
        taken.append(at)
        parts += _draw_point(point, x, y, (point.label if short else str(number), at[1]))
    if short:
        return build_drawing(_BOTTOM + 40, title, parts)
    named = [Curve(f"{i}  {p.label}", (), p.color) for i, p in enumerate(points, start=1)]
    names, end = draw_legend(named, 10, _BOTTOM + 54)
    return build_drawing(end + 8, title, [*parts, *names])


def _find_domain(estimates: Sequence[Estimate], axis: Axis) -> tuple[float, float]:
    if axis.direction == "lower":
        return 0.0, round_up_share(max((e.high for e in estimates), default=1.0))
    return 1 - round_up_share(1 - min((e.low for e in estimates), default=0.0)), 1.0


def _draw_axes(x: Scale, y: Scale) -> list[Markup]:
    parts = []
    for tick in build_ticks(x.low, x.high):
        parts.append(build_line(x(tick), _TOP, x(tick), _BOTTOM, "grid"))
        name = format_percent(tick)
        parts.append(build_text(x(tick), _BOTTOM + 15, name, class_="tick", text_anchor="middle"))
    for tick in build_ticks(y.low, y.high):
        parts.append(build_line(_LEFT, y(tick), _RIGHT, y(tick), "grid"))
        name = format_percent(tick)
        parts.append(build_text(_LEFT - 6, y(tick) + 4, name, class_="tick", text_anchor="end"))
    return parts


def _draw_names(x_name: str, y_name: str) -> list[Markup]:
    middle = (_LEFT + _RIGHT) / 2
    return [
        build_text(middle, _BOTTOM + 33, f"{x_name} →", class_="axis", text_anchor="middle"),
        build_text(_LEFT - 34, 12, f"↑ {y_name}", class_="axis"),
    ]


def _draw_front(
    points: Sequence[Point], axes: tuple[Axis, Axis], scales: tuple[Scale, Scale]
) -> list[Markup]:
    """The border between what some model reaches and what none does."""
    front = set(find_front_names(points, *axes))
    if not front:
        return []
    worst = [
        axis.cost(scale.high if axis.direction == "lower" else scale.low)
        for axis, scale in zip(axes, scales, strict=True)
    ]
    corners = trace_stairs(
        [(axes[0].cost(p.x.value), axes[1].cost(p.y.value)) for p in points if p.label in front],
        (worst[0], worst[1]),
    )
    drawn = " ".join(
        f"{scales[0](axes[0].cost(a))},{scales[1](axes[1].cost(b))}" for a, b in corners
    )
    return [build_element("polyline", {"points": drawn, "class_": "front"})]


def _place_label(
    point: tuple[float, float], taken: Sequence[tuple[float, float]]
) -> tuple[float, float]:
    """Above its point, or as far above as it takes to clear the labels that stand there."""
    across, up = point[0], point[1] - 8
    while any(abs(across - x) < 80 and abs(up - y) < 12 for x, y in taken):
        up -= 12
    return across, up


def _draw_point(point: Point, x: Scale, y: Scale, label: tuple[str, float]) -> list[Markup]:
    color = f"c{point.color % NUM_COLORS}"
    across, up = x(point.x.value), y(point.y.value)
    near_end = across > WIDTH * 0.65
    return [
        build_line(x(point.x.low), up, x(point.x.high), up, f"whisker thin {color}"),
        build_line(across, y(point.y.low), across, y(point.y.high), f"whisker thin {color}"),
        build_element("circle", {"cx": across, "cy": up, "r": 5, "class_": f"dot {color}"}),
        build_text(
            across + (-9 if near_end else 9),
            label[1],
            label[0],
            class_=f"name text {color}",
            text_anchor="end" if near_end else "start",
        ),
    ]
