"""Rows of an earlier run of a stage that are still valid: same key, so never asked for again.

A changed rubric, prompt list or parameter gives a stage another fingerprint, and it runs anew; the
rows whose own content and settings did not change have the same key and are taken over from the
directory of the earlier run. Columns that the key does not cover (position, source, subset) come
from the new input.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from alignray.durable import make_directory
from alignray.inference.ledger import (
    ManifestWriter,
    Shard,
    collect_finished_rows,
    read_shards,
    write_shard,
)
from alignray.inference.row_task import RowTask
from alignray.records import RowStatus

_OWN_COLUMNS = {"status", "reason", "key", "prompt_tokens", "completion_tokens"}
"""Columns that a stage makes itself, though its input may have them too."""


def reuse_rows(
    task: RowTask,
    input_files: Sequence[Path],
    earlier_dirs: Sequence[Path],
    stage_dir: Path,
    *,
    retry_failed: bool = False,
) -> int:
    """Commits the rows of earlier runs whose keys the new input has; returns how many.

    Failed rows are not taken over, nor rows that the stage has already (`open_ledger` calls this
    when those that its input left stale are set aside). Memory holds the keys of
    one input file, that file and one shard.

    Args:
        task: the stage's work on one row.
        input_files: parquet files whose rows, in this order, are the input.
        earlier_dirs: stage directories of earlier runs, newest first.
        stage_dir: the stage's directory.
        retry_failed: a failed row counts as one that the stage does not have.
    """
    make_directory(stage_dir / "ledger")
    shards = [(d, s) for d in earlier_dirs for s in read_shards(d) if s.salt == task.salt]
    if not shards:
        return 0
    manifest = ManifestWriter(stage_dir)
    finished = collect_finished_rows(read_shards(stage_dir), retry_failed=retry_failed)
    first, reused = 0, 0
    for file in input_files:
        table = pq.read_table(file)
        wanted = _index_keys(task, table, first, finished)
        for earlier, shard in shards:
            rows = _take_rows(earlier, shard, table, wanted, first)
            if rows is not None:
                name = f"ledger/shard-{uuid.uuid4().hex[:16]}.parquet"
                manifest.append(write_shard(stage_dir, name, rows, task.salt))
                reused += rows.num_rows
        first += table.num_rows
    return reused


def _index_keys(
    task: RowTask, table: pa.Table, first: int, finished: set[int]
) -> dict[str, list[int]]:
    """Key -> places in the table of the rows that are still wanted (equal rows share a key)."""
    wanted: dict[str, list[int]] = {}
    for place, row in enumerate(table.to_pylist()):
        if first + place not in finished:
            key = task.compute_key({**row, "row": first + place})
            wanted.setdefault(key, []).append(place)
    return wanted


def _take_rows(
    earlier: Path, shard: Shard, new_input: pa.Table, wanted: dict[str, list[int]], first: int
) -> pa.Table | None:
    """The shard's rows that the new input wants, with its columns; they are struck off."""
    if not any(key in wanted for key in shard.keys):
        return None
    old = pq.read_table(earlier / shard.path)
    sources, targets = [], []
    states = old["status"].to_pylist()
    for source, key in enumerate(old["key"].to_pylist()):
        if key in wanted and states[source] != RowStatus.FAILED:
            places = wanted.pop(key)
            sources += [source] * len(places)
            targets += places
    if not sources:
        return None
    taken, fresh = old.take(sources), new_input.take(targets)
    for name in set(old.column_names) & set(new_input.column_names) - _OWN_COLUMNS | {"row"}:
        index = taken.schema.get_field_index(name)
        field = taken.schema.field(index)
        column = pa.array([first + t for t in targets]) if name == "row" else fresh[name]
        taken = taken.set_column(index, field, column.cast(field.type))
    return taken
