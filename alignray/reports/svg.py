"""SVG as text, every attribute and every text escaped; pure.

All drawings are 340 units wide, so that their text keeps its size on a phone and in a grid of three
columns alike. Colours are CSS classes of the page (`page.css`), so that they follow light and dark.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from markupsafe import Markup, escape

from alignray.reports.text import clean_line

WIDTH = 340
NUM_COLORS = 6


@dataclass(frozen=True)
class Scale:
    """A linear map from data to drawing units. A domain of no width maps to the middle."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        """The place of a value, within the drawing."""
        if self.high == self.low:
            return (self.start + self.end) / 2
        share = (value - self.low) / (self.high - self.low)
        return round(self.start + min(1.0, max(0.0, share)) * (self.end - self.start), 2)


def build_element(
    name: str, attributes: Mapping[str, object] | None = None, *children: Markup | str
) -> Markup:
    """One element; attribute values and plain strings are escaped, Markup is taken as it is.

    An underscore in an attribute's name stands for a hyphen; a trailing one is dropped (`class_`).
    """
    parts = [
        Markup(' {}="{}"').format(key.rstrip("_").replace("_", "-"), value)
        for key, value in (attributes or {}).items()
    ]
    inside = Markup("").join(
        child if isinstance(child, Markup) else escape(clean_line(child)) for child in children
    )
    return Markup("<{}{}>{}</{}>").format(name, Markup("").join(parts), inside, name)


def build_drawing(height: float, title: str, children: Iterable[Markup]) -> Markup:
    """A whole drawing with its name for screen readers."""
    label = clean_line(title)
    attributes = {"viewBox": f"0 0 {WIDTH} {round(height, 1)}", "role": "img", "aria_label": label}
    return build_element("svg", attributes, build_element("title", None, title), *children)


def build_text(x: float, y: float, text: str, **attributes: object) -> Markup:
    """A text with its baseline at (x, y)."""
    return build_element("text", {"x": round(x, 2), "y": round(y, 2), **attributes}, text)


def build_line(x1: float, y1: float, x2: float, y2: float, class_: str) -> Markup:
    """A straight line."""
    return build_element("line", {"x1": x1, "y1": y1, "x2": x2, "y2": y2, "class_": class_})


def build_ticks(low: float, high: float, count: int = 4) -> list[float]:
    """About `count` round numbers within [low, high]: 1, 2, 2.5 or 5 times a power of ten apart."""
    span = high - low
    if span <= 0:
        return [low]
    raw = span / count
    power = 10.0 ** _floor_log10(raw)
    step = next(power * factor for factor in (1, 2, 2.5, 5, 10) if power * factor >= raw * 0.999)
    first = -(-low // step)
    ticks = [(first + i) * step for i in range(count * 3)]
    return [round(tick, 10) for tick in ticks if tick <= high + step * 1e-9]


def round_up_share(value: float) -> float:
    """Where an axis of shares may end: the next round number at or above the value, at most 1."""
    return next((end for end in (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8) if end >= value), 1.0)


def _floor_log10(value: float) -> int:
    exponent = 0
    while value >= 10:
        value, exponent = value / 10, exponent + 1
    while value < 1:
        value, exponent = value * 10, exponent - 1
    return exponent


def format_percent(value: float) -> str:
    """.0725 -> `7.2 %` with a no-break space; whole numbers without a decimal."""
    text = f"{100 * value:.1f}"
    return f"{text.removesuffix('.0')}\N{NO-BREAK SPACE}%"


def format_number(value: float) -> str:
    """Three or four significant digits, without an exponent where that is short."""
    return f"{value:.3g}" if abs(value) < 1000 else f"{value:,.0f}"


def cut_label(text: str, length: int) -> str:
    """A label of at most `length` characters; the middle goes, so that ends still differ."""
    if len(text) <= length:
        return text
    tail = length // 3
    return f"{text[: length - tail - 1]}…{text[-tail:]}"
