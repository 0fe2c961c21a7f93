"""Checkpoints that can be trusted: a manifest is written last, and no checkpoint counts without it.

A checkpoint is a directory `checkpoint-N` as transformers and DeepSpeed write it (weights, sharded
optimizer states, scheduler, RNG states, position in the data), plus `manifest.json`: every file
with its size and digest, and the layout it was written in. A run that was killed while it
wrote leaves a directory without manifest, or one whose files do not match; both are passed over
for the newest whole one. Manifests also keep foreign pickles out: DeepSpeed loads its shards with
`weights_only=False`.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path
from typing import Any

from alignray.durable import read_json, write_json
from alignray.errors import ArtifactError, StorageError, TrainingError

MANIFEST_NAME = "manifest.json"
_PREFIX = "checkpoint-"
_WHOLE_FILE_BYTES = 64 * 1024 * 1024
_EDGE_BYTES = 1024 * 1024

Layout = dict[str, int | str]
"""What a checkpoint is bound to: `strategy`, and `num_workers` where it is sharded."""


def commit_checkpoint(checkpoint: Path, layout: Layout) -> None:
    """Makes a finished checkpoint count: files to disk, then the manifest.

    Raises:
        ArtifactError: no space, no permission.
    """
    files = {}
    for file in _list_files(checkpoint):
        _flush_file(file)
        files[file.relative_to(checkpoint).as_posix()] = _stamp_file(file)
    manifest = {"step": parse_step(checkpoint), "layout": layout, "files": files}
    write_json(checkpoint / MANIFEST_NAME, manifest)


def find_checkpoint(checkpoints_dir: Path, layout: Layout) -> Path | None:
    """The newest whole checkpoint, or None.

    Raises:
        TrainingError: it was written by another number of workers or ZeRO stage, which DeepSpeed
            cannot read.
        StorageError: as `read_manifest`.
    """
    for checkpoint in sorted(_list_checkpoints(checkpoints_dir), key=parse_step, reverse=True):
        manifest = read_manifest(checkpoint)
        if manifest is None:
            continue
        if manifest["layout"] != layout:
            raise TrainingError(
                str(checkpoint),
                f"written with {_format_layout(manifest['layout'])}",
                f"{_format_layout(layout)} to go on from it",
                "restore these resources, or delete the checkpoints to start anew",
            )
        return checkpoint
    return None


def read_manifest(checkpoint: Path) -> dict[str, Any] | None:
    """The manifest of a checkpoint whose files all match it, else None.

    Raises:
        StorageError: a file is there and cannot be read now, which says nothing of its content.
    """
    try:
        manifest = read_json(checkpoint / MANIFEST_NAME)
        files: dict[str, dict[str, Any]] = manifest["files"]
        whole = all(_stamp_file(checkpoint / name) == stamp for name, stamp in files.items())
    except (FileNotFoundError, KeyError, TypeError, AttributeError, ArtifactError):
        return None  # no file, or what is no manifest of ours
    except OSError as error:
        raise _explain_unreadable(error, checkpoint) from error
    return manifest if whole and files else None


def prune_checkpoints(checkpoints_dir: Path, keep: int, best_step: int | None = None) -> None:
    """Deletes all but the best and the newest `keep` whole ones, and torn ones older than those."""
    checkpoints = sorted(_list_checkpoints(checkpoints_dir), key=parse_step, reverse=True)
    committed = [path for path in checkpoints if (path / MANIFEST_NAME).is_file()]
    for path in checkpoints:
        is_old = len(committed) >= keep and parse_step(path) < parse_step(committed[keep - 1])
        if is_old and parse_step(path) != best_step:
            delete_checkpoint(path)


def delete_torn_checkpoints(checkpoints_dir: Path, newest: Path | None) -> None:
    """Deletes what a killed run left above the newest whole checkpoint."""
    step = -1 if newest is None else parse_step(newest)
    for path in _list_checkpoints(checkpoints_dir):
        if parse_step(path) > step:
            delete_checkpoint(path)


def delete_checkpoint(checkpoint: Path) -> None:
    """Deletes a checkpoint, its manifest first, so that half a checkpoint never counts."""
    (checkpoint / MANIFEST_NAME).unlink(missing_ok=True)
    shutil.rmtree(checkpoint, ignore_errors=True)


def name_checkpoint(checkpoints_dir: Path, step: int) -> Path:
    """The directory of a step's checkpoint, in transformers' naming."""
    return checkpoints_dir / f"{_PREFIX}{step}"


def parse_step(checkpoint: Path) -> int:
    """The optimizer step of `checkpoint-N`."""
    return int(checkpoint.name.removeprefix(_PREFIX))


def _list_checkpoints(checkpoints_dir: Path) -> list[Path]:
    """All of them, or an error: `Path.glob` leaves out what it cannot read."""
    try:
        with os.scandir(checkpoints_dir) as entries:
            names = [entry.name for entry in entries if entry.is_dir()]
    except FileNotFoundError:
        return []
    except OSError as error:
        raise _explain_unreadable(error, checkpoints_dir) from error
    return [
        checkpoints_dir / name
        for name in names
        if name.startswith(_PREFIX) and name.removeprefix(_PREFIX).isdigit()
    ]


def _list_files(checkpoint: Path) -> list[Path]:
    return sorted(
        path for path in checkpoint.rglob("*") if path.is_file() and path.name != MANIFEST_NAME
    )


def _stamp_file(path: Path) -> dict[str, Any]:
    """Size and digest; of a file over 64 MiB only its first and last MiB are read."""
    size = path.stat().st_size
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        if size <= _WHOLE_FILE_BYTES:
            digest.update(stream.read())
        else:
            digest.update(stream.read(_EDGE_BYTES))
            stream.seek(-_EDGE_BYTES, os.SEEK_END)
            digest.update(stream.read())
    return {"size": size, "sha256": digest.hexdigest()}


def _flush_file(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _explain_unreadable(error: OSError, path: Path) -> StorageError:
    return StorageError(
        str(error.filename or path),
        f"cannot be read ({error.strerror})",
        "",
        "make it readable and run again: no checkpoint was deleted",
    )


def _format_layout(layout: Layout) -> str:
    return ", ".join(f"resources.{name}={value}" for name, value in sorted(layout.items()))
