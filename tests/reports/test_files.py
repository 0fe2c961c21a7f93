"""Drawings as files: SVG that stands alone, and a PNG with the same things in the same places."""

import io
from xml.etree import ElementTree

import pytest
from PIL import Image

from alignray.reports.files import build_svg_file, paint_png, resolve_style
from alignray.reports.plots import (
    Curve,
    Estimate,
    Whisker,
    plot_histogram,
    plot_intervals,
    plot_lines,
)
from alignray.reports.svg import build_drawing, build_element, build_line
from tests.reports.hostile import HOSTILE

SVG = "{http://www.w3.org/2000/svg}"
BLUE, ORANGE, WHITE = (37, 99, 168), (194, 82, 27), (255, 255, 255)


def paint(drawing):
    return Image.open(io.BytesIO(paint_png(drawing)))


def test_the_file_brings_its_namespace_style_and_heading():
    root = ElementTree.fromstring(build_svg_file(plot_lines("Loss: sft", [Curve("a", [(0, 1.0)])])))
    assert root.tag == f"{SVG}svg"
    assert ".curve{" in root.findtext(f"{SVG}style")
    heading = [text for text in root.iter(f"{SVG}text") if text.text == "Loss: sft"]
    top = float(root.get("viewBox").split()[1])
    assert top < float(heading[0].get("y")) < 0


@pytest.mark.parametrize("text", HOSTILE)
def test_names_are_text_and_never_markup(text):
    root = ElementTree.fromstring(build_svg_file(plot_lines(text, [Curve(text, [(0, 1.0)])])))
    names = {element.tag.removeprefix(SVG) for element in root.iter()}
    assert names <= {"svg", "style", "rect", "title", "line", "text", "circle"}


def test_shapes_are_painted_where_they_stand_in_their_colours():
    """Three pixels to a unit, below a heading of 26 units."""
    drawing = build_drawing(
        100,
        "x",
        [
            build_element("circle", {"cx": 50, "cy": 40, "r": 10, "class_": "dot c1"}),
            build_element(
                "rect", {"x": 100, "y": 10, "width": 20, "height": 20, "class_": "bar c2"}
            ),
            build_line(200, 50, 300, 50, "whisker c1"),
            build_element("polyline", {"points": "200,80 250,90 300,80", "class_": "curve c2"}),
        ],
    )
    image = paint(drawing)
    assert image.size == (3 * 340, 3 * 126)
    assert image.getpixel((150, 3 * (40 + 26))) == BLUE
    assert image.getpixel((150 + 45, 3 * (40 + 26))) == WHITE
    assert image.getpixel((330, 3 * (20 + 26))) == ORANGE
    assert image.getpixel((750, 3 * (50 + 26))) == BLUE
    assert image.getpixel((750, 3 * (89 + 26))) != WHITE
    assert image.getpixel((750, 3 * (70 + 26))) == WHITE


def test_the_heading_and_labels_are_painted():
    image = paint(build_drawing(50, "Loss", []))
    darkest = min(image.crop((0, 0, 340, 78)).convert("L").tobytes())
    assert darkest < 60
    assert set(image.crop((0, 78, 1020, 228)).convert("L").tobytes()) == {255}


def test_later_rules_win_and_the_colour_is_that_of_the_class():
    element = ElementTree.Element("line", {"class": "whisker thin c2"})
    assert resolve_style(element) == {
        "stroke": "#c2521b", "stroke-width": "1.5", "color": "#c2521b",
    }  # fmt: skip


def test_every_plot_can_be_painted():
    estimate = Estimate(0.5, 0.4, 0.6, 0.3, 0.7)
    for drawing in (
        plot_intervals("a", [Whisker("a", estimate, estimate)]),
        plot_histogram("a", [("a", [1, 2, 3, 4, 5], 1)]),
        plot_lines("a", [Curve("a", [(0, 1.0), (1, 2.0)], 1, dots=True)]),
    ):
        assert len(set(paint(drawing).convert("L").tobytes())) > 10
