"""Two numbers against each other: places, front, labels."""

import xml.etree.ElementTree as ElementTree

import pytest

from alignray.reports.plots import Estimate
from alignray.reports.scatter import Axis, Point, find_front_names, plot_scatter
from tests.reports.hostile import HOSTILE

LOW, HIGH = Estimate(0.1, 0.05, 0.2), Estimate(0.9, 0.8, 0.95)
WORST = Estimate(0.95, 0.9, 0.99)


def find(drawing, tag, class_=""):
    root = ElementTree.fromstring(str(drawing))
    return [e for e in root.iter(tag) if class_ in e.get("class", "").split() or not class_]


def test_high_values_are_up_and_right():
    drawing = plot_scatter(
        "x", [Point("a", LOW, LOW), Point("b", HIGH, HIGH, 1)], Axis("x"), Axis("y")
    )
    a, b = find(drawing, "circle")
    assert float(a.get("cx")) < float(b.get("cx")) and float(a.get("cy")) > float(b.get("cy"))


def test_the_front_goes_through_its_points_alone():
    points = [Point("a", LOW, HIGH), Point("b", HIGH, LOW, 1), Point("c", WORST, WORST, 2)]
    assert find_front_names(points, Axis("x"), Axis("y")) == ["a", "b"]
    drawing = plot_scatter("x", points, Axis("x"), Axis("y"))
    [front] = find(drawing, "polyline", "front")
    places = [(e.get("cx"), e.get("cy")) for e in find(drawing, "circle")]
    corners = [tuple(pair.split(",")) for pair in front.get("points").split()]
    assert [place in corners for place in places] == [True, True, False]


def test_where_higher_is_better_the_front_faces_right():
    points = [Point("a", LOW, LOW), Point("b", HIGH, LOW, 1)]
    x_axis = Axis("x", "higher")
    assert find_front_names(points, x_axis, Axis("y")) == ["b"]
    drawing = plot_scatter("x", points, x_axis, Axis("y"))
    corners = [
        tuple(map(float, pair.split(",")))
        for pair in find(drawing, "polyline", "front")[0].get("points").split()
    ]
    assert corners[0][1] < corners[-1][1] and corners[-1][0] < corners[0][0]


def test_axes_end_at_the_next_round_number_beyond_the_whiskers():
    small = Estimate(0.01, 0.0, 0.09)
    drawing = plot_scatter("x", [Point("a", small, HIGH)], Axis("x"), Axis("y"))
    ticks = [e.text for e in find(drawing, "text", "tick")]
    assert "10\N{NO-BREAK SPACE}%" in ticks and ticks.count("100\N{NO-BREAK SPACE}%") == 1


def test_long_names_are_numbered_and_named_below():
    names = [f"a-model-with-a-long-name-{i}" for i in range(3)]
    points = [Point(name, LOW, LOW, i) for i, name in enumerate(names)]
    texts = [e.text for e in find(plot_scatter("x", points, Axis("x"), Axis("y")), "text")]
    assert {"1", "2", "3"} <= set(texts)
    assert [t for t in texts if t.endswith(tuple(names))] == [
        f"{i} {n}" for i, n in enumerate(names, 1)
    ]


@pytest.mark.parametrize("text", HOSTILE)
def test_names_are_text_and_never_markup(text):
    drawing = plot_scatter(text, [Point(text, LOW, LOW)], Axis(text), Axis(text))
    assert {e.tag for e in ElementTree.fromstring(str(drawing)).iter()} <= {
        "svg", "title", "text", "line", "circle", "polyline",
    }  # fmt: skip
