"""From a name to rows: files, directories, saved data sets and hub ids, read once and in order.

A name is tried as a path, as `PATH[@SUBDIR][:SPLIT]`, then as a hub id of the same form
(`owner/name[@DATA_DIR][:SPLIT]`), unless there is a directory `owner` here; `hub:owner/name` always
means the hub. So `hh-rlhf@helpful-base:test` names the same rows here and there.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from alignray.errors import SourceError
from alignray.sources.formats import FORMATS, find_format, read_csv
from alignray.sources.hub import (
    HubName,
    is_saved_dataset,
    load_hub_rows,
    load_saved_rows,
    parse_hub_name,
)
from alignray.sources.wrapped import unwrap

HUB_PREFIX = "hub:"
_SPLIT_NAMES = ("train", "test", "validation", "valid", "val", "dev", "eval", "sft")
_BOOKS = {
    "config.json",
    "record.json",
    "metrics.json",
    "audit.json",
    "dataset_info.json",
    "dataset_infos.json",
}


class SourceRow(NamedTuple):
    """One row of a source.

    Example: `SourceRow({"prompt": "Hi"}, "data/prompts.jsonl:1", "prompts.jsonl:1")`.
    """

    values: Mapping[str, Any]
    where: str
    """For errors: file as the user named it, and line (from 1) or row (from 0)."""
    source: str
    """For records: the same without the directories that a machine happens to have."""
    text: str | None = None
    """The row as it stands in its file, where that is JSON."""


def open_rows(
    name: str, *, revision: str = "main", prefer: Sequence[str] = ("train",)
) -> Iterator[SourceRow]:
    """The rows of a file, a directory or a hub data set.

    Args:
        name: a path, `PATH:SPLIT`, or `owner/name[@DATA_DIR][:SPLIT]`.
        revision: commit, tag or branch of a hub data set.
        prefer: splits to take, the first that exists, where a source has several and none is named.

    Raises:
        SourceError: nothing of that name, an unknown format, or nothing in it.
    """
    rows = _find_rows(name, revision, prefer)
    first = next(rows, None)
    if first is None:
        raise SourceError(name, "no rows", "at least one")
    yield first
    yield from rows


def is_on_hub(name: str) -> bool:
    """Whether rows of that name, which has no source's prefix, are the hub's.

    Raises:
        SourceError: the directory is there, its subdirectory is not.
    """
    if find_local(name) is not None or _means_path(name):
        return False
    return parse_hub_name(name.removeprefix(HUB_PREFIX)) is not None


def _find_rows(name: str, revision: str, prefer: Sequence[str]) -> Iterator[SourceRow]:
    local = find_local(name)
    if local is not None:
        return _open_path(*local, prefer)
    hub_name = parse_hub_name(name.removeprefix(HUB_PREFIX))
    if hub_name is None or _means_path(name):
        raise SourceError(name, "no such file or directory", "a file, a directory or a hub id")
    return _open_hub(hub_name, revision, prefer)


def find_local(name: str) -> tuple[Path, str | None] | None:
    """The path and split that `PATH[@SUBDIR][:SPLIT]` names here; None if there is no such path.

    Raises:
        SourceError: the directory is there, its subdirectory is not.
    """
    base, _, split = name.rpartition(":")
    for candidate, part in ((name, None), (base, split)):
        if candidate and (path := Path(candidate).expanduser()).exists():
            return path, part
        folder, _, below = candidate.rpartition("@")
        if folder and below and (directory := Path(folder).expanduser()).is_dir():
            if (directory / below).exists():
                return directory / below, part
            if part is not None or ":" not in below:
                raise SourceError(name, f"no `{below}` in {folder}", _describe_folders(directory))
    return None


def _describe_folders(directory: Path) -> str:
    names = sorted(entry.name for entry in directory.iterdir() if entry.is_dir())
    return f"one of {', '.join(names[:12])}" if names else "a subdirectory"


def _means_path(name: str) -> bool:
    """Whether what could be a hub id looks like a mistyped path: asking the hub takes long."""
    if name.startswith(HUB_PREFIX):
        return False
    path = Path(name)
    return find_format(path) is not None or path.parent.is_dir()


def _open_path(path: Path, split: str | None, prefer: Sequence[str]) -> Iterator[SourceRow]:
    if path.is_file():
        if split is not None:
            raise SourceError(f"{path}:{split}", "a split of a file", "the file's name alone")
        return read_file(path, path.name)
    if is_saved_dataset(path):
        used, values = load_saved_rows(path, split, prefer)
        return _number_rows(values, f"{path}:{used}", f"{path.name}:{used}")
    files = find_data_files(
        path, (split,) if split is not None else prefer, named=split is not None
    )
    return (row for file in files for row in read_file(file, file.relative_to(path).as_posix()))


def _open_hub(name: HubName, revision: str, prefer: Sequence[str]) -> Iterator[SourceRow]:
    label = f"{name.repository}:{name.split or prefer[-1]}"
    values = load_hub_rows(name, name.split or prefer[-1], revision)
    return _number_rows(values, label, label)


def find_data_files(path: Path, splits: Sequence[str], *, named: bool = False) -> list[Path]:
    """The data files of a directory (or of `data/` in it), in order of their names.

    Files named for splits (`train.jsonl`, `test-00000-of-00002.parquet`) are never mixed: the first
    split of `splits` that is there is taken. A named split may have a longer name (`train_sft`).

    Raises:
        SourceError: no data file, files of several formats, or none of the splits.
    """
    directory = path / "data" if (path / "data").is_dir() else path
    files = sorted(file for file in directory.iterdir() if _is_data_file(file))
    if not files:
        below = any(entry.is_dir() for entry in directory.iterdir())
        do = f"name a part: {path}@SUBDIR, {_describe_folders(directory)}" if below else ""
        raise SourceError(str(path), "no data files", f"files ending in {', '.join(FORMATS)}", do)
    exact = [f for f in files if named and re.split(r"[-.]", f.name)[0] == splits[0]]
    files = exact or files
    by_split = {
        name: [f for f in files if _get_split(f) == name] for name in map(_get_split, files)
    }
    if len(by_split) > 1 or (named and not exact):
        found = next((name for name in splits if name in by_split), None)
        if found is None:
            present = ", ".join(sorted(name for name in by_split if name)) or "none"
            raise SourceError(
                str(path), f"splits: {present}", f"{' or '.join(splits)}", "name one: PATH:SPLIT"
            )
        files = by_split[found]
    formats = {form for file in files if (form := find_format(file)) is not None}
    if len({form.family for form in formats}) > 1:
        names = " and ".join(sorted(form.name for form in formats))
        raise SourceError(str(path), f"files of {names}", "one format", "name one file")
    return files


def _is_data_file(file: Path) -> bool:
    hidden = file.name.startswith((".", "_"))
    return (
        file.is_file() and not hidden and file.name not in _BOOKS and find_format(file) is not None
    )


def _get_split(file: Path) -> str:
    """The split that a file's name begins with; empty for other names."""
    word = file.name.replace("-", ".").replace("_", ".").split(".", 1)[0]
    return word if word in _SPLIT_NAMES else ""


