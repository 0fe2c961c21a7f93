"""CPU seconds of a command and everything it starts, sampled from outside."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import Any

import psutil

_SAMPLE_SECONDS = 0.25


@dataclass(frozen=True)
class Measurement:
    """What a command used and the JSON object on its last line of standard output."""

    cpu_seconds: float
    wall_seconds: float
    peak_rss_mib: float
    """Largest resident size of the command's own process (not of what it starts)."""
    result: dict[str, Any]


def measure_command(arguments: list[str], environment: dict[str, str]) -> Measurement:
    """Runs `python ARGUMENTS...` to its end and sums the CPU time over its process tree.

    A process counts with its last sample, so one that ends is missed by at most a quarter second.

    Raises:
        RuntimeError: the command failed.
    """
    started = time.monotonic()
    process = subprocess.Popen(
        [sys.executable, *arguments], stdout=subprocess.PIPE, env=environment, text=True
    )
    root = psutil.Process(process.pid)
    seen: dict[tuple[int, float], float] = {}
    peak = 0
    while process.poll() is None:
        peak = max(peak, _sample(root, seen))
        time.sleep(_SAMPLE_SECONDS)
    assert process.stdout is not None
    lines = process.stdout.read().strip().splitlines()
    if process.returncode:
        raise RuntimeError(f"{arguments}: exit {process.returncode}")
    return Measurement(
        cpu_seconds=sum(seen.values()),
        wall_seconds=time.monotonic() - started,
        peak_rss_mib=peak / 2**20,
        result=json.loads(lines[-1]),
    )


def _sample(root: psutil.Process, seen: dict[tuple[int, float], float]) -> int:
    try:
        processes = [root, *root.children(recursive=True)]
        rss = root.memory_info().rss
    except psutil.NoSuchProcess:
        return 0
    for process in processes:
        try:
            times = process.cpu_times()
            seen[process.pid, process.create_time()] = times.user + times.system
        except psutil.NoSuchProcess:
            continue
    return int(rss)
