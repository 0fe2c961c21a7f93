import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import asdict
from pathlib import Path

import pytest

from alignray.config.sft import SFTStageConfig
from alignray.errors import TrainingError
from alignray.training.watch.watchdog import Heartbeat, describe_stall, find_silent, read_heartbeats
from tests.training.conftest import build_dialogues, write_rows


def beat(rank, step, moves, ticks):
    return Heartbeat(rank, step, moves, ticks, 100 + rank, "host")


def test_a_stopped_process_is_the_cause_whatever_the_steps_say():
    before, now = (
        [beat(0, 12, 70, 9), beat(1, 12, 71, 9)],
        [beat(0, 12, 70, 12), beat(1, 12, 71, 9)],
    )
    assert find_silent(before, now).rank == 1
    cause = describe_stall(before, now, 29)
    assert "worker 1 silent for 29 s since step 12" in cause
    assert "its process no longer runs" in cause


def test_among_running_processes_the_one_behind_is_the_cause():
    before, now = (
        [beat(0, 12, 71, 9), beat(1, 12, 70, 9)],
        [beat(0, 12, 71, 12), beat(1, 12, 70, 12)],
    )
    assert find_silent(before, now).rank == 1
    assert "finishes no batch" in describe_stall(before, now, 29)
    assert find_silent([], now).rank == 1


def test_a_heartbeat_that_cannot_be_read_is_left_out(tmp_path):
    (tmp_path / "heartbeat-0.json").write_text(json.dumps(asdict(beat(0, 1, 2, 3))))
    (tmp_path / "heartbeat-1.json").write_text("{")
    (tmp_path / "heartbeat-2.json").write_text("{}")
    assert read_heartbeats(tmp_path) == [beat(0, 1, 2, 3)]


START = """
import sys, time
from pathlib import Path
from types import SimpleNamespace
from alignray.training.watch import watchdog_callback
dog = watchdog_callback.Watchdog(Path(sys.argv[1]), 0, 0.6)
def at(step):
    return None, SimpleNamespace(global_step=step), None
dog.on_train_begin(*at(3))
"""
STAND_STILL = """
for _ in range(10):
    time.sleep(0.1); dog.on_substep_end(*at(4))
print("moved", flush=True)
time.sleep(60)
"""
# Longer than allowed for a step: before the first, after one (a checkpoint), after an evaluation.
BUSY = """
time.sleep(1.2)
dog.on_step_begin(*at(3)); dog.on_step_end(*at(4))
time.sleep(1.2)
dog.on_prediction_step(*at(4)); dog.on_evaluate(*at(4))
time.sleep(1.2)
dog.on_save(*at(4))
time.sleep(1.2)
dog.on_train_end(*at(4))
print("done", flush=True)
"""
HANGING_EVALUATION = """
dog.on_step_begin(*at(3)); dog.on_step_end(*at(4)); dog.on_prediction_step(*at(4))
time.sleep(60)
"""
FULL_DISK = """
from alignray.errors import StorageError
write, calls = watchdog_callback.write_json, []
def fail(path, content):
    calls.append(path)
    if len(calls) < 4:
        raise StorageError(str(path), "no space left on the disk")
    write(path, content)
watchdog_callback.write_json = fail
dog.on_step_begin(*at(3))
time.sleep(60)
"""


def run(script, logs):
    return subprocess.run(
        [sys.executable, "-c", START + script, str(logs)], capture_output=True, text=True,
        timeout=50, env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])},
    )  # fmt: skip


@pytest.mark.heavy
def test_a_process_that_stands_still_ends_itself_and_leaves_its_stacks(tmp_path):
    done = run(STAND_STILL, tmp_path)
    assert done.returncode == 75 and done.stdout == "moved\n"
    verdict = json.loads((tmp_path / "stall.json").read_text())
    assert "worker 0 silent" in verdict["cause"] and "since step 4" in verdict["cause"]
    assert "finishes no batch" in verdict["cause"]
    assert "line" in Path(verdict["stacks"]).read_text()


@pytest.mark.heavy
def test_long_work_between_steps_is_no_stall(tmp_path):
    done = run(BUSY, tmp_path)
    assert (done.returncode, done.stdout) == (0, "done\n"), done.stderr
    assert not (tmp_path / "stall.json").exists()
    assert json.loads((tmp_path / "heartbeat-0.json").read_text())["ticks"] > 20


@pytest.mark.heavy
def test_an_evaluation_that_stands_still_ends(tmp_path):
    assert run(HANGING_EVALUATION, tmp_path).returncode == 75


@pytest.mark.heavy
def test_a_full_disk_does_not_end_the_watch(tmp_path):
    done = run(FULL_DISK, tmp_path)
    assert done.returncode == 75 and "StorageError" not in done.stderr
    assert (tmp_path / "stall.json").is_file()


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
