"""A watchdog in every worker: a training that stands still fails with its cause, and ends.

Each worker writes logs/heartbeat-RANK.json: when it last finished a micro-batch (`moved`) and when
its watchdog last ran (`alive`). A worker that has not moved for `stall_seconds` says which one
holds the others up: one whose watchdog no longer runs either (stopped, out of memory, its node
gone), else the one that moved longest ago. It writes the stacks of its own threads and that
verdict, and ends its process; Ray Train then restarts the workers from the newest checkpoint,
`max_failures` times.
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

    Example: `Heartbeat(rank=1, step=12, moved=1763.2, alive=1790.0, pid=412, host="node-3")`.
    """

    rank: int
    step: int
    moved: float
    """Time of its last finished micro-batch, in seconds since the epoch."""
    alive: float
    """Time of its watchdog's last tick."""
    pid: int
    host: str


def find_silent(beats: Sequence[Heartbeat], now: float, tick: float) -> Heartbeat:
    """The worker that holds the others up; see the module."""
    frozen = [beat for beat in beats if now - beat.alive > 3 * tick]
    return min(frozen or beats, key=lambda beat: (beat.step, beat.moved))


def describe_stall(beats: Sequence[Heartbeat], now: float, tick: float) -> str:
    """E.g. `worker 1 silent for 31 s since step 12 (pid 412 on node-3: its process is stopped)`."""
    silent = find_silent(beats, now, tick)
    frozen = now - silent.alive > 3 * tick
    state = "its process no longer runs" if frozen else "its process runs, but finishes no batch"
    return (
        f"worker {silent.rank} silent for {now - silent.moved:.0f} s since step {silent.step}"
        f" (pid {silent.pid} on {silent.host}: {state})"
    )


def read_heartbeats(logs_dir: Path) -> list[Heartbeat]:
    """The last heartbeats of all workers."""
    files = sorted(logs_dir.glob("heartbeat-*.json"))
    return [Heartbeat(**json.loads(file.read_text())) for file in files]


def clear_heartbeats(logs_dir: Path) -> None:
    """Forgets the heartbeats and the verdict of an earlier run."""
    for file in [*logs_dir.glob("heartbeat-*.json"), logs_dir / STALL_NAME]:
        file.unlink(missing_ok=True)
