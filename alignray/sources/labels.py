"""The optional columns that rows of any source may have: ids, subset, category."""

from __future__ import annotations

from alignray.sources.messages import check_text
from alignray.sources.prompt_shapes import get_column
from alignray.sources.rows import SourceRow

DEFAULT_SUBSET = "default"


def read_subset(row: SourceRow) -> str:
    """The row's subset, `default` where it names none."""
    return read_label(row, "subset") or DEFAULT_SUBSET


def read_category(row: SourceRow) -> str | None:
    """The row's harm category, where it names one."""
    return read_label(row, "category", "Category")


def read_label(row: SourceRow, *names: str) -> str | None:
    """The first of the named columns that holds something, as text; None where none does.

    Raises:
        SourceError: neither text nor a whole number.
    """
    value = get_column(row.values, *names)
    if value is None or value == "":
        return None
    if isinstance(value, int):
        return str(value)
    return check_text(value, row.where, names[0])
