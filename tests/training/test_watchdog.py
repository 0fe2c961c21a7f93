import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from alignray.config.sft import SFTStageConfig
from alignray.errors import TrainingError
from alignray.training.watchdog import Heartbeat, describe_stall, find_silent
from tests.training.conftest import build_dialogues, write_rows


def beat(rank, step, moved, alive):
    return Heartbeat(rank, step, moved, alive, 100 + rank, "host")


def test_a_stopped_process_is_the_cause_whatever_the_steps_say():
    beats = [beat(0, 12, 70, 99), beat(1, 12, 71, 72)]
    assert find_silent(beats, 100, 5).rank == 1
    assert "worker 1 silent for 29 s since step 12" in describe_stall(beats, 100, 5)
    assert "its process no longer runs" in describe_stall(beats, 100, 5)


def test_among_running_processes_the_one_behind_is_the_cause():
    beats = [beat(0, 13, 70, 99), beat(1, 12, 71, 99)]
    assert find_silent(beats, 100, 5).rank == 1
    assert "finishes no batch" in describe_stall(beats, 100, 5)


STAND_STILL = """
import sys, time
from pathlib import Path
from types import SimpleNamespace
from alignray.training.watchdog_callback import Watchdog
dog = Watchdog(Path(sys.argv[1]), 0, 0.6)
dog.on_train_begin(None, SimpleNamespace(global_step=3), None)
for _ in range(10):
    time.sleep(0.1); dog.on_step_end(None, SimpleNamespace(global_step=4), None)
print("moved", flush=True)
time.sleep(60)
"""


def test_a_process_that_stands_still_ends_itself_and_leaves_its_stacks(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", STAND_STILL, str(tmp_path)], capture_output=True, text=True,
        timeout=50, env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )  # fmt: skip
    assert done.returncode == 75 and done.stdout == "moved\n"
    verdict = json.loads((tmp_path / "stall.json").read_text())
    assert "worker 0 silent" in verdict["cause"] and "since step 4" in verdict["cause"]
    assert (
        "time.sleep" in Path(verdict["stacks"]).read_text()
        or "line" in Path(verdict["stacks"]).read_text()
    )


@pytest.mark.heavy
def test_a_worker_that_is_stopped_fails_the_run_with_its_name(tiny_model, tmp_path):
    from alignray.inference.cluster import connect
    from alignray.training.on_ray import run_sft

    rows = write_rows(tmp_path / "rows.parquet", build_dialogues(16))
    out = tmp_path / "out"
    config = SFTStageConfig(
        output_dir=str(out), model_name_or_path=str(tiny_model), dataset=str(rows),
        train_batch_size=8, num_train_epochs=900, save_steps=100_000,
        resources={
            "num_workers": 2, "per_device_train_batch_size": 4, "stall_seconds": 6,
            "max_failures": 0,
        },
    )  # fmt: skip
    stopped: list[int] = []

    def stop_worker_1() -> None:
        path = out / "logs" / "heartbeat-1.json"
        deadline = time.monotonic() + 200
        while time.monotonic() < deadline and not path.is_file():
            time.sleep(0.1)
        stopped.append(json.loads(path.read_text())["pid"])
        os.kill(stopped[0], signal.SIGSTOP)

    thread = threading.Thread(target=stop_worker_1)
    thread.start()
    try:
        with connect("local"), pytest.raises(TrainingError, match="worker 1 silent for") as caught:
            run_sft(config)
    finally:
        thread.join()
        for pid in stopped:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
    assert "its process no longer runs" in str(caught.value)
