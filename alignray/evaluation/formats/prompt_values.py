"""A number for each prompt: CSV, JSON list or JSONL with an id and a value column."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from alignray.errors import SourceError
from alignray.evaluation.formats.columns import find_column, read_flag, read_number
from alignray.evaluation.formats.labels import (
    ID_NAMES,
    VALUE_NAMES,
    choose_column,
    read_ids,
    read_table,
)

_MAX_SIZE = 1e100
"""Of a value: its square, summed over rows, must be a number."""


def check_range(
    path: Path, values: Mapping[str, float | None], low: float | None, high: float | None
) -> None:
    """Values keep to the range that was said to hold them.

    Raises:
        SourceError: one does not; the first is named.
    """
    for name, value in values.items():
        below = value is not None and low is not None and value < low
        if below or (value is not None and high is not None and value > high):
            found = f"{value:g} of {name} is outside low={low:g} high={high:g}"
            raise SourceError(str(path), found, "values within the range")


def choose_value_column(path: Path, value: str | None) -> str:
    """The column that `read_prompt_values` takes.

    Raises:
        SourceError: there is none.
    """
    return choose_column(read_table(path), value, VALUE_NAMES, "value")


def read_prompt_values(path: Path, value: str | None, id_: str | None) -> dict[str, float | None]:
    """Values by prompt id; truth values are 1 and 0, nothing is None.

    Args:
        path: the file.
        value: column of the values, or None for a usual one (`value`, `score`, `correct`, ...).
        id_: column of the ids, or None for a usual one; one is needed, as rows are joined by it.

    Raises:
        SourceError: no such column, an id there twice, a value that is no number.
    """
    table = read_table(path)
    column = choose_column(table, value, VALUE_NAMES, "value")
    if id_ is None and find_column(dict.fromkeys(table.columns), ID_NAMES) is None:
        found = f"no id column among {', '.join(table.columns)}"
        raise SourceError(str(path), found, f"one of {', '.join(ID_NAMES)}", "name it: id=COLUMN")
    values: dict[str, float | None] = {}
    for name, (where, row) in zip(read_ids(table, id_), table.rows, strict=True):
        cell = row.get(column)
        is_flag = isinstance(cell, bool) or str(cell).strip().lower() in ("true", "false")
        if is_flag:
            flag = read_flag(where, row, column)
            values[name] = None if flag is None else float(flag)
        else:
            number = values[name] = read_number(where, {column: cell}, column)
            if number is not None and abs(number) > _MAX_SIZE:
                raise SourceError(where, f"`{column}` is {number:g}", f"at most {_MAX_SIZE:g}")
    return values
