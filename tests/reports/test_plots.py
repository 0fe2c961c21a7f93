"""Drawings are well-formed, and what they draw stands where the numbers say."""

import math
import xml.etree.ElementTree as ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alignray.reports.plots import (
    Curve,
    Estimate,
    Whisker,
    plot_histogram,
    plot_intervals,
    plot_lines,
    thin_points,
)
from alignray.reports.svg import Scale, build_element, build_ticks, format_percent
from tests.reports.hostile import HOSTILE


def find(drawing, tag, class_=""):
    root = ElementTree.fromstring(str(drawing))
    return [e for e in root.iter(tag) if class_ in e.get("class", "").split() or not class_]


def test_dot_stands_between_the_ends_of_its_whisker_in_proportion():
    whiskers = [Whisker("base", Estimate(0.5, 0.25, 0.75)), Whisker("sft", Estimate(0, 0, 0.1))]
    drawing = plot_intervals("harm", whiskers)
    line, _ = find(drawing, "line", "whisker")
    first, second = find(drawing, "circle", "dot")
    x1, x2 = float(line.get("x1")), float(line.get("x2"))
    assert float(first.get("cx")) == pytest.approx((x1 + x2) / 2)
    quarter = (x2 - x1) / 2
    assert float(second.get("cx")) == pytest.approx(x1 - quarter)
    assert [e.text for e in find(drawing, "text", "value")] == [
        format_percent(0.5),
        format_percent(0),
    ]


def test_truth_is_a_diamond_and_bounds_a_band_only_where_there_are_any():
    plain = plot_intervals("x", [Whisker("a", Estimate(0.5, 0.4, 0.6))])
    full = plot_intervals(
        "x", [Whisker("a", Estimate(0.5, 0.4, 0.6, 0.45, 0.7), Estimate(0.6, 0.5, 0.7))]
    )
    assert (len(find(plain, "polygon")), len(find(plain, "rect"))) == (0, 0)
    assert (len(find(full, "polygon")), len(find(full, "rect", "bounds"))) == (1, 1)


def test_a_name_that_does_not_fit_stands_above_its_line_and_keeps_both_ends():
    long = "sft (a-run-with-a-long-name-" + "x" * 30 + "-2026)"
    whiskers = [Whisker("base", Estimate(0.5, 0.25, 0.75)), Whisker(long, Estimate(0, 0, 0.1))]
    base, other = find(plot_intervals("harm", whiskers), "text", "name")
    assert base.get("text-anchor") is None and base.get("x") == other.get("x") == "10"
    assert other.text.startswith("sft (a-run-with") and other.text.endswith("-2026)")


def test_points_that_are_few_and_even_are_the_ticks_and_a_mark_is_a_line():
    points = [(1.5, 0.1), (2.5, 0.2), (3.5, 0.4), (4.5, 0.5)]
    drawing = plot_lines("x", [Curve("a", points)], "below", format_percent, 2.5)
    ticks = [e.text for e in find(drawing, "text", "tick")]
    assert {"1.5", "2.5", "3.5", "4.5"} <= set(ticks)
    [mark] = find(drawing, "line", "mark-line")
    [line] = find(drawing, "polyline")
    assert mark.get("x1") == line.get("points").split()[1].split(",")[0]


def test_a_legend_breaks_into_lines_that_stay_within_the_drawing():
    curves = [Curve(f"model-number-{i}", [(0, 1.0), (1, i)], i) for i in range(6)]
    names = find(plot_lines("x", curves), "text", "tick")[-6:]
    assert len({e.get("y") for e in names}) > 1
    assert max(float(e.get("x")) + 6.2 * len(e.text) for e in names) <= 345


def test_histogram_bars_are_shares_of_their_panel():
    drawing = plot_histogram("x", [("base", [0, 0, 0, 1, 3], 0), ("sft", [0, 0, 0, 0, 0], 1)])
    heights = [float(e.get("height")) for e in find(drawing, "rect", "bar")]
    assert heights[4] == pytest.approx(3 * heights[3]) and heights[5:] == [0] * 5


def test_lines_draw_all_points_and_one_point_is_a_dot():
    drawing = plot_lines(
        "loss", [Curve("a", [(0, 1.0), (10, 0.5), (20, 0.2)]), Curve("b", [(5, 1.0)])]
    )
    [line] = find(drawing, "polyline")
    points = [tuple(map(float, pair.split(","))) for pair in line.get("points").split()]
    assert len(points) == 3 and points[0][1] < points[1][1] < points[2][1]
    assert len(find(drawing, "circle")) == 1


@pytest.mark.parametrize(
    "curves", [[], [Curve("a", [])], [Curve("a", [(1, 2.0)])], [Curve("a", [(1, 0.0), (2, 0.0)])]]
)
def test_lines_of_little_or_nothing_are_still_drawings(curves):
    assert "nan" not in str(plot_lines("x", curves)).lower()


@pytest.mark.parametrize("text", HOSTILE)
def test_names_are_text_and_never_markup(text):
    estimate = Estimate(0.5, 0.4, 0.6)
    for drawing in (
        plot_intervals(text, [Whisker(text, estimate)]),
        plot_histogram(text, [(text, [1, 1, 1, 1, 1], 0)]),
        plot_lines(text, [Curve(text, [(0, 1.0), (1, 2.0)])], text),
    ):
        assert {e.tag for e in ElementTree.fromstring(str(drawing)).iter()} <= {
            "svg", "title", "text", "line", "circle", "rect", "polyline", "polygon",
        }  # fmt: skip


def test_attribute_values_are_escaped():
    element = build_element("a", {"class_": '"><b onclick="x'}, "<i>")
    assert str(element) == '<a class="&#34;&gt;&lt;b onclick=&#34;x">&lt;i&gt;</a>'


@given(st.floats(-1e6, 1e6), st.floats(1e-3, 1e6))
def test_ticks_are_few_even_and_inside(low, span):
    ticks = build_ticks(low, low + span)
    assert 2 <= len(ticks) <= 12
    assert all(low - span * 1e-6 <= tick <= low + span * (1 + 1e-6) for tick in ticks)


@given(st.lists(st.tuples(st.floats(0, 1e6), st.floats(-10, 10)), max_size=3000))
def test_thinned_points_keep_their_mean(points):
    thin = thin_points(points, 400)
    assert len(thin) <= 400
    if points and len(points) % 400 == 0:
        mean = math.fsum(y for _, y in points) / len(points)
        assert math.fsum(y for _, y in thin) / len(thin) == pytest.approx(mean)


def test_scale_maps_ends_and_holds_back_what_is_outside():
    scale = Scale(0, 1, 100, 300)
    assert [scale(v) for v in (0, 0.5, 1, 2, -1)] == [100, 200, 300, 300, 100]
    assert Scale(3, 3, 0, 10)(3) == 5
