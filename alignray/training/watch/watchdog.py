"""A watchdog in every worker: a training that stands still fails with its cause, and ends.

Each worker writes logs/heartbeat-RANK.json: how far it is, and that its watchdog runs (`ticks`). A
worker whose step takes longer than `stall_seconds` says which one holds the others up: one whose
file has not changed since this worker looked at half of that time (stopped, out of memory, its node
gone), else the one that has finished the fewest micro-batches. It writes the stacks of its own
threads and that verdict, and ends its process; Ray Train then restarts the workers from the newest
checkpoint, `max_failures` times.

Heartbeats hold no times: the clocks of two hosts differ.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

STALL_NAME = "stall.json"
"""In logs/: the verdict of the first worker that gave up."""


@dataclass(frozen=True)
class Heartbeat:
    """One worker's last sign of life.

    Example: `Heartbeat(rank=1, step=12, moves=48, ticks=190, pid=412, host="node-3")`.
    """

    rank: int
    step: int
    moves: int
    """Events of the training so far: steps begun and ended, micro-batches, evaluation batches."""
    ticks: int
    """Turns of its watchdog so far; they grow while its process runs."""
    pid: int
    host: str


def find_silent(before: Sequence[Heartbeat], now: Sequence[Heartbeat]) -> Heartbeat:
    """The worker that holds the others up, from two looks at all heartbeats; see the module."""
    frozen = [beat for beat in now if beat in before]
    return min(frozen or now, key=lambda beat: (beat.step, beat.moves))


def describe_stall(before: Sequence[Heartbeat], now: Sequence[Heartbeat], seconds: float) -> str:
    """E.g. `worker 1 silent for 31 s since step 12 (pid 412 on n3: its process no longer runs)`.

    Args:
        before: all heartbeats at half of the time.
        now: the same at its end.
        seconds: how long the worker that looks has waited.
    """
    silent = find_silent(before, now)
    frozen = silent in before
    state = "its process no longer runs" if frozen else "its process runs, but finishes no batch"
    return (
        f"worker {silent.rank} silent for {seconds:.0f} s since step {silent.step}"
        f" (pid {silent.pid} on {silent.host}: {state})"
    )


def read_heartbeats(logs_dir: Path) -> list[Heartbeat]:
    """The last heartbeats of all workers; one that cannot be read now is left out."""
    beats = []
    for file in sorted(logs_dir.glob("heartbeat-*.json")):
        try:
            beats.append(Heartbeat(**json.loads(file.read_text())))
        except (OSError, ValueError, TypeError):
            continue  # the verdict is worth more than this file
    return beats


def clear_heartbeats(logs_dir: Path) -> None:
    """Forgets the heartbeats and the verdict of an earlier run."""
    for file in [*logs_dir.glob("heartbeat-*.json"), logs_dir / STALL_NAME]:
        file.unlink(missing_ok=True)
