"""One self-contained HTML page: sections of figures, tables and notes; no script, nothing fetched.

Model output is hostile text. It never enters the page as markup: templates escape everything, the
content security policy allows no script, no network and no form, and data travels as JSON with `<`,
`>` and `&` escaped inside a script element that browsers do not run.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

_FOLDER = Path(__file__).parent
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:;"
    " base-uri 'none'; form-action 'none'"
)
_JSON_ESCAPES = {
    "<": "\\u003c",
    ">": "\\u003e",
    "&": "\\u0026",
    "\u2028": "\\u2028",
    "\u2029": "\\u2029",
}


@dataclass(frozen=True)
class Figure:
    """A drawing with a heading and a caption that says n and what is not measured."""

    title: str
    drawing: Markup
    caption: str
    kind: Literal["figure"] = "figure"


@dataclass(frozen=True)
class Cell:
    """A table cell; `heat` from 0 to 1 shades it."""

    text: str
    heat: float | None = None


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


Block = Figure | Table | Note


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
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.tests["cell"] = lambda value: isinstance(value, Cell)
    return environment.get_template("page.html").render(
        page=page,
        policy=CONTENT_SECURITY_POLICY,
        style=Markup((_FOLDER / "page.css").read_text(encoding="utf-8")),
        data={name: dump_json(value) for name, value in page.data.items()},
    )


def dump_json(value: Any) -> Markup:
    """JSON that cannot end the script element it stands in."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False)
    for character, escaped in _JSON_ESCAPES.items():
        text = text.replace(character, escaped)
    return Markup(text)
