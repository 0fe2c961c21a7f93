"""Ranks appended to prompts: the form of reference system 0's final data set.

Its published description is one line ("extracts ranks per prompt from the model responses and
appends them to the prompt"), its code is not published; the layout below is ours.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from alignray.durable import explain_os_error
from alignray.prompts import render_conversation
from alignray.records import RowStatus

EXPORTED_COLUMNS = ["prompt_id", "messages", "generations", "ranks", "ratings", "status"]
EXPORT_SCHEMA = pa.schema(
    [
        ("prompt_id", pa.string()),
        ("prompt", pa.string()),
        ("generations", pa.list_(pa.string())),
        ("ranks", pa.list_(pa.float64())),
        ("ratings", pa.list_(pa.float64())),
    ]
)
_BATCH_ROWS = 4096


def append_ranks(row: Mapping[str, Any]) -> str:
    """The prompt with its responses and one rank for each, 1 = best, `-` for an unscored one.

    Example, with empty lines between: `Hi`, `Response 1: Hello.`, `Response 2: No.`, `Ranks: 1 2`;
    tied responses share the mean of their ranks (`1.5 1.5 3`).
    """
    responses = [f"Response {i}: {text}" for i, text in enumerate(row["generations"], start=1)]
    ranks = " ".join("-" if rank is None else f"{rank:g}" for rank in row["ranks"])
    return "\n\n".join([render_conversation(row["messages"]), *responses, f"Ranks: {ranks}"])


def write_appended(rows: Iterable[Mapping[str, Any]], path: Path) -> dict[str, int]:
    """Writes the rows that were ranked; returns how many, and how many were left out.

    Args:
        rows: ranked rows with at least `EXPORTED_COLUMNS`.
        path: the parquet file; it appears when it is complete.

    Raises:
        ArtifactError: no space, no permission.
    """
    counts = {"exported": 0, "left_out": 0}
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with pq.ParquetWriter(temporary, EXPORT_SCHEMA) as writer:
            batch: list[dict[str, Any]] = []
            for row in rows:
                kept = row["status"] == RowStatus.OK
                counts["exported" if kept else "left_out"] += 1
                if kept:
                    batch.append({**row, "prompt": append_ranks(row)})
                if len(batch) >= _BATCH_ROWS:
                    _write(writer, batch)
            _write(writer, batch)
        temporary.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise explain_os_error(error, path) from error
    return counts


def _write(writer: pq.ParquetWriter, batch: list[dict[str, Any]]) -> None:
    writer.write_table(pa.Table.from_pylist(batch, EXPORT_SCHEMA))
    batch.clear()
