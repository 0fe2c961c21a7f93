"""Columns of files of others: found by their usual names, numbers read strictly."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from alignray.errors import SourceError

_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_NO_NUMBER = ("", "nan", "null", "none", "na", "n/a", "inf", "-inf", "+inf", "infinity")


def find_column(row: Mapping[str, Any], names: Sequence[str]) -> str | None:
    """The first of the names that the row has; case and `-`, `/`, `.` for `_` do not matter."""
    known = {_plain(name): name for name in row}
    return next((known[name] for name in names if name in known), None)


def require_column(where: str, row: Mapping[str, Any], names: Sequence[str], what: str) -> str:
    """The first of the names that the row has.

    Raises:
        SourceError: it has none.
    """
    found = find_column(row, names)
    if found is None:
        columns = ", ".join(map(str, row)) or "no columns"
        raise SourceError(where, f"no {what} among {columns}", f"one of {', '.join(names)}")
    return found


def read_number(where: str, row: Mapping[str, Any], column: str) -> float | None:
    """The number of a cell; None where it is empty, null, NaN or infinite: nothing was measured.

    Raises:
        SourceError: text, a truth value, a list.
    """
    cell = row[column]
    if cell is None:
        return None
    if isinstance(cell, int | float) and not isinstance(cell, bool):
        return _as_finite(cell)
    text = cell.strip() if isinstance(cell, str) else None
    if text is not None and text.lower() in _NO_NUMBER:
        return None
    if text is None or not _NUMBER.fullmatch(text):
        found = "text" if isinstance(cell, str) else type(cell).__name__
        raise SourceError(where, f"`{column}` is {found}", "a number or null")
    return _as_finite(float(text))


def read_flag(where: str, row: Mapping[str, Any], column: str) -> bool | None:
    """The truth value of a cell: true, false, 1, 0 or their words; None where it is null or empty.

    Raises:
        SourceError: anything else.
    """
    cell = row[column]
    word = str(cell).strip().lower()
    if cell is None or word in ("", "null", "none", "nan"):
        return None
    if word not in ("true", "1", "1.0", "false", "0", "0.0"):
        raise SourceError(where, f"`{column}` is neither true nor false", "true, false or null")
    return word in ("true", "1", "1.0")


def read_cell(where: str, row: Mapping[str, Any], column: str) -> str | None:
    """The text of a cell, or None for null.

    Raises:
        SourceError: neither text nor null.
    """
    cell = row[column]
    if cell is not None and not isinstance(cell, str):
        raise SourceError(where, f"`{column}` is {type(cell).__name__}", "text or null")
    return cell


def name_models(files: Iterable[Path]) -> dict[Path, str]:
    """A name for each file: its stem, with its folder's name where two stems are the same."""
    listed = list(files)
    stems = [strip_suffixes(file) for file in listed]
    return {
        file: stem if stems.count(stem) == 1 else f"{file.resolve().parent.name}/{stem}"
        for file, stem in zip(listed, stems, strict=True)
    }


def strip_suffixes(file: Path) -> str:
    """The name of a file without `.gz` and its format."""
    return Path(file.name.removesuffix(".gz")).stem


def _as_finite(value: float) -> float | None:
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def _plain(name: object) -> str:
    return re.sub(r"[-/. ]", "_", str(name).strip().lower())
