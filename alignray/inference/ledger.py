"""The row ledger: what is finished stays finished, whatever is killed.

Layout of a stage directory while rows are worked on, and after:

    ledger/manifest-<writer>.jsonl   one line per committed shard, one file per writer
    ledger/shard-<id>.parquet        finished rows in order of completion
    data/part-00000.parquet ...      after `consolidate`: all rows in input order
    ledger/manifest.jsonl            after `consolidate`: one line per part

A shard is committed by: write a temporary file, fsync, rename, append one line to the writer's
manifest, fsync. Readers trust manifests alone: a file without a line is debris, a torn last line
was never committed. Every writer has a manifest of its own, so no two processes append to one
file, and a killed writer's torn line is never continued.
"""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from alignray.durable import compute_file_digest, explain_os_error
from alignray.errors import LedgerError
from alignray.records import RowStatus

MANIFEST = "manifest.jsonl"


@dataclass(frozen=True)
class Shard:
    """One line of a manifest.

    Example: `Shard(path="ledger/shard-1f.parquet", sha256="ab..", salt="cd..", num_rows=2, ok=2,
    unscored=0, failed=0, rows=[[0, 1]], keys=["..", ".."])`. `rows` holds closed ranges of input
    positions of all rows, `failed_rows` of the failed ones.
    """

    path: str
    sha256: str
    salt: str
    num_rows: int
    ok: int
    unscored: int
    failed: int
    prompt_tokens: int
    completion_tokens: int
    rows: list[list[int]]
    failed_rows: list[list[int]]
    keys: list[str]


def write_shard(
    stage_dir: Path, name: str, table: pa.Table, salt: str, *, row_group_size: int = 512
) -> Shard:
    """Writes `stage_dir/name` durably and returns its manifest line (not yet appended).

    Raises:
        StorageError: no space, no permission; nothing is left behind.
    """
    path = stage_dir / name
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        with temporary.open("wb") as stream:
            pq.write_table(table, stream, compression="zstd", row_group_size=row_group_size)
            stream.flush()
            os.fsync(stream.fileno())
        digest = compute_file_digest(temporary)
        temporary.replace(path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise explain_os_error(error, path) from error
    return describe_shard(table, name, digest, salt)


def describe_shard(table: pa.Table, name: str, digest: str, salt: str) -> Shard:
    """The manifest line of a table of finished rows."""
    status = table["status"].to_pylist()
    rows = table["row"].to_pylist()
    failed = [row for row, state in zip(rows, status, strict=True) if state == RowStatus.FAILED]
    return Shard(
        path=name,
        sha256=digest,
        salt=salt,
        num_rows=table.num_rows,
        ok=status.count(RowStatus.OK),
        unscored=status.count(RowStatus.UNSCORED),
        failed=len(failed),
        prompt_tokens=_sum_tokens(table, "prompt_tokens"),
        completion_tokens=_sum_tokens(table, "completion_tokens"),
        rows=encode_ranges(rows),
        failed_rows=encode_ranges(failed),
        keys=table["key"].to_pylist(),
    )


class ManifestWriter:
    """The manifest of one writer; lines are durable when `append` returns."""

    def __init__(self, stage_dir: Path) -> None:
        self._path = stage_dir / "ledger" / f"manifest-{uuid.uuid4().hex[:12]}.jsonl"

    def append(self, shard: Shard) -> None:
        """Appends one line.

        Raises:
            StorageError: no space, no permission.
        """
        line = json.dumps(asdict(shard), separators=(",", ":")) + "\n"
        size = self._path.stat().st_size if self._path.exists() else 0
        try:
            with self._path.open("a", encoding="utf-8") as stream:
                stream.write(line)
                stream.flush()
                os.fsync(stream.fileno())
        except OSError as error:
            if self._path.exists():
                os.truncate(self._path, size)  # the next line must not continue a torn one
            raise explain_os_error(error, self._path) from error


def read_shards(stage_dir: Path) -> list[Shard]:
    """The committed shards of a stage whose files are there, over all its manifests.

    Raises:
        LedgerError: a manifest has a broken line before its last.
    """
    shards = []
    for path in sorted((stage_dir / "ledger").glob("manifest*.jsonl")):
        lines = path.read_text(encoding="utf-8").split("\n")
        for number, line in enumerate(lines, start=1):
            if not line:
                continue
            try:
                shard = Shard(**json.loads(line))
            except (ValueError, TypeError) as error:
                if number == len(lines):
                    continue  # torn by a kill in mid-append: never committed
                raise LedgerError(
                    f"{path}:{number}", "a broken line", "a committed shard"
                ) from error
            if (stage_dir / shard.path).is_file():
                shards.append(shard)
    return shards


def check_salt(shards: Iterable[Shard], salt: str, stage_dir: Path) -> None:
    """Refuses shards that another configuration wrote.

    Raises:
        LedgerError: a shard's salt is not `salt`.
    """
    for shard in shards:
        if shard.salt != salt:
            raise LedgerError(
                str(stage_dir / shard.path),
                "rows of another model, template, parameters or rubric",
                "rows of this stage's configuration",
                "choose another output_dir",
            )


def remove_debris(stage_dir: Path, shards: Sequence[Shard]) -> int:
    """Deletes files of interrupted commits: temporary files and shards no manifest names."""
    ledger = stage_dir / "ledger"
    committed = {shard.path for shard in shards}
    debris = [
        file
        for file in [*ledger.glob(".*.tmp"), *ledger.glob("shard-*.parquet")]
        if f"ledger/{file.name}" not in committed
    ]
    for file in debris:
        file.unlink(missing_ok=True)
    return len(debris)


def collect_finished_rows(shards: Iterable[Shard], *, retry_failed: bool = False) -> set[int]:
    """Input positions that need no more work."""
    finished: set[int] = set()
    for shard in shards:
        rows = set(decode_ranges(shard.rows))
        finished |= rows - set(decode_ranges(shard.failed_rows)) if retry_failed else rows
    return finished


def encode_ranges(rows: Iterable[int]) -> list[list[int]]:
    """Positions as sorted closed ranges: [3, 1, 2, 7] -> [[1, 3], [7, 7]]."""
    ranges: list[list[int]] = []
    for row in sorted(rows):
        if ranges and row == ranges[-1][1] + 1:
            ranges[-1][1] = row
        else:
            ranges.append([row, row])
    return ranges


def decode_ranges(ranges: Iterable[Sequence[int]]) -> Iterable[int]:
    """The positions of closed ranges."""
    return (row for first, last in ranges for row in range(first, last + 1))


def build_table(rows: Sequence[Mapping[str, Any]], schema: pa.Schema) -> pa.Table:
    """Finished rows as a table of exactly the schema's columns."""
    return pa.Table.from_pylist(list(rows), schema=schema)


def _sum_tokens(table: pa.Table, column: str) -> int:
    values = table[column].combine_chunks()
    if pa.types.is_list(values.type):
        values = values.flatten()
    return int(sum(value for value in values.to_pylist() if value))
