"""The rows of a benchmark, wherever its copy is: a file, the folder of several, or the hub."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from alignray.config.benchmark_spec import BenchmarkSpec
from alignray.errors import SourceError
from alignray.sources.rows import SourceRow, find_local, open_rows, read_file


def read_rows(spec: BenchmarkSpec, data: str) -> Iterator[SourceRow]:
    """The rows of a copy, in order of its files.

    Args:
        spec: the benchmark.
        data: a file, a folder, a hub id.

    Raises:
        SourceError: missing, empty, broken, or none of the benchmark's files in a folder.
    """
    path = Path(data).expanduser()
    if path.is_file():
        yield from _read_files(spec, [path], path.parent)
    elif path.is_dir() and (files := find_files(path, spec.files.patterns)):
        yield from _read_files(spec, files, path)
    elif path.is_dir() and spec.files.many:
        names = " or ".join(spec.files.patterns)
        raise SourceError(str(path), f"no file of {spec.name}", names)
    else:
        revision = spec.source.revision if data == spec.source.hub else "main"
        yield from open_rows(data, revision=revision, prefer=("test", "train"))


def read_shots(spec: BenchmarkSpec, data: str) -> Iterator[SourceRow]:
    """The rows that solved examples are taken from.

    Raises:
        SourceError: they are not there.
    """
    few = spec.few_shot
    assert few is not None  # asked for where the benchmark has them
    path = Path(data).expanduser()
    if path.exists():
        roots = [path, path.parent, path.parent.parent] if path.is_dir() else list(path.parents[:2])
        for root in roots:
            if files := find_files(root, few.patterns):
                yield from _read_files(spec, files, root)
                return
        where, names = f"{spec.name} in {path}", " or ".join(few.patterns)
        raise SourceError(where, "no files with the solved examples", names)
    if few.split is None or find_local(data) is not None:
        raise SourceError(data, f"no solved examples of {spec.name}", "a folder with them")
    name = f"{data.removesuffix(':' + data.rpartition(':')[2])}:{few.split}"
    yield from open_rows(name, revision=spec.source.revision)


def find_files(folder: Path, patterns: Sequence[str]) -> list[Path]:
    """The files of the first pattern that has any, in natural order (`_2` before `_10`).

    A folder that is the last one of a pattern is taken as well: `test/` for `test/*.csv`.
    """
    for pattern in patterns:
        for written in (pattern, pattern.rpartition("/")[2]):
            inside = written != pattern and folder.name != pattern.split("/")[-2]
            found = [] if inside else sorted(folder.glob(written), key=_order)
            if found:
                return found
    return []


def _order(path: Path) -> list[tuple[int, str]]:
    parts = re.split(r"(\d+)", path.name)
    return [(int(part), "") if part.isdigit() else (-1, part) for part in parts]


def _read_files(spec: BenchmarkSpec, files: Sequence[Path], root: Path) -> Iterator[SourceRow]:
    for file in files:
        match = re.search(spec.files.name_pattern, file.name) if spec.files.name_pattern else None
        added = match.groupdict() if match is not None else {}
        label = file.relative_to(root).as_posix()
        for row in read_file(file, label, spec.files.columns, spec.prompt.column):
            yield row._replace(values={**row.values, **added}, text=None) if added else row
