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
from alignray.inference.ledger import ManifestWriter, Shard, read_shards, write_shard
from alignray.inference.row_task import RowTask
from alignray.records import Prompt, RowStatus


def reuse_rows(
    task: RowTask, input_files: Sequence[Path], earlier_dirs: Sequence[Path], stage_dir: Path
) -> int:
    """Commits the rows of earlier runs whose keys the new input has; returns how many.

    Does nothing where the stage has rows of its own. Failed rows are not taken over. Memory holds
    the keys of the input, one input file and one shard.

    Args:
        task: the stage's work on one row.
        input_files: parquet files whose rows, in this order, are the input.
        earlier_dirs: stage directories of earlier runs, newest first.
        stage_dir: the stage's directory.
    """
    make_directory(stage_dir / "ledger")
    shards = [(d, s) for d in earlier_dirs for s in read_shards(d) if s.salt == task.salt]
    if not shards or read_shards(stage_dir):
        return 0
    manifest = ManifestWriter(stage_dir)
    first, taken = 0, set[str]()
    for file in input_files:
        table = pq.read_table(file)
        wanted = {task.compute_key(row): i for i, row in enumerate(table.to_pylist())}
        for earlier, shard in shards:
            rows = _take_rows(earlier, shard, table, wanted, first)
            if rows is not None:
                name = f"ledger/shard-{uuid.uuid4().hex[:16]}.parquet"
                manifest.append(write_shard(stage_dir, name, rows, task.salt))
                keys = rows["key"].to_pylist()
                taken.update(keys)
                for key in keys:
                    del wanted[key]
        first += table.num_rows
    return len(taken)


def _take_rows(
    earlier: Path, shard: Shard, new_input: pa.Table, wanted: dict[str, int], first: int
) -> pa.Table | None:
    """The shard's rows that the new input has, with the new input's prompt columns."""
    places = [i for i, key in enumerate(shard.keys) if key in wanted]
    if not places:
        return None
    old = pq.read_table(earlier / shard.path).take(places)
    alive = [i for i, state in enumerate(old["status"].to_pylist()) if state != RowStatus.FAILED]
    old = old.take(alive)
    targets = [wanted[key] for key in old["key"].to_pylist()]
    fresh = new_input.take(targets)
    for name in Prompt.ARROW_SCHEMA.names:
        column = fresh[name] if name != "row" else pa.array([first + t for t in targets])
        index = old.schema.get_field_index(name)
        old = old.set_column(
            index, old.schema.field(index), column.cast(old.schema.field(index).type)
        )
    return old if old.num_rows else None
