"""File formats: one reader each, a table of suffixes, rows one by one in flat memory.

A reader yields `(number, value, text)`: the line (from 1) or the row (from 0), what stands there,
and the row's own text where that is JSON already.
Every fault of a file is a SourceError that names file and line; no text of a row is ever quoted.
"""

from __future__ import annotations

import csv
import gzip
import io
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Literal, cast

import pyarrow as pa
import pyarrow.parquet as pq

from alignray.errors import SourceError
from alignray.sources.json_text import parse_json, read_json_values

Reader = Callable[[Path], Iterator[tuple[int, Any, str | None]]]

PARQUET_BATCH_ROWS = 1024
_PIECE_CHARS = 1 << 20

# A cell may hold a whole conversation; the csv module stops at 128 KiB unless told.
csv.field_size_limit(64 * 1024 * 1024)


@dataclass(frozen=True)
class Format:
    """How files of one kind are read, and whether their rows are known by line or by position."""

    name: str
    read: Reader
    unit: Literal["line", "row"]

    @property
    def family(self) -> str:
        """Formats of one family may lie in one directory: a row of JSON is a row of JSONL."""
        return self.name.removesuffix("L")


def open_binary(path: Path) -> IO[bytes]:
    """Opens a file for reading, through gzip where its name ends in `.gz`.

    Raises:
        SourceError: it cannot be opened.
    """
    try:
        if path.suffix == ".gz":
            return cast(IO[bytes], gzip.open(path, "rb"))
        return path.open("rb")
    except OSError as error:
        raise SourceError(
            str(path), f"cannot be read ({error.strerror})", "a readable file"
        ) from error


def read_lines(path: Path) -> Iterator[tuple[int, str]]:
    """The lines of a UTF-8 file with their ends kept; a byte order mark is left out.

    Raises:
        SourceError: bytes that are not UTF-8, or a damaged gzip file.
    """
    number = 0
    with open_binary(path) as stream:
        try:
            for number, line in enumerate(stream, start=1):
                yield number, line.decode("utf-8-sig" if number == 1 else "utf-8")
        except UnicodeDecodeError as error:
            raise SourceError(
                f"{path}:{number}", "bytes that are not UTF-8", "UTF-8 text"
            ) from error
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise SourceError(
                f"{path}:{number + 1}", f"damaged gzip data ({error})", "a whole .gz file"
            ) from error


def read_pieces(path: Path) -> Iterator[str]:
    """The text of a UTF-8 file in pieces, however long its lines are.

    Raises:
        SourceError: bytes that are not UTF-8, or a damaged gzip file.
    """
    with io.TextIOWrapper(open_binary(path), encoding="utf-8-sig", newline="") as stream:
        try:
            while piece := stream.read(_PIECE_CHARS):
                yield piece
        except UnicodeDecodeError as error:
            raise SourceError(str(path), "bytes that are not UTF-8", "UTF-8 text") from error
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            found = f"damaged gzip data ({error})"
            raise SourceError(str(path), found, "a whole .gz file") from error


def read_jsonl(path: Path) -> Iterator[tuple[int, Any, str | None]]:
    """One JSON value a line; lines of white space are between rows, not rows."""
    for number, line in read_lines(path):
        if not line.isspace():
            value = parse_json(line, path, number)
            # What pandas writes for a missing number is not JSON, and is not kept as such.
            strict = "NaN" not in line and "Infinity" not in line
            yield number, value, line.strip() if strict else None


def read_json(path: Path) -> Iterator[tuple[int, Any, str | None]]:
    """The values of one JSON array, or of JSON objects one after the other."""
    for number, value in enumerate(read_json_values(read_pieces(path), str(path))):
        yield number, value, None


def read_text(path: Path) -> Iterator[tuple[int, Any, str | None]]:
    """One prompt a line; lines of white space are between prompts."""
    for number, line in read_lines(path):
        if not line.isspace():
            yield number, line.rstrip("\r\n"), None


def read_csv(
    path: Path, columns: Sequence[str] = (), known: Sequence[str] = ()
) -> Iterator[tuple[int, Any, str | None]]:
    """Rows below a header, all cells text (`None` and `NA` too), newlines within cells kept.

    Args:
        path: the file.
        columns: names of the cells where the file has no header; a shorter row has the first ones.
        known: a first row that holds one of these (in any letter case) is a header all the same.

    Raises:
        SourceError: no header, a repeated column, a row of another width, broken quotes.
    """
    delimiter = "\t" if ".tsv" in path.suffixes else ","
    reader = csv.reader((line for _, line in read_lines(path)), strict=True, delimiter=delimiter)
    first = 1
    header: list[str] | None = None
    try:
        for cells in reader:
            is_first, where = header is None, f"{path}:{first}"
            if header is None:
                header = _find_header(cells, columns, known, where)
            if cells and not (is_first and header == cells):
                yield first, _build_csv_row(header, cells, where), None
            first = reader.line_num + 1
    except csv.Error as error:
        raise SourceError(
            f"{path}:{first}", f"not CSV ({error})", "quoted cells that end"
        ) from error


def _find_header(
    cells: list[str], columns: Sequence[str], known: Sequence[str], where: str
) -> list[str]:
    """The names of the columns: the first row, or `columns` where that is no header."""
    names = {cell.strip().lower() for cell in cells}
    if not columns or any(name.lower() in names for name in known):
        return _check_header(cells, where)
    return list(columns[: len(cells)])


def _check_header(cells: list[str], where: str) -> list[str]:
    if len(set(cells)) < len(cells):
        raise SourceError(where, "a header that names a column twice", "a name for each column")
    return cells


def _build_csv_row(header: list[str], cells: list[str], where: str) -> dict[str, str]:
    if len(cells) != len(header):
        raise SourceError(where, f"{len(cells)} cells", f"{len(header)}, as in the header")
    return dict(zip(header, cells, strict=True))


def read_parquet(path: Path) -> Iterator[tuple[int, Any, str | None]]:
    """The rows of a parquet file, one batch in memory at a time."""
    number = 0
    try:
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(batch_size=PARQUET_BATCH_ROWS):
                for values in batch.to_pylist():
                    yield number, values, None
                    number += 1
    except (pa.ArrowException, OSError) as error:
        reason = str(error).split("\n", 1)[0]
        raise SourceError(f"{path}:row {number}", f"not readable as parquet ({reason})") from error


_JSONL = Format("JSONL", read_jsonl, "line")
_CSV = Format("CSV", read_csv, "line")

FORMATS: dict[str, Format] = {
    ".jsonl": _JSONL,
    ".ndjson": _JSONL,
    ".json": Format("JSON", read_json, "row"),
    ".csv": _CSV,
    ".tsv": _CSV,
    ".parquet": Format("parquet", read_parquet, "row"),
    ".txt": Format("plain text", read_text, "line"),
}
"""Suffix -> format; all but parquet may end in `.gz` as well."""


def find_format(path: Path) -> Format | None:
    """The format that a file's name tells, or None."""
    suffix = Path(path.stem).suffix if path.suffix == ".gz" else path.suffix
    if path.suffix == ".gz" and suffix == ".parquet":
        return None
    return FORMATS.get(suffix.lower())
