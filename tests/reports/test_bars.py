"""Bars side by side: lengths, gaps, names."""

import xml.etree.ElementTree as ElementTree

import pytest

from alignray.reports.bars import Group, plot_amounts, plot_groups
from alignray.reports.plots import Estimate
from tests.reports.hostile import HOSTILE


def find(drawing, tag, class_=""):
    root = ElementTree.fromstring(str(drawing))
    return [e for e in root.iter(tag) if class_ in e.get("class", "").split() or not class_]


def test_bars_are_as_long_as_their_share_a_colour_for_each_model():
    groups = [
        Group("Malware", [Estimate(0.5, 0.4, 0.6), Estimate(0.25, 0.2, 0.3)]),
        Group("Fraud", [Estimate(1, 0.9, 1), None]),
        Group("Lost", [None, None]),
    ]
    drawing = plot_groups("x", ["base", "sft"], groups)
    bars = find(drawing, "rect", "bar")
    assert [e.get("class") for e in bars] == ["bar c0", "bar c1", "bar c0"]
    widths = [float(e.get("width")) for e in bars]
    assert widths == pytest.approx([widths[2] / 2, widths[2] / 4, widths[2]], abs=0.02)
    assert [e.text for e in find(drawing, "text")].count("no scored row") == 2
    height = float(ElementTree.fromstring(str(drawing)).get("viewBox").split()[3])
    assert max(float(e.get("y")) for e in find(drawing, "text")) <= height


def test_amounts_are_in_proportion_and_none_is_no_drawing_of_nothing():
    bars = find(plot_amounts("x", [("a", 10.0), ("b", 5.0), ("c", 0.0)]), "rect")
    assert float(bars[1].get("width")) == pytest.approx(float(bars[0].get("width")) / 2)
    assert float(bars[2].get("width")) == 1
    assert not find(plot_amounts("x", []), "rect")


@pytest.mark.parametrize("text", HOSTILE)
def test_names_are_text_and_never_markup(text):
    drawings = [
        plot_groups(text, [text], [Group(text, [Estimate(0.5, 0.4, 0.6)])]),
        plot_amounts(text, [(text, 1.0)]),
    ]
    for drawing in drawings:
        tags = {e.tag for e in ElementTree.fromstring(str(drawing)).iter()}
        assert tags <= {"svg", "title", "text", "line", "rect"}
