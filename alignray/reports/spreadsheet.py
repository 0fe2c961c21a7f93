"""report.csv: one row per entry, safe to open in a spreadsheet; pure.

A spreadsheet takes a cell that begins with `=`, `+`, `-`, `@`, a tab or a line break as a formula,
which can run commands. Such text gets an apostrophe before it, which spreadsheets hide. Text is
quoted always, so that a program that splits at semicolons finds no new cell in it; numbers are not.
"""

from __future__ import annotations

import csv
import io
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

from alignray.reports.text import clean_text

COLUMNS = (
    "run", "model", "benchmark", "metric", "judge", "direction", "value", "ci_low", "ci_high",
    "k", "n", "unscored", "low_bound", "high_bound", "method", "not_measured",
)  # fmt: skip
"""The first columns of every report.csv; keys that only some entries have follow by name."""
_FORMULA = "=+-@\t\r\n|%"


def render_csv(entries: Sequence[Mapping[str, Any]]) -> str:
    """The entries of report.json as CSV, in the form of RFC 4180."""
    further = sorted({name for entry in entries for name in entry} - set(COLUMNS))
    stream = io.StringIO()
    writer = csv.writer(stream, quoting=csv.QUOTE_NONNUMERIC)
    columns = [*COLUMNS, *further]
    writer.writerow([protect_cell(name) for name in columns])
    for entry in entries:
        writer.writerow([protect_cell(entry.get(name)) for name in columns])
    return stream.getvalue()


def protect_cell(value: Any) -> str | int | float:
    """A number as it is, anything else as text that no spreadsheet takes as a formula."""
    if value is None:
        return ""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value
    text = clean_text(str(value))
    plain = unicodedata.normalize("NFKC", text).lstrip(" \u00a0'\"")
    return f"'{text}" if plain[:1] and plain[0] in _FORMULA else text
