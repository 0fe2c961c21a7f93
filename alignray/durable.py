"""Durable files: a reader sees the old content or the new one, never a part of it."""

from __future__ import annotations

import errno
import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from alignray.errors import AlignrayError, ArtifactError, StorageError


def compute_file_digest(path: Path) -> str:
    """SHA-256 of a file's content in hex."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def read_json(path: Path) -> dict[str, Any]:
    """Reads a JSON object that this module wrote.

    Raises:
        ArtifactError: the file is not JSON.
    """
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ArtifactError(
            str(path), f"not JSON ({error})", "a file written by alignray"
        ) from error
    return content


def write_json(path: Path, content: Mapping[str, Any] | list[Any]) -> None:
    """Writes JSON so that a reader sees the old file or the new one, never a part of it."""
    text = json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False)
    write_text(path, text + "\n")


def write_text(path: Path, text: str) -> None:
    """Writes a file by temporary file, fsync and rename.

    Raises:
        StorageError: no space, no permission.
    """
    write_bytes(path, text.encode("utf-8"))


def write_bytes(path: Path, content: bytes) -> None:
    """As `write_text`, for what is no text."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise explain_os_error(error, path) from error


def explain_os_error(error: OSError, path: Path) -> AlignrayError:
    """The one-line error for a failed write."""
    if error.errno == errno.ENOSPC:
        return StorageError(
            str(path), "no space left on the disk", "", "free some and run again: nothing is lost"
        )
    return StorageError(str(path), f"cannot be written ({error.strerror})", "a writable path")


def make_directory(path: Path) -> None:
    """Makes a directory and its parents.

    Raises:
        StorageError: no space, no permission.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise explain_os_error(error, path) from error
