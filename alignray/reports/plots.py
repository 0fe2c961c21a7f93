"""The plots of the report: numbers in, inline SVG out; pure.

- `plot_intervals`: values with whiskers, one line per model (forest plot).
- `plot_histogram`: counts of grades, one panel per model.
- `plot_lines`: training curves.

`scatter.py` and `bars.py` have the others.
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
_LONG_LABEL_CHARS = 46


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
    above = any(len(whisker.label) > _LABEL_CHARS for whisker in whiskers)
    left, right, top, row = (10 if above else 104), WIDTH - 58, 8, (46 if above else 32)
    bottom = top + row * len(whiskers)
    x = Scale(*domain, left, right)
    parts = []
    for tick in build_ticks(*domain):
        parts.append(build_line(x(tick), top, x(tick), bottom, "grid"))
        anchor = "start" if x(tick) < 20 else "middle"
        parts.append(
            build_text(x(tick), bottom + 15, show(tick), class_="tick", text_anchor=anchor)
        )
    for index, whisker in enumerate(whiskers):
        middle = top + row * (index + (0.66 if above else 0.5))
        parts.append(_draw_label(whisker.label, left, middle, above))
        value = show(whisker.judged.value)
        parts.append(build_text(WIDTH - 2, middle + 4, value, class_="value", text_anchor="end"))
        parts += _draw_whisker(whisker, x, middle)
    return build_drawing(bottom + 22, title, parts)


def _draw_label(text: str, left: float, middle: float, above: bool) -> Markup:
    """The name of a line: left of it, or on a line of its own where one does not fit there."""
    if above:
        return build_text(left, middle - 15, cut_label(text, _LONG_LABEL_CHARS), class_="name")
    return build_text(left - 10, middle + 4, text, class_="name", text_anchor="end")


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


def plot_histogram(title: str, panels: Sequence[tuple[str, Sequence[int], int]]) -> Markup:
    """Shares of the grades 1 to 5; a panel is (label, counts, colour)."""
    above = any(len(label) > _LABEL_CHARS for label, _, _ in panels)
    left, right, panel, top = (10 if above else 104), WIDTH - 12, (74 if above else 58), 6
    slot = (right - left) / 5
    parts = []
    for index, (label, counts, color) in enumerate(panels):
        base = top + panel * (index + 1) - 8
        total = sum(counts) or 1
        parts.append(build_line(left, base, right, base, "axis-line"))
        parts.append(_draw_label(label, left, base - (42 if above else 18), above))
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


def plot_lines(
    title: str,
    curves: Sequence[Curve],
    x_name: str = "step",
    show: Callable[[float], str] = format_number,
    mark: float | None = None,
) -> Markup:
    """Curves over one axis; a curve of a single point is a dot.

    Args:
        title: name of the drawing.
        curves: what is drawn.
        x_name: what the axis is.
        show: how the values of the other axis are written.
        mark: a place on the axis with a line of its own, such as a threshold in use.
    """
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
            build_text(left - 6, y(tick) + 4, show(tick), class_="tick", text_anchor="end")
        )
    for tick in _list_places(xs) or build_ticks(x.low, x.high):
        name = format_number(tick)
        parts.append(build_text(x(tick), bottom + 15, name, class_="tick", text_anchor="middle"))
    if mark is not None:
        parts.append(build_line(x(mark), top, x(mark), bottom, "mark-line"))
    for curve in curves:
        parts += _draw_curve(curve, x, y)
    names, end = draw_legend(curves, left, bottom + 30, len(x_name))
    parts.append(build_text(right, bottom + 30, x_name, class_="axis", text_anchor="end"))
    return build_drawing(end + 8, title, [*parts, *names])


def _list_places(xs: Sequence[float]) -> list[float]:
    """The places of points that are few and evenly apart, such as thresholds; else none."""
    places = sorted(set(xs))
    steps = {round(b - a, 6) for a, b in pairwise(places)}
    return places if 1 < len(places) <= 6 and len(steps) == 1 else []


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


def draw_legend(
    curves: Sequence[Curve], left: float, y: float, taken: int = 0
) -> tuple[list[Markup], float]:
    """The names of curves in lines from `y` on, and where the last line stands.

    Args:
        curves: what is named.
        left: where the first name begins.
        y: the baseline of the first line.
        taken: characters at the end of the first line that are in use.
    """
    parts, x = [], left
    end = WIDTH - 12 - 6.5 * taken
    for curve in curves:
        label, color = cut_label(curve.label, _LONG_LABEL_CHARS), f"c{curve.color % NUM_COLORS}"
        width = 28 + 6.2 * len(label)
        if x + width - 12 > end and (x > left or taken):
            x, y, end, taken = left, y + 15, WIDTH - 12, 0
        parts.append(build_line(x, y - 4, x + 12, y - 4, f"curve {color}"))
        parts.append(build_text(x + 16, y, label, class_="tick"))
        x += width
    return parts, y


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
