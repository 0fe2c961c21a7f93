"""Shards in order of completion -> parts in input order, at the end of a stage.

The order of the swap makes a kill at any point harmless: the parts are complete before they get
their name, the one manifest names them before the shards' manifests go, and shards go last.
Memory holds the positions of all rows (24 bytes each) and a few shards, never all rows.
"""

from __future__ import annotations

import json
import os
import shutil
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from alignray.durable import compute_file_digest, write_text
from alignray.errors import LedgerError
from alignray.inference.ledger import MANIFEST, Shard, read_shards, remove_debris, write_shard
from alignray.records import RowStatus

ROWS_PER_PART = 50_000
_CACHED_SHARDS = 64


def consolidate(stage_dir: Path, num_rows: int, schema: pa.Schema) -> list[Shard]:
    """Brings all rows into `data/part-*.parquet` and checks that each is there exactly once.

    Args:
        stage_dir: the stage's directory.
        num_rows: rows of the stage's input.
        schema: schema of the output rows.

    Returns:
        The manifest lines of the parts.

    Raises:
        LedgerError: a row is missing, or a shard's content is not what its manifest says.
    """
    recover_swap(stage_dir)
    shards = read_shards(stage_dir)
    if _is_consolidated(shards, num_rows):
        return shards
    chosen = _choose_rows(stage_dir, shards, num_rows)
    parts = _write_parts(stage_dir, shards, chosen, schema)
    _swap(stage_dir)
    lines = "".join(json.dumps(asdict(part), separators=(",", ":")) + "\n" for part in parts)
    write_text(stage_dir / "ledger" / MANIFEST, lines)
    for manifest in (stage_dir / "ledger").glob("manifest-*.jsonl"):
        manifest.unlink()
    shutil.rmtree(stage_dir / "data.old", ignore_errors=True)
    remove_debris(stage_dir, parts)
    return parts


def recover_swap(stage_dir: Path) -> None:
    """Undoes a swap of `data` that was killed half way, or ends it; removes unfinished parts."""
    data, old, new = stage_dir / "data", stage_dir / "data.old", stage_dir / "data.new"
    shutil.rmtree(new, ignore_errors=True)
    if not old.is_dir():
        return
    if data.is_dir() and _matches_manifest(stage_dir):
        shutil.rmtree(old)
        return
    shutil.rmtree(data, ignore_errors=True)
    old.rename(data)


def _matches_manifest(stage_dir: Path) -> bool:
    """Whether the parts in `data` are those that the manifests name."""
    parts = [shard for shard in read_shards(stage_dir) if shard.path.startswith("data/")]
    return bool(parts) and all(
        compute_file_digest(stage_dir / part.path) == part.sha256 for part in parts
    )


def _is_consolidated(shards: Sequence[Shard], num_rows: int) -> bool:
    return all(shard.path.startswith("data/") for shard in shards) and (
        sum(shard.num_rows for shard in shards) == num_rows
    )


def _choose_rows(stage_dir: Path, shards: Sequence[Shard], num_rows: int) -> np.ndarray:
    """For each input position, which shard and row to take: int64 [num_rows, 2].

    A position may be there twice (a worker that was thought dead finished after all, or a failed
    row was tried again): a row that did not fail wins, then the first.
    """
    chosen = np.full((num_rows, 2), -1, dtype=np.int64)
    failed = np.ones(num_rows, dtype=bool)
    for index, shard in enumerate(shards):
        table = pq.read_table(stage_dir / shard.path, columns=["row", "status"])
        rows = table["row"].to_numpy()
        is_failed = np.array(table["status"].to_pylist()) == RowStatus.FAILED.value
        better = (chosen[rows, 0] < 0) | (failed[rows] & ~is_failed)
        chosen[rows[better], 0] = index
        chosen[rows[better], 1] = np.flatnonzero(better)
        failed[rows[better]] = is_failed[better]
    missing = np.flatnonzero(chosen[:, 0] < 0)
    if len(missing):
        raise LedgerError(
            str(stage_dir),
            f"{len(missing)} of {num_rows} rows are missing, the first is row {missing[0]}",
            "every row of the input",
            "run the same command again",
        )
    return chosen


def _write_parts(
    stage_dir: Path, shards: Sequence[Shard], chosen: np.ndarray, schema: pa.Schema
) -> list[Shard]:
    new = stage_dir / "data.new"
    new.mkdir(parents=True)
    cache: OrderedDict[int, pa.Table] = OrderedDict()
    parts = []
    for number, start in enumerate(range(0, len(chosen), ROWS_PER_PART)):
        table = _gather(stage_dir, shards, chosen[start : start + ROWS_PER_PART], cache)
        name = f"part-{number:05d}.parquet"
        part = write_shard(new, name, table.cast(schema), shards[0].salt)
        parts.append(Shard(**{**asdict(part), "path": f"data/{name}"}))
    return parts


def _gather(
    stage_dir: Path, shards: Sequence[Shard], chosen: np.ndarray, cache: OrderedDict[int, pa.Table]
) -> pa.Table:
    """The chosen rows [n, 2] as one table, in order."""
    pieces, positions = [], np.empty(len(chosen), dtype=np.int64)
    offset = 0
    for index in np.unique(chosen[:, 0]):
        wanted = np.flatnonzero(chosen[:, 0] == index)
        pieces.append(_load_shard(stage_dir, shards, int(index), cache).take(chosen[wanted, 1]))
        positions[wanted] = offset + np.arange(len(wanted))
        offset += len(wanted)
    return pa.concat_tables(pieces).take(positions)


def _load_shard(
    stage_dir: Path, shards: Sequence[Shard], index: int, cache: OrderedDict[int, pa.Table]
) -> pa.Table:
    if index not in cache:
        path = stage_dir / shards[index].path
        if compute_file_digest(path) != shards[index].sha256:
            raise LedgerError(
                str(path),
                "its content is not what was committed",
                f"SHA-256 {shards[index].sha256[:12]}...",
                "delete the file and run again: its rows are made anew",
            )
        cache[index] = pq.read_table(path)
        if len(cache) > _CACHED_SHARDS:
            cache.popitem(last=False)
    return cache[index]


def _swap(stage_dir: Path) -> None:
    data, old, new = stage_dir / "data", stage_dir / "data.old", stage_dir / "data.new"
    if data.is_dir():
        os.rename(data, old)
    os.rename(new, data)
