"""A second stage on the heels of a first: it works on rows that the first has just committed.

Both are operators of one Ray Data job, so a chunk goes from the first engine to the second
as soon as its rows are durable. What the follower writes is a ledger like any other; the second
stage, run by itself afterwards, takes it over by key and does what is left.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from alignray.inference.chunks import Chunk
from alignray.inference.ledger import decode_ranges, read_shards
from alignray.records import RowStatus

Merge = Callable[[Sequence[Mapping[str, Any]]], dict[str, Any]]


def read_committed_rows(stage_dir: Path, positions: set[int]) -> dict[int, dict[str, Any]]:
    """Committed rows of a stage at these positions; one that failed gives way to a later one."""
    found: dict[int, dict[str, Any]] = {}
    for shard in read_shards(stage_dir):
        if positions.isdisjoint(decode_ranges(shard.rows)):
            continue
        for row in pq.read_table(stage_dir / shard.path).to_pylist():
            known = found.get(row["row"])
            if row["row"] in positions and (known is None or known["status"] == RowStatus.FAILED):
                found[row["row"]] = row
    return found


class FollowedRows:
    """What a follower reads for a chunk: the committed rows of one or more stages, merged by row.

    Example: `FollowedRows([stage / "shared", stage / "full"], merge_rows, [[0, 499]])`.
    """

    def __init__(
        self, stage_dirs: Sequence[Path], merge: Merge, ranges: Sequence[Sequence[int]]
    ) -> None:
        """Builds the reader.

        Args:
            stage_dirs: directories of the stages.
            merge: makes one row of the rows of all stages at one position.
            ranges: closed ranges of the positions that the follower works on.
        """
        self._ranges = ranges
        self._stage_dirs = [directory.resolve() for directory in stage_dirs]
        self._merge = merge

    def __call__(self, chunk: Chunk) -> list[dict[str, Any]]:
        """The rows of a chunk that all stages have, in input order."""
        positions = {row for row in decode_ranges(chunk.rows) if self._is_wanted(row)}
        sides = [read_committed_rows(directory, positions) for directory in self._stage_dirs]
        return [
            {**self._merge([side[position] for side in sides]), "row": position}
            for position in sorted(positions)
            if all(position in side for side in sides)
        ]

    def _is_wanted(self, row: int) -> bool:
        return any(first <= row <= last for first, last in self._ranges)
