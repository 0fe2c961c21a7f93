"""One run per directory: an advisory lock that dies with its process, so none is ever stale."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from alignray.durable import explain_os_error
from alignray.errors import ArtifactError

LOCK_NAME = ".lock"
_UNSUPPORTED = {errno.EBADF, errno.ENOTSUP, errno.ENOSYS, errno.ENOLCK, errno.EINVAL}


@contextlib.contextmanager
def lock_run(run_dir: Path) -> Iterator[None]:
    """Holds the lock of a run directory, which exists.

    Raises:
        ArtifactError: another process holds it, or the directory cannot be written.
    """
    path = run_dir / LOCK_NAME
    try:
        stream = path.open("a+", encoding="utf-8")
    except OSError as error:
        raise explain_os_error(error, path) from error
    with stream:
        if not _try_lock(stream.fileno()):
            raise _refuse(run_dir, read_holder(run_dir))
        stream.truncate(0)
        stream.write(f"{os.getpid()}\n")
        stream.flush()
        yield


@contextlib.contextmanager
def lock_stage(stage_dir: Path) -> Iterator[None]:
    """Holds the lock of a stage directory, and makes the directory if it is new.

    The lock is on the directory itself, so that no file of ours lies among a stage's outputs. On
    file systems that know no such lock, the stage runs without.

    Raises:
        ArtifactError: another process holds it, or the directory cannot be made.
    """
    try:
        stage_dir.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(stage_dir, os.O_RDONLY)
    except OSError as error:
        raise explain_os_error(error, stage_dir) from error
    try:
        if not _try_lock(descriptor):
            raise _refuse(stage_dir, "")
        yield
    finally:
        os.close(descriptor)
        with contextlib.suppress(OSError):
            stage_dir.rmdir()  # still empty where the stage refused its input: leave nothing


def is_locked(run_dir: Path) -> bool:
    """Whether a run is at work in the directory."""
    path = run_dir / LOCK_NAME
    if not path.is_file():
        return False
    with path.open("r", encoding="utf-8") as stream:
        return not _try_lock(stream.fileno())


def read_holder(run_dir: Path) -> str:
    """Process id of the run that holds, or held last, the lock; empty where none did."""
    with contextlib.suppress(OSError):
        return (run_dir / LOCK_NAME).read_text(encoding="utf-8").strip()
    return ""


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno not in _UNSUPPORTED:
            raise
    return True


def _refuse(directory: Path, holder: str) -> ArtifactError:
    process = f" (process {holder})" if holder else ""
    return ArtifactError(str(directory), f"another run is at work here{process}", "", "wait for it")
