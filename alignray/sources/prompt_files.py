"""Prompts -> parquet parts in a directory that appears whole or not at all."""

from __future__ import annotations

import itertools
import os
import shutil
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from alignray.durable import explain_os_error
from alignray.errors import ArtifactError, SourceError
from alignray.records import Prompt
from alignray.sources.audit import SourceAudit, write_audit


def write_prompts(
    prompts: Iterable[Prompt],
    directory: Path,
    rows_per_part: int = 50_000,
    row_group: int = 512,
    audit: SourceAudit | None = None,
) -> int:
    """Streams prompts to `directory/part-00000.parquet`... and returns how many there were.

    Args:
        prompts: read once; memory holds one row group.
        directory: must not exist, or be empty.
        rows_per_part: rows of a file.
        row_group: rows of a row group, the unit that a reader can skip to.
        audit: written beside the parts as audit.json once all prompts are read.

    Raises:
        SourceError: the prompts' own, or none at all.
        ArtifactError: the directory has something in it, or cannot be written.
    """
    if directory.is_dir() and any(directory.iterdir()):
        raise ArtifactError(str(directory), "already holds files", "a new or empty directory")
    unfinished = directory.with_name(f".{directory.name}.unfinished")
    try:
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(parents=True)
        count = _write_parts(prompts, unfinished, rows_per_part, row_group)
        if count == 0:
            raise SourceError(str(directory), "no prompts to write", "at least one")
        if audit is not None:
            write_audit(audit, unfinished)
        unfinished.replace(directory)
        _sync_directory(directory.parent)
    except OSError as error:
        raise explain_os_error(error, directory) from error
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return count


def _write_parts(
    prompts: Iterable[Prompt], directory: Path, rows_per_part: int, row_group: int
) -> int:
    rows = iter(prompts)
    count = 0
    for part in itertools.count():
        groups = _take_groups(rows, rows_per_part, row_group)
        first = next(groups, None)
        if first is None:
            return count
        path = directory / f"part-{part:05d}.parquet"
        with path.open("wb") as stream:
            with pq.ParquetWriter(stream, Prompt.ARROW_SCHEMA) as writer:
                for group in itertools.chain([first], groups):
                    writer.write_batch(_build_batch(group))
                    count += len(group)
            stream.flush()
            os.fsync(stream.fileno())
    raise AssertionError("itertools.count ends never")


def _take_groups(
    rows: Iterator[Prompt], rows_per_part: int, row_group: int
) -> Iterator[Sequence[Prompt]]:
    """The next `rows_per_part` prompts in groups of `row_group`."""
    left = rows_per_part
    while left > 0 and (group := list(itertools.islice(rows, min(row_group, left)))):
        yield group
        left -= len(group)


def _build_batch(prompts: Sequence[Prompt]) -> pa.RecordBatch:
    columns = [
        pa.array([getattr(prompt, field.name) for prompt in prompts], field.type)
        for field in Prompt.ARROW_SCHEMA
    ]
    return pa.RecordBatch.from_arrays(columns, schema=Prompt.ARROW_SCHEMA)


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
