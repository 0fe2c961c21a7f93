"""The plots of the report: numbers in, inline SVG out; pure.

- `plot_intervals`: values with whiskers, one line per model (forest plot).
- `plot_scatter`: two rates against each other, whiskers both ways.
- `plot_histogram`: counts of grades, one panel per model.
- `plot_lines`: training curves.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from markupsafe import Markup

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

_LABEL_CHARS = 14
_LEGEND_CHARS = 20


@dataclass(frozen=True)
class Estimate:
    """A value with its 95 % interval, and the bounds if unscored rows went either way.

    Example: `Estimate(value=0.62, low=0.56, high=0.68, low_bound=0.61, high_bound=0.63)`.
    """

    value: float
    low: float
    high: float
    low_bound: float | None = None
    high_bound: float | None = None


@dataclass(frozen=True)
class Whisker:
    """One line of an interval plot: the judge's estimate and, where it is known, the true one."""

    label: str
    judged: Estimate
    true: Estimate | None = None
    color: int = 0


@dataclass(frozen=True)
class Point:
    """One point of a scatter plot."""

    label: str
    x: Estimate
    y: Estimate
    color: int = 0


@dataclass(frozen=True)
class Curve:
    """One line of a line plot: points in order of x, each marked where `dots`."""

    label: str
    points: Sequence[tuple[float, float]]
    color: int = 0
    dots: bool = False


def plot_intervals(
    title: str,
    whiskers: Sequence[Whisker],
    domain: tuple[float, float] = (0.0, 1.0),
    show: Callable[[float], str] = format_percent,
) -> Markup:
    """Values with their whiskers, one line each; the truth as a diamond below the judge's dot."""
    left, right, top, row = 104, WIDTH - 58, 8, 32
    bottom = top + row * len(whiskers)
    x = Scale(*domain, left, right)
    parts = []
    for tick in build_ticks(*domain):
        parts.append(build_line(x(tick), top, x(tick), bottom, "grid"))
        parts.append(
            build_text(x(tick), bottom + 15, show(tick), class_="tick", text_anchor="middle")
        )
    for index, whisker in enumerate(whiskers):
        middle = top + row * (index + 0.5)
        label = cut_label(whisker.label, _LABEL_CHARS)
        parts.append(build_text(left - 10, middle + 4, label, class_="name", text_anchor="end"))
        value = show(whisker.judged.value)
        parts.append(build_text(WIDTH - 2, middle + 4, value, class_="value", text_anchor="end"))
        parts += _draw_whisker(whisker, x, middle)
    return build_drawing(bottom + 22, title, parts)


def _draw_whisker(whisker: Whisker, x: Scale, middle: float) -> list[Markup]:
    color = f"c{whisker.color % NUM_COLORS}"
    shift = 5 if whisker.true else 0
    judged, y = whisker.judged, middle - shift
    parts = []
    if judged.low_bound is not None and judged.high_bound is not None:
        start, end = x(judged.low_bound), x(judged.high_bound)
        if end > start:
            box = {"x": start, "y": y - 6, "width": round(end - start, 2), "height": 12}
            parts.append(build_element("rect", {**box, "class_": f"bounds {color}"}))
    parts.append(build_line(x(judged.low), y, x(judged.high), y, f"whisker {color}"))
    dot = {"cx": x(judged.value), "cy": y, "r": 4.5, "class_": f"dot {color}"}
    parts.append(build_element("circle", dot))
    if whisker.true:
        y, true = middle + shift + 1, whisker.true
        parts.append(build_line(x(true.low), y, x(true.high), y, f"whisker thin {color}"))
        parts.append(_draw_diamond(x(true.value), y, color))
    return parts


def _draw_diamond(x: float, y: float, color: str) -> Markup:
    points = f"{x - 4.5},{y} {x},{y - 4.5} {x + 4.5},{y} {x},{y + 4.5}"
    return build_element("polygon", {"points": points, "class_": f"hollow {color}"})


def plot_scatter(title: str, points: Sequence[Point], x_name: str, y_name: str) -> Markup:
    """Two rates from 0 to 1 against each other; the lower left corner is the best."""
    left, right, top, bottom = 44, WIDTH - 20, 10, 236
    x, y = Scale(0, 1, left, right), Scale(0, 1, bottom, top)
    parts = []
    for tick in build_ticks(0, 1):
        parts.append(build_line(x(tick), top, x(tick), bottom, "grid"))
        parts.append(build_line(left, y(tick), right, y(tick), "grid"))
        name = format_percent(tick)
        parts.append(build_text(x(tick), bottom + 15, name, class_="tick", text_anchor="middle"))
        parts.append(build_text(left - 6, y(tick) + 4, name, class_="tick", text_anchor="end"))
    parts.append(
        build_text((left + right) / 2, bottom + 33, x_name, class_="axis", text_anchor="middle")
    )
    parts.append(build_text(left + 4, top + 12, f"↑ {y_name}", class_="axis"))
    taken: list[tuple[float, float]] = []
    for point in points:
        label_at = _place_label((x(point.x.value), y(point.y.value)), taken)
        taken.append(label_at)
        parts += _draw_point(point, x, y, label_at[1])
    return build_drawing(bottom + 40, title, parts)


def _place_label(
    point: tuple[float, float], taken: Sequence[tuple[float, float]]
) -> tuple[float, float]:
    """Above its point, or as far below as it takes to clear the labels that stand there."""
    across, up = point[0], point[1] - 8
    while any(abs(across - x) < 80 and abs(up - y) < 12 for x, y in taken):
        up += 12
    return across, up


