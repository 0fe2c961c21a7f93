"""The work list of a stage: chunks of input rows, named by file and position, not carried.

Rows travel by files: a chunk is a few numbers, the actor reads its rows from the input itself.
The driver holds no row, and the object store stays empty whatever the size of the input.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from alignray.inference.ledger import encode_ranges


@dataclass(frozen=True)
class Chunk:
    """Some rows of one row group of an input file; `first_row` is its first input position.

    Example: `Chunk(number=0, file="prompts/part-00000.parquet", row_group=0, first_row=0,
    rows=[[0, 255]])` with closed ranges of input positions.
    """

    number: int
    file: str
    row_group: int
    first_row: int
    rows: list[list[int]]

    def to_row(self) -> dict[str, Any]:
        """The chunk as a row of the Ray Data work list."""
        return {"chunk": self.number, "text": json.dumps(self.__dict__)}

    @staticmethod
    def from_text(text: str) -> Chunk:
        """The chunk that `to_row` wrote."""
        return Chunk(**json.loads(text))


def count_rows(files: Sequence[Path]) -> int:
    """Rows of parquet files, from their metadata."""
    return sum(pq.read_metadata(file).num_rows for file in files)


def plan_chunks(files: Sequence[Path], finished: set[int], rows_per_chunk: int) -> list[Chunk]:
    """All unfinished rows of the files in chunks of at most `rows_per_chunk` rows."""
    chunks: list[Chunk] = []
    for file, group, first, count in _iterate_row_groups(files):
        pending = [row for row in range(first, first + count) if row not in finished]
        for start in range(0, len(pending), rows_per_chunk):
            ranges = encode_ranges(pending[start : start + rows_per_chunk])
            chunks.append(Chunk(len(chunks), str(file), group, first, ranges))
    return chunks


def read_chunk(chunk: Chunk) -> list[dict[str, Any]]:
    """The rows of a chunk, each with its input position as `row`."""
    table = pq.ParquetFile(chunk.file).read_row_group(chunk.row_group)
    rows = []
    for first, last in chunk.rows:
        for offset, row in enumerate(
            table.slice(first - chunk.first_row, last - first + 1).to_pylist()
        ):
            rows.append({**row, "row": first + offset})
    return rows


def _iterate_row_groups(files: Sequence[Path]) -> Iterator[tuple[Path, int, int, int]]:
    """(file, row group, position of its first row, its rows)."""
    first = 0
    for file in files:
        metadata = pq.read_metadata(file)
        for group in range(metadata.num_row_groups):
            count = metadata.row_group(group).num_rows
            yield file, group, first, count
            first += count
