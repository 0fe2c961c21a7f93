"""Data sets of the Hugging Face hub, and those that `save_to_disk` wrote.

`datasets` is imported when one is asked for: it takes a second, and files do not need it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from alignray.errors import SourceError

_HUB_NAME = re.compile(r"([\w.-]+/[\w.-]+?)(?:@([\w./-]+))?(?::(\w+))?")
_BATCH_ROWS = 1024


@dataclass(frozen=True)
class HubName:
    """A hub data set, e.g. `Anthropic/hh-rlhf@harmless-base:test`."""

    repository: str
    data_dir: str | None = None
    split: str | None = None


def parse_hub_name(name: str) -> HubName | None:
    """Reads `owner/name[@DATA_DIR][:SPLIT]`; None for a name of another form."""
    match = _HUB_NAME.fullmatch(name)
    if match is None or name.startswith((".", "~")):
        return None
    return HubName(*match.groups())


def load_hub_rows(name: HubName, split: str, revision: str) -> Iterator[dict[str, Any]]:
    """The rows of one split, downloaded once to the hub's cache and read from there.

    Raises:
        SourceError: no such data set, split or revision, or the hub cannot be reached.
    """
    import datasets

    try:
        dataset = _load_part(datasets.load_dataset, name, split, revision)
    # The boundary: network, cache and builder errors have no common base class.
    except Exception as error:
        where = f"{name.repository}@{revision}:{split}"
        raise SourceError(
            where,
            f"no such local path, and not loaded from the hub ({_summarize(error)})",
            "owner/name[@DATA_DIR][:SPLIT]",
        ) from error
    return _iterate(dataset)


def _load_part(load: Any, name: HubName, split: str, revision: str) -> Any:
    """The split of a data set; its part is a folder, or else a configuration of that name."""
    try:
        return load(name.repository, data_dir=name.data_dir, split=split, revision=revision)
    except Exception as error:  # As in the caller.
        if name.data_dir is None or isinstance(error, ConnectionError):
            raise
        try:
            return load(name.repository, name=name.data_dir, split=split, revision=revision)
        except Exception:
            raise error from None


def is_saved_dataset(path: Path) -> bool:
    """Whether a directory was written by `save_to_disk`."""
    return (path / "dataset_dict.json").is_file() or (path / "state.json").is_file()


def load_saved_rows(
    path: Path, split: str | None, prefer: Sequence[str]
) -> tuple[str, Iterator[dict[str, Any]]]:
    """The split used and its rows: the one named, else the first of `prefer`, else the only one.

    Raises:
        SourceError: not readable, no such split, or several and none of `prefer`.
    """
    import datasets

    try:
        loaded = datasets.load_from_disk(str(path))
    except Exception as error:  # As above.
        found = f"not readable as a saved data set ({_summarize(error)})"
        raise SourceError(str(path), found) from error
    if not isinstance(loaded, datasets.DatasetDict):
        loaded = {"train": loaded}
    wanted = prefer if split is None else (split,)
    used = next((name for name in wanted if name in loaded), None)
    if used is None and split is None and len(loaded) == 1:
        used = next(iter(loaded))
    if used is None:
        expected = " or ".join(wanted)
        raise SourceError(
            str(path), f"splits {', '.join(loaded)}", expected, "name one: PATH:SPLIT"
        )
    return used, _iterate(loaded[used])


def _iterate(dataset: Any) -> Iterator[dict[str, Any]]:
    for table in dataset.with_format("arrow").iter(batch_size=_BATCH_ROWS):
        yield from table.to_pylist()


def _summarize(error: Exception) -> str:
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text[:200]}"
