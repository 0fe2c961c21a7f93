"""Parquet in and out of the pairs stage: ranked rows as a stream, records into a whole file."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pyarrow as pa
import pyarrow.parquet as pq

from alignray.errors import SourceError
from alignray.records import RankedPrompt, Record
from alignray.sources.rows import find_data_files

_BATCH_ROWS = 512


class RankedFiles:
    """The rows of a ranking, checked before any work and read in flat memory.

    Args:
        name: output directory of `alignray rank`, or one parquet file.

    Raises:
        SourceError: nothing there, not parquet, columns missing, no rows.
    """

    def __init__(self, name: str) -> None:
        path = Path(name).expanduser()
        if not path.exists():
            raise SourceError(name, "no such file or directory", "the output of `alignray rank`")
        self._files = [path] if path.is_file() else find_data_files(path, ("train",))
        self.num_rows = sum(_check_file(file) for file in self._files)
        if self.num_rows == 0:
            raise SourceError(name, "no rows", "at least one ranked prompt")

    def __iter__(self) -> Iterator[RankedPrompt]:
        """The rows in order."""
        for file in self._files:
            with pq.ParquetFile(file) as stream:
                for batch in stream.iter_batches(_BATCH_ROWS, columns=_COLUMNS):
                    yield from map(RankedPrompt.from_row, batch.to_pylist())


_COLUMNS = RankedPrompt.ARROW_SCHEMA.names


def _check_file(file: Path) -> int:
    """The number of rows of a file that has all columns of a ranking."""
    try:
        with pq.ParquetFile(file) as stream:
            names, num_rows = stream.schema_arrow.names, int(stream.metadata.num_rows)
    except (pa.ArrowException, OSError) as error:
        reason = str(error).split("\n", 1)[0]
        raise SourceError(str(file), f"not readable as parquet ({reason})") from error
    missing = [name for name in _COLUMNS if name not in names]
    if missing:
        raise SourceError(
            str(file),
            f"columns {', '.join(names)}",
            f"also {', '.join(missing)}",
            "give the output of `alignray rank`",
        )
    return num_rows


class RecordFile:
    """A parquet file of records, written batch by batch under another name until `finish`."""

    def __init__(self, path: Path, schema: pa.Schema) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        self._unfinished = path.with_name(f".{path.name}.unfinished")
        self._stream = self._unfinished.open("wb")
        self._writer = pq.ParquetWriter(self._stream, schema)
        self._schema = schema
        self._rows: list[dict[str, Any]] = []

    def __enter__(self) -> Self:
        """The file, open for writing."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Removes what was not finished."""
        if not self._stream.closed:
            # On the way out of an error, which is not to be hidden by another one.
            with contextlib.suppress(OSError, pa.ArrowException):
                self._writer.close()
            self._stream.close()
        self._unfinished.unlink(missing_ok=True)

    def write(self, records: Sequence[Record]) -> None:
        """Adds records."""
        self._rows += [record.to_row() for record in records]
        if len(self._rows) >= _BATCH_ROWS:
            self._flush()

    def finish(self) -> None:
        """Makes the file durable and gives it its name."""
        self._flush()
        self._writer.close()
        self._stream.flush()
        os.fsync(self._stream.fileno())
        self._stream.close()
        self._unfinished.replace(self._path)

    def _flush(self) -> None:
        if self._rows:
            batch = pa.RecordBatch.from_pylist(self._rows, schema=self._schema)
            self._writer.write_batch(batch)
            self._rows = []