def _draw_point(point: Point, x: Scale, y: Scale, label_at: float) -> list[Markup]:
    color = f"c{point.color % NUM_COLORS}"
    across, up = x(point.x.value), y(point.y.value)
    near_end = across > WIDTH * 0.65
    return [
        build_line(x(point.x.low), up, x(point.x.high), up, f"whisker thin {color}"),
        build_line(across, y(point.y.low), across, y(point.y.high), f"whisker thin {color}"),
        build_element("circle", {"cx": across, "cy": up, "r": 5, "class_": f"dot {color}"}),
        build_text(
            across + (-9 if near_end else 9),
            label_at,
            cut_label(point.label, _LABEL_CHARS),
            class_=f"name text {color}",
            text_anchor="end" if near_end else "start",
        ),
    ]


def plot_histogram(title: str, panels: Sequence[tuple[str, Sequence[int], int]]) -> Markup:
    """Shares of the grades 1 to 5; a panel is (label, counts, colour)."""
    left, right, panel, top = 104, WIDTH - 12, 58, 6
    slot = (right - left) / 5
    parts = []
    for index, (label, counts, color) in enumerate(panels):
        base = top + panel * (index + 1) - 8
        total = sum(counts) or 1
        parts.append(build_line(left, base, right, base, "axis-line"))
        name = cut_label(label, _LABEL_CHARS)
        parts.append(build_text(left - 10, base - 14, name, class_="name", text_anchor="end"))
        bars = Scale(0, total, 0, 34)
        for grade, count in enumerate(counts):
            x = left + slot * grade
            parts += _draw_bar((x, base), slot, bars(count), (str(count), color))
    bottom = top + panel * len(panels)
    for grade in range(5):
        x = left + slot * (grade + 0.5)
        parts.append(build_text(x, bottom + 6, str(grade + 1), class_="axis", text_anchor="middle"))
    return build_drawing(bottom + 12, title, parts)


def _draw_bar(
    place: tuple[float, float], slot: float, height: float, shown: tuple[str, int]
) -> list[Markup]:
    (x, base), (text, color) = place, shown
    box: dict[str, object] = {"x": round(x + 6, 2), "y": round(base - height, 2)}
    box |= {"width": round(slot - 12, 2), "height": height, "class_": f"bar c{color % NUM_COLORS}"}
    middle = {"class_": "tick", "text_anchor": "middle"}
    number = build_text(x + slot / 2, base - height - 3, text, **middle)
    return [build_element("rect", box), number]


def plot_lines(title: str, curves: Sequence[Curve], x_name: str = "step") -> Markup:
    """Curves over one axis; a curve of a single point is a dot."""
    curves = [curve for curve in curves if curve.points]
    xs = [point[0] for curve in curves for point in curve.points]
    ys = [point[1] for curve in curves for point in curve.points]
    left, right, top, bottom = 54, WIDTH - 12, 10, 150
    x = Scale(min(xs, default=0), max(xs, default=1), left, right)
    y = Scale(*_pad(min(ys, default=0), max(ys, default=1)), bottom, top)
    parts = []
    for tick in build_ticks(y.low, y.high, 3):
        parts.append(build_line(left, y(tick), right, y(tick), "grid"))
        parts.append(
            build_text(left - 6, y(tick) + 4, format_number(tick), class_="tick", text_anchor="end")
        )
    for tick in build_ticks(x.low, x.high):
        name = format_number(tick)
        parts.append(build_text(x(tick), bottom + 15, name, class_="tick", text_anchor="middle"))
    parts.append(build_text(right, bottom + 30, x_name, class_="axis", text_anchor="end"))
    for curve in curves:
        parts += _draw_curve(curve, x, y)
    names = _draw_legend(curves, left, bottom + 30)
    return build_drawing(bottom + 38, title, [*parts, *names])


def _draw_curve(curve: Curve, x: Scale, y: Scale) -> list[Markup]:
    color = f"c{curve.color % NUM_COLORS}"
    parts = []
    if len(curve.points) > 1:
        points = " ".join(f"{x(at)},{y(value)}" for at, value in curve.points)
        parts.append(build_element("polyline", {"points": points, "class_": f"curve {color}"}))
    if curve.dots or len(curve.points) == 1:
        for at, value in curve.points:
            dot = {"cx": x(at), "cy": y(value), "r": 3, "class_": f"dot {color}"}
            parts.append(build_element("circle", dot))
    return parts


def _draw_legend(curves: Sequence[Curve], left: float, y: float) -> list[Markup]:
    parts, x = [], left
    for curve in curves:
        label = cut_label(curve.label, _LEGEND_CHARS)
        color = f"c{curve.color % NUM_COLORS}"
        parts.append(build_line(x, y - 4, x + 12, y - 4, f"curve {color}"))
        parts.append(build_text(x + 16, y, label, class_="tick"))
        x += 28 + 6.2 * len(label)
    return parts


def _pad(low: float, high: float) -> tuple[float, float]:
    margin = 0.06 * (high - low) or abs(high) * 0.1 or 1.0
    return low - margin, high + margin


def thin_points(
    points: Sequence[tuple[float, float]], limit: int = 400
) -> list[tuple[float, float]]:
    """At most about `limit` points: means of equal runs of neighbours."""
    size = -(-len(points) // limit)
    if size <= 1:
        return list(points)
    starts = [*range(0, len(points), size), len(points)]
    return [_mean_point(points[start:end]) for start, end in pairwise(starts)]


def _mean_point(points: Sequence[tuple[float, float]]) -> tuple[float, float]:
    n = len(points)
    return sum(p[0] for p in points) / n, sum(p[1] for p in points) / n
