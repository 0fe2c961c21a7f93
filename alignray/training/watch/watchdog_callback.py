"""The watchdog as a callback of a worker's trainer; what it concludes is in `watchdog.py`.

The time runs within a training step and between the batches of an evaluation. It stands still in
between, where a healthy worker may be busy for long without a sign: checkpoints are written, synced
and hashed, prompts are answered, the best checkpoint is loaded. A worker that hangs there is found
by the others, which are in a step or wait for it no longer than `timeout_seconds`.
"""

from __future__ import annotations

import faulthandler
import os
import socket
import threading
import time
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from alignray.durable import write_json
from alignray.errors import AlignrayError
from alignray.training.watch.watchdog import STALL_NAME, Heartbeat, describe_stall, read_heartbeats

STALLED_EXIT_CODE = 75
_TICKS = 6
_LONGEST_TICK = 15.0


class Watchdog(TrainerCallback):
    """The heartbeat of one worker, and the thread that reads those of all."""

    def __init__(self, logs_dir: Path, rank: int, stall_seconds: float) -> None:
        self._logs_dir = logs_dir
        self._stall_seconds = stall_seconds
        self._tick = min(stall_seconds / _TICKS, _LONGEST_TICK)
        self._lock = threading.Lock()
        self._beat = Heartbeat(rank, 0, 0, 0, os.getpid(), socket.gethostname())
        self._since: float | None = None
        """Begin of what is under way, by this host's steady clock; None where time stands still."""
        self._ended = threading.Event()

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        """Starts the thread."""
        self._move(state, None)
        threading.Thread(target=self._watch, daemon=True, name="watchdog").start()

    def on_train_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        """Ends the thread."""
        self._ended.set()

    def on_progress(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        """Something was finished, and the next batch is due in time."""
        self._move(state, time.monotonic())

    def on_pause(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        """Something was finished, and what comes next may take its time."""
        self._move(state, None)

    on_step_begin = on_substep_end = on_prediction_step = on_progress
    on_step_end = on_evaluate = on_save = on_pause

    def _move(self, state: TrainerState, since: float | None) -> None:
        with self._lock:
            moves = self._beat.moves + 1
            self._beat = replace(self._beat, step=state.global_step, moves=moves)
            self._since = since

    def _watch(self) -> None:
        before: list[Heartbeat] = []
        looked_at: float | None = None
        while not self._ended.is_set():
            with self._lock:
                self._beat = replace(self._beat, ticks=self._beat.ticks + 1)
                beat, since = self._beat, self._since
            self._tell(beat)
            waited = 0.0 if since is None else time.monotonic() - since
            if waited > self._stall_seconds / 2 and looked_at != since:
                before, looked_at = read_heartbeats(self._logs_dir), since
            if waited > self._stall_seconds:
                self._give_up(beat, before, waited)
            self._ended.wait(self._tick)

    def _tell(self, beat: Heartbeat) -> None:
        try:
            write_json(self._logs_dir / f"heartbeat-{beat.rank}.json", asdict(beat))
        except (AlignrayError, OSError):
            return  # a full disk, a share that is away: the next tick tries again

    def _give_up(self, own: Heartbeat, before: Sequence[Heartbeat], waited: float) -> None:
        """Says what is known, as far as the disk lets it, and ends the process in any case."""
        try:
            stacks = self._logs_dir / f"stacks-{own.rank}.txt"
            others = [beat for beat in read_heartbeats(self._logs_dir) if beat.rank != own.rank]
            cause = describe_stall(before, [*others, own], waited)
            write_json(self._logs_dir / STALL_NAME, {"cause": cause, "stacks": str(stacks)})
            with stacks.open("w") as stream:
                faulthandler.dump_traceback(stream, all_threads=True)
        finally:
            os._exit(STALLED_EXIT_CODE)
