"""A drawing as a file of its own: SVG with its style in it, and the same picture as PNG.

The PNG is painted from the SVG, so that there is one layout: of SVG it knows what `plots.py` draws
(line, polyline, polygon, circle, rect, text) in the styles below, which are those of the page's
light theme (`page.css`).
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree import ElementTree

from markupsafe import Markup

from alignray.durable import make_directory, write_bytes, write_text

if TYPE_CHECKING:
    from PIL.ImageDraw import ImageDraw

_GROUND, _INK, _SOFT, _RULE = "#ffffff", "#1d232b", "#5c6672", "#dfdcd3"
_COLORS = ("#5b6672", "#2563a8", "#c2521b", "#23805a", "#8247b5", "#8a6500")
_STYLES: dict[str, dict[str, str]] = {
    "text": {"fill": _INK, "font-size": "12px"},
    ".tick": {"fill": _SOFT, "font-size": "10.5px"},
    ".axis": {"fill": _SOFT, "font-size": "11.5px"},
    ".grid": {"stroke": _RULE, "stroke-width": "1"},
    ".axis-line": {"stroke": _SOFT, "stroke-width": "1"},
    ".whisker": {"stroke": "currentColor", "stroke-width": "2.5"},
    ".thin": {"stroke-width": "1.5"},
    ".dot": {"fill": "currentColor"},
    ".bar": {"fill": "currentColor"},
    ".bounds": {"fill": "currentColor", "opacity": ".2"},
    ".hollow": {"fill": _GROUND, "stroke": "currentColor", "stroke-width": "1.8"},
    ".curve": {"fill": "none", "stroke": "currentColor", "stroke-width": "1.8"},
    ".text": {"fill": "currentColor"},
    **{f".c{index}": {"color": color} for index, color in enumerate(_COLORS)},
}
_SCALE = 3
"""Pixels of a PNG per unit of a drawing."""
_SMOOTHING = 2
"""How much larger it is painted before it is scaled down, which smooths its lines."""
_HEADING = 26
"""Height of the strip with the title, above the drawing."""
_ANCHORS = {"start": "ls", "middle": "ms", "end": "rs"}
"""SVG's text-anchor -> Pillow's anchor on the baseline."""


def write_drawing(directory: Path, name: str, drawing: Markup) -> None:
    """Writes NAME.svg and NAME.png."""
    make_directory(directory)
    write_text(directory / f"{name}.svg", build_svg_file(drawing))
    write_bytes(directory / f"{name}.png", paint_png(drawing))


def build_svg_file(drawing: Markup) -> str:
    """The drawing with heading, namespace, size, ground and style, as browsers open it."""
    root = _add_heading(drawing)
    width, height = _read_size(root)
    root.attrib = {
        "xmlns": "http://www.w3.org/2000/svg",
        "width": f"{2 * width:g}",
        "height": f"{2 * height:g}",
        "font-family": "system-ui, sans-serif",
        **root.attrib,
    }
    style = ElementTree.Element("style")
    style.text = "".join(f"{selector}{{{_join(rule)}}}" for selector, rule in _STYLES.items())
    ground = {"y": f"{-_HEADING}", "width": "100%", "height": "100%", "fill": _GROUND}
    root[:0] = [style, ElementTree.Element("rect", ground)]
    return ElementTree.tostring(root, encoding="unicode") + "\n"


def paint_png(drawing: Markup) -> bytes:
    """The drawing with its heading as PNG, three pixels to a unit."""
    from PIL import Image, ImageDraw

    root = _add_heading(drawing)
    width, height = (round(side * _SCALE) for side in _read_size(root))
    image = Image.new("RGB", (width * _SMOOTHING, height * _SMOOTHING), _GROUND)
    painter = _Painter(ImageDraw.Draw(image))
    for element in root.iter():
        painter.paint(element)
    stream = io.BytesIO()
    image.resize((width, height), Image.Resampling.LANCZOS).save(stream, "PNG")
    return stream.getvalue()


def resolve_style(element: ElementTree.Element) -> dict[str, str]:
    """The style of an element: of its tag, then of its classes in the order of the style sheet."""
    classes = {f".{name}" for name in element.get("class", "").split()} | {element.tag}
    style: dict[str, str] = {}
    for selector, rule in _STYLES.items():
        if selector in classes:
            style |= rule
    color = style.get("color", _INK)
    return {name: color if value == "currentColor" else value for name, value in style.items()}


class _Painter:
    """Paints elements of a drawing with Pillow."""

    def __init__(self, canvas: ImageDraw) -> None:
        self.canvas = canvas
        self.unit = _SCALE * _SMOOTHING

    def paint(self, element: ElementTree.Element) -> None:
        """Paints one element; those that are no shapes are nothing to see."""
        style, kind = resolve_style(element), element.tag
        fill, stroke = style.get("fill", "none"), style.get("stroke")
        width = round(float(style.get("stroke-width", 1)) * self.unit)
        if kind == "line":
            ends = [self._place(element, "x1", "y1"), self._place(element, "x2", "y2")]
            self.canvas.line(ends, stroke, width)
        elif kind == "polyline":
            self.canvas.line(self._read_points(element), stroke, width, joint="curve")
        elif kind == "polygon":
            self.canvas.polygon(self._read_points(element), fill, stroke, width)
        elif kind == "circle":
            radius = float(element.attrib["r"]) * self.unit
            self.canvas.circle(self._place(element, "cx", "cy"), radius, fill)
        elif kind == "rect":
            x, y = self._place(element, "x", "y")
            sides = [float(element.attrib[name]) * self.unit for name in ("width", "height")]
            self.canvas.rectangle((x, y, x + sides[0], y + sides[1]), _soften(fill, style))
        elif kind == "text":
            self._paint_text(element, style)

    def _paint_text(self, element: ElementTree.Element, style: Mapping[str, str]) -> None:
        from PIL import ImageFont

        font = ImageFont.load_default(float(style["font-size"].removesuffix("px")) * self.unit)
        anchor = _ANCHORS[element.get("text-anchor", "start")]
        place = self._place(element, "x", "y")
        self.canvas.text(place, element.text or "", style["fill"], font, anchor)

    def _place(self, element: ElementTree.Element, x: str, y: str) -> tuple[float, float]:
        return self._scale(element.attrib[x], element.attrib[y])

    def _scale(self, x: str, y: str) -> tuple[float, float]:
        return float(x) * self.unit, (float(y) + _HEADING) * self.unit

    def _read_points(self, element: ElementTree.Element) -> list[tuple[float, float]]:
        return [self._scale(*pair.split(",")) for pair in element.attrib["points"].split()]


def _add_heading(drawing: Markup) -> ElementTree.Element:
    """The drawing with its title to be seen, on a strip above it."""
    root = ElementTree.fromstring(str(drawing))
    _, _, width, height = root.attrib["viewBox"].split()
    root.set("viewBox", f"0 {-_HEADING} {width} {float(height) + _HEADING:g}")
    heading = ElementTree.Element("text", {"x": "8", "y": "-8"})
    heading.text = root.findtext("title")
    root.append(heading)
    return root


def _read_size(root: ElementTree.Element) -> tuple[float, float]:
    _, _, width, height = map(float, root.attrib["viewBox"].split())
    return width, height


def _join(rule: Mapping[str, str]) -> str:
    return ";".join(f"{name}:{value}" for name, value in rule.items())


def _soften(color: str, style: Mapping[str, str]) -> str:
    """A colour of some opacity on the white ground, as one that is opaque."""
    share = float(style.get("opacity", 1))
    parts = [int(color[at : at + 2], 16) for at in (1, 3, 5)]
    return "#" + "".join(f"{round(255 + (part - 255) * share):02x}" for part in parts)
