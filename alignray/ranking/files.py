"""The files around a ranking stage: completions in, ranked rows out, batch by batch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from alignray.artifacts import CONFIG_NAME
from alignray.errors import ArtifactError, SourceError
from alignray.fingerprint import RECORD_NAME
from alignray.records import Completion

_BATCH_ROWS = 4096


def find_completion_files(name: str) -> list[Path]:
    """The parquet files of a sampling stage's output, or the file that is named, checked.

    Raises:
        ArtifactError: the stage is not finished.
        SourceError: no such files, not parquet, no rows, or not the columns of completions.
    """
    path = Path(name).expanduser()
    if (path / CONFIG_NAME).is_file() and not (path / RECORD_NAME).is_file():
        raise ArtifactError(name, "a stage that is not finished", "its record.json", "run it again")
    files = [path] if path.is_file() else list_parts(path)
    if not files:
        raise SourceError(name, "no completions", "output of `alignray sample`, or a parquet file")
    num_rows = sum(_check_file(file) for file in files)
    if num_rows == 0:
        raise SourceError(name, "no rows", "at least one row of completions")
    return files


def list_parts(stage_dir: Path) -> list[Path]:
    """`data/part-*.parquet` of a stage, in order."""
    return sorted((stage_dir / "data").glob("part-*.parquet"))


def read_rows(files: Sequence[Path], columns: Sequence[str]) -> Iterator[dict[str, Any]]:
    """The rows of parquet files in order, some columns, a few thousand rows in memory at once."""
    for file in files:
        for batch in pq.ParquetFile(file).iter_batches(_BATCH_ROWS, columns=list(columns)):
            yield from batch.to_pylist()


def _check_file(file: Path) -> int:
    """Rows of a file that has all columns of completions."""
    try:
        parquet = pq.ParquetFile(file)
    except (pa.ArrowInvalid, OSError) as error:
        line = str(error).splitlines()[0][:200]
        raise SourceError(str(file), f"not a readable parquet file ({line})", "parquet") from error
    missing = [n for n in Completion.ARROW_SCHEMA.names if n not in parquet.schema_arrow.names]
    if missing:
        raise SourceError(
            str(file),
            f"no column {', '.join(missing)}",
            "the columns of completions",
            "give it the output of `alignray sample`",
        )
    return int(parquet.metadata.num_rows)