def read_file(
    file: Path, label: str, columns: Sequence[str] = (), known: Sequence[str] = ()
) -> Iterator[SourceRow]:
    """The rows of one file.

    Args:
        file: the file; its name tells its format.
        label: what records call it.
        columns: names of the cells where it is a CSV file without a header.
        known: names by which the first row of such a file is known to be a header.

    Raises:
        SourceError: an unknown format, an empty file, a broken row.
    """
    form = find_format(file)
    if form is None:
        raise SourceError(str(file), f"unknown file type `{file.suffix}`", ", ".join(FORMATS))
    unit = "" if form.unit == "line" else "row "
    empty = True
    head, label_head = f"{file}:{unit}", f"{label}:{unit}"
    headerless = columns and form.name == "CSV"
    for number, value, text in read_csv(file, columns, known) if headerless else form.read(file):
        empty = False
        for part, item in unwrap(value, f"{head}{number}"):
            where = f"{head}{number}{part}"
            values = item if isinstance(item, dict) else _build_values(item, where)
            own = text if not part else None
            yield SourceRow(values, where, f"{label_head}{number}{part}", own)
    if empty:
        raise SourceError(str(file), "an empty file", f"rows of {form.name}")


def _build_values(value: Any, where: str) -> Mapping[str, Any]:
    """The columns of a row without any: a bare text is a prompt, a bare list a conversation."""
    if isinstance(value, str):
        return {"prompt": value}
    if isinstance(value, list):
        return {"messages": value}
    raise SourceError(
        where, f"a bare {type(value).__name__}", "an object, a text or a message list"
    )


def _number_rows(values: Iterator[dict[str, Any]], where: str, label: str) -> Iterator[SourceRow]:
    for number, row in enumerate(values):
        yield SourceRow(row, f"{where}:row {number}", f"{label}:{number}")
