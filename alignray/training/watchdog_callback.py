"""The watchdog as a callback of a worker's trainer; what it concludes is in `watchdog.py`."""

from __future__ import annotations

import faulthandler
import os
import socket
import threading
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from alignray.durable import write_json
from alignray.training.watchdog import STALL_NAME, Heartbeat, describe_stall, read_heartbeats

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
        self._beat = Heartbeat(rank, 0, time.time(), time.time(), os.getpid(), socket.gethostname())
        self._ended = threading.Event()

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        """Starts the thread."""
        self._move(state)
        threading.Thread(target=self._watch, daemon=True, name="watchdog").start()

    def on_train_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        """Ends the thread."""
        self._ended.set()

    def on_event(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        """Something was finished."""
        self._move(state)

    on_step_begin = on_substep_end = on_step_end = on_event
    on_prediction_step = on_evaluate = on_save = on_event

    def _move(self, state: TrainerState) -> None:
        now = time.time()
        with self._lock:
            self._beat = Heartbeat(
                **{**asdict(self._beat), "step": state.global_step, "moved": now, "alive": now}
            )

    def _watch(self) -> None:
        while not self._ended.is_set():
            now = time.time()
            with self._lock:
                self._beat = Heartbeat(**{**asdict(self._beat), "alive": now})
                beat = self._beat
            write_json(self._logs_dir / f"heartbeat-{beat.rank}.json", asdict(beat))
            if now - beat.moved > self._stall_seconds:
                self._give_up(beat, now)
            self._ended.wait(self._tick)

    def _give_up(self, own: Heartbeat, now: float) -> None:
        beats = read_heartbeats(self._logs_dir)
        stacks = self._logs_dir / f"stacks-{own.rank}.txt"
        with stacks.open("w") as stream:
            faulthandler.dump_traceback(stream, all_threads=True)
        cause = describe_stall(beats, now, self._tick)
        write_json(self._logs_dir / STALL_NAME, {"cause": cause, "stacks": str(stacks)})
        os._exit(STALLED_EXIT_CODE)
