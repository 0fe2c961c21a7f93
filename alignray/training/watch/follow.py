"""The driver's display of a training: follows logs/progress.json, which worker 0 writes."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from alignray.config.training import TrainingConfig
from alignray.durable import read_json
from alignray.progress import Progress

_POLL_SECONDS = 0.5


@contextlib.contextmanager
def show_progress(path: Path, title: str, config: TrainingConfig, num_rows: int) -> Iterator[None]:
    """Shows rows, speed, time left and losses on stderr while the block runs.

    Args:
        path: the progress.json that `ProgressTeller` writes.
        title: name of the stage.
        config: the training.
        num_rows: rows of an epoch.
    """
    path.unlink(missing_ok=True)
    batch, done = config.train_batch_size, threading.Event()
    rows = config.max_steps * batch if config.max_steps else int(num_rows * config.num_train_epochs)
    progress = Progress(title, rows)
    progress.note = ""
    with progress:
        thread = threading.Thread(target=_follow, args=(path, batch, progress, done), daemon=True)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()


def _follow(path: Path, train_batch_size: int, progress: Progress, done: threading.Event) -> None:
    finished, begun = False, None
    while not finished:
        finished = done.wait(_POLL_SECONDS)
        if path.is_file():
            told = read_json(path)
            show_told(told, train_batch_size, progress, is_new=told["begun"] != begun)
            begun = told["begun"]


def show_told(
    told: Mapping[str, Any], train_batch_size: int, progress: Progress, is_new: bool
) -> None:
    """Shows what a worker told.

    Where the workers have just begun, or begun again (`is_new`), the steps of the checkpoint that
    they go on from count as done, and neither they nor the start count as speed.
    """
    if is_new:
        progress.rebase(told["steps"] * train_batch_size, told["first_step"] * train_batch_size)
    rows = (told["step"] - told["first_step"]) * train_batch_size
    progress.update(rows, told["tokens"] - told["first_tokens"], note=describe_losses(told))


def describe_losses(told: Mapping[str, Any]) -> str:
    """`loss 1.234  eval loss 1.301`, as far as they are known."""
    named = (("loss", told["loss"]), ("eval loss", told["eval_loss"]))
    return "  ".join(f"{name} {value:.4g}" for name, value in named if value is not None)
