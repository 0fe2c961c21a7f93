"""logs/error.txt: the traceback of a run that failed, whose error is one line."""

from __future__ import annotations

from pathlib import Path

from alignray.durable import make_directory, write_text
from alignray.errors import StorageError
from alignray.training.job import LOGS_DIR

ERROR_NAME = "error.txt"


def write_error_log(stage_dir: Path, text: str) -> str:
    """Keeps a traceback in the stage's logs/error.txt.

    Returns:
        Where to look: `see DIR/logs/error.txt`; or why it could not be written, as on a full disk,
        which then is what ended the run and must not be hidden by a second error.
    """
    log = stage_dir / LOGS_DIR / ERROR_NAME
    try:
        make_directory(log.parent)
        write_text(log, text)
    except StorageError as error:
        return f"its traceback could not be written ({error.found})"
    return f"see {log}"
