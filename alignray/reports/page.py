"""One self-contained HTML page: sections of figures, tables and notes; no script, nothing fetched.

Model output is hostile text. It never enters the page as markup: templates escape everything, the
content security policy allows no script, no network, no form and no style but the page's own (by
its hash), and data travels as JSON with `<`, `>` and `&` escaped inside a script element that
browsers do not run. What would mislead the eye is made visible (`text.py`).
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Union

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from alignray.reports.text import clean_text

_FOLDER = Path(__file__).parent
STYLE = (_FOLDER / "page.css").read_text(encoding="utf-8")
_STYLE_HASH = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
CONTENT_SECURITY_POLICY = (
    f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; base-uri 'none'; form-action 'none'"
)
_JSON_ESCAPES = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026"}
HEAT_STEPS = 20
"""Shades of a table cell, of which each is a class of the style sheet (h1 to h20)."""


@dataclass(frozen=True)
class Figure:
    """A drawing with a heading and a caption that says n and what is not measured."""

    title: str
    drawing: Markup
    caption: str
    kind: Literal["figure"] = "figure"


@dataclass(frozen=True)
class Cell:
    """A table cell."""

    text: str
    heat: float | None = None
    """From 0 to 1: how deep it is shaded."""
    mark: str = ""
    """What stands beside the text, set off, e.g. `↓**`."""
    tone: Literal["", "better", "worse"] = ""
    """Colour of the mark."""
    detail: str = ""
    """A second, smaller line."""

    @property
    def shade(self) -> int:
        """The class of its shade, 0 for none."""
        return round(HEAT_STEPS * min(1.0, max(0.0, self.heat or 0.0)))


@dataclass(frozen=True)
class Table:
    """A table; the first column is a heading of its row, numbers stand right."""

    title: str
    header: Sequence[str]
    rows: Sequence[Sequence[str | Cell]]
    caption: str = ""
    folded: bool = False
    """Whether it starts closed."""
    text_columns: Sequence[int] = ()
    """Columns (from 0) that hold words, beside the first: they stand left."""
    kind: Literal["table"] = "table"


@dataclass(frozen=True)
class Note:
    """A paragraph; `tone` `warning` sets it off."""

    text: str
    tone: Literal["plain", "warning"] = "plain"
    kind: Literal["note"] = "note"


@dataclass(frozen=True)
class Excerpt:
    """Text of others, set off from the page's own: `parts` are (who, what was said)."""

    title: str
    detail: str
    parts: Sequence[tuple[str, str]]
    kind: Literal["excerpt"] = "excerpt"


@dataclass(frozen=True)
class Fold:
    """Blocks behind a click; a warning stands on the closed fold."""

    title: str
    blocks: Sequence[Block]
    warning: str = ""
    kind: Literal["fold"] = "fold"


Block = Union[Figure, Table, Note, Excerpt, Fold]  # noqa: UP007 (Fold is named before it is there)


@dataclass(frozen=True)
class Headline:
    """A number to see first, e.g. `Headline("Harmful answers", "62 % → 8 %", "base → sft")`."""

    title: str
    value: str
    detail: str
    note: str = ""


@dataclass(frozen=True)
class Section:
    """A titled part of the page."""

    title: str
    blocks: Sequence[Block]
    intro: str = ""


@dataclass(frozen=True)
class Page:
    """A whole page; `data` is embedded as JSON under its name."""

    title: str
    subtitle: str
    sections: Sequence[Section]
    headlines: Sequence[Headline] = ()
    data: dict[str, Any] = field(default_factory=dict)


def render_page(page: Page) -> str:
    """The page as one HTML text."""
    environment = Environment(
        loader=FileSystemLoader(_FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_clean,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.tests["cell"] = lambda value: isinstance(value, Cell)
    return environment.get_template("page.html").render(
        page=page,
        policy=CONTENT_SECURITY_POLICY,
        style=Markup(STYLE),
        data={name: dump_json(value) for name, value in page.data.items()},
    )


def _clean(value: Any) -> Any:
    """Every plain text on its way into the page; what is markup already is the page's own."""
    return clean_text(value) if type(value) is str else value


def dump_json(value: Any) -> Markup:
    """JSON that cannot end the script element it stands in; all of it is ASCII."""
    text = json.dumps(value, allow_nan=False)
    for character, escaped in _JSON_ESCAPES.items():
        text = text.replace(character, escaped)
    return Markup(text)
