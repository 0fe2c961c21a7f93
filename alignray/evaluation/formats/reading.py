"""Files of others row by row: JSON lists, JSONL, CSV; a bad row is named, never mended."""

from __future__ import annotations

import csv
import gzip
import io
import json
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from alignray.errors import SourceError

csv.field_size_limit(2**31 - 1)  # a cell may hold a whole response

Row = dict[str, Any]


def read_text(path: Path) -> str:
    """The text of a file (UTF-8, a byte order mark is dropped; `.gz` is unpacked).

    Raises:
        SourceError: missing, not text, or empty.
    """
    try:
        data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        text = data.decode("utf-8-sig")
    except (OSError, EOFError, zlib.error) as error:
        raise SourceError(str(path), f"cannot be read: {error}", "a readable file") from error
    except UnicodeDecodeError as error:
        raise SourceError(str(path), f"not UTF-8 at byte {error.start}", "text in UTF-8") from error
    if not text.strip():
        raise SourceError(str(path), "the file is empty", "at least one row")
    return text


def read_json(path: Path) -> Any:
    """The content of a JSON file.

    Raises:
        SourceError: as `read_text`, or not JSON.
    """
    return _parse(read_text(path), str(path))


def read_objects(path: Path) -> Iterator[tuple[str, Row]]:
    """(place, row) of a JSON list of objects or of JSON lines, told apart by the first character.

    Raises:
        SourceError: not JSON, or a row that is no object; the row is named, counted from 0 in a
            list and by line from 1 in JSONL.
    """
    text = read_text(path)
    if text.lstrip().startswith("["):
        rows = _parse(text, str(path))
        if not rows:
            raise SourceError(str(path), "an empty list", "at least one row")
        places = ((f"{path.name}[{index}]", row) for index, row in enumerate(rows))
    else:
        places = (
            (f"{path.name}:{number}", _parse(line, f"{path.name}:{number}"))
            for number, line in enumerate(text.split("\n"), start=1)
            if line.strip()
        )
    for where, row in places:
        if not isinstance(row, dict):
            raise SourceError(where, type(row).__name__, "an object")
        if not row:
            raise SourceError(where, "no columns", "an object with columns")
        yield where, row


def read_csv(path: Path, header: bool = True) -> Iterator[tuple[str, list[str] | dict[str, str]]]:
    """(place, cells) of a CSV or TSV file; every cell stays text (`None` and `NA` are words).

    Args:
        path: the file.
        header: whether the first row names the columns; rows are then mappings.

    Raises:
        SourceError: a row with another number of cells than the header.
    """
    delimiter = "\t" if path.name.lower().removesuffix(".gz").endswith(".tsv") else ","
    lines = io.StringIO(read_text(path), newline="")  # they end at \r and \n alone
    rows = csv.reader(lines, delimiter=delimiter)
    names = next(rows) if header else None
    for number, cells in enumerate(rows):
        where = f"{path.name}[{number}]"
        if not cells:
            continue
        if names is None:
            yield where, cells
            continue
        if len(cells) != len(names):
            raise SourceError(where, f"{len(cells)} cells", f"{len(names)} as in the header")
        yield where, dict(zip(names, cells, strict=True))


def is_number(value: object) -> bool:
    """Whether a value of JSON is a finite number of an ordinary size, and no boolean."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return abs(value) < 1e300  # false for NaN, infinities and integers beyond a float's range


def require_text(where: str, row: Mapping[str, Any], column: str) -> str:
    """The text of a column.

    Raises:
        SourceError: there is no such column, or it holds no text.
    """
    if column not in row:
        raise SourceError(where, f"no `{column}` among {', '.join(map(str, row))}")
    if not isinstance(row[column], str):
        raise SourceError(where, f"`{column}` is {type(row[column]).__name__}", "text")
    text: str = row[column]
    return text


def _parse(text: str, where: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:  # ValueError: numbers of 4,300 digits too
        raise SourceError(where, f"not JSON: {error}", "valid JSON") from error
