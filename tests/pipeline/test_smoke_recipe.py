"""The smoke recipe on real Ray: runs, does nothing again, reruns what is touched, resumes."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pyarrow.parquet as pq
import pytest

ROOT = Path(__file__).parents[2]
RECIPE = ROOT / "jobs" / "recipes" / "smoke.yaml"
COMMAND = [sys.executable, "-m", "alignray", "run", str(RECIPE)]

pytestmark = pytest.mark.heavy


@pytest.fixture
def environment():
    kept = {name: value for name, value in os.environ.items() if name != "RAY_ADDRESS"}
    return {**kept, "PYTHONPATH": str(ROOT)}


def run(environment, out, *overrides):
    done = subprocess.run(
        [*COMMAND, "--out", str(out), *overrides],
        capture_output=True,
        text=True,
        env=environment,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return done


def digest(out):
    return {
        path: path.read_bytes()
        for path in out.rglob("*")
        if path.is_file() and path.name not in (".lock", "report.html")
    }


def test_run_rerun_and_a_changed_judge(environment, tmp_path):
    out = tmp_path / "d"
    first = run(environment, out, "vars.num_prompts=48")
    assert "sample" in first.stdout and (out / "report.html").is_file()
    rows = pq.read_table(out / "sample" / "data")
    assert rows["row"].to_pylist() == list(range(48))
    assert {len(texts) for texts in rows["generations"].to_pylist()} == {5}

    before, start = digest(out), time.monotonic()
    again = run(environment, out, "vars.num_prompts=48")
    assert time.monotonic() - start < 10, "a finished run starts no Ray"
    assert again.stderr.count("finished before, skipped") == 3
    assert digest(out) == before

    changed = run(environment, out, "vars.num_prompts=48", "rank.mode=rank")
    assert "sample: finished before, skipped" in changed.stderr
    assert "mode: score there, rank now" in changed.stderr
    kept = {path: content for path, content in before.items() if "sample" in path.parts}
    assert kept.items() <= digest(out).items()
    moved = sorted(path.name.split("-")[0] for path in (out / ".superseded").iterdir())
    assert moved == ["pairs", "rank"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_and_run_again(environment, tmp_path, number):
    out = tmp_path / "d"
    slow = ["sample.engine.seconds_per_token=0.02", "sample.engine.resources.max_num_seqs=16"]
    overrides = ["vars.num_prompts=300", "sample.pool.rows_per_chunk=16", *slow]
    process = subprocess.Popen(
        [*COMMAND, "--out", str(out), *overrides],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
    )
    deadline = time.monotonic() + 90
    while not list(out.glob("sample/ledger/shard-*.parquet")) and time.monotonic() < deadline:
        time.sleep(0.2)
    process.send_signal(number)
    _, text = process.communicate(timeout=60)
    assert process.returncode == 130, text
    assert text.strip().endswith("alignray: interrupted: run the same command again to go on")
    error = json.loads((out / "logs" / "last-error.json").read_text())
    assert (error["stage"], error["error"]) == ("sample", "interrupted")

    overrides = [
        "vars.num_prompts=300",
        "sample.pool.rows_per_chunk=16",
        "sample.engine.resources.max_num_seqs=512",
        slow[0],
    ]
    again = run(environment, out, *overrides)
    assert "sample: goes on" in again.stderr
    rows = pq.read_table(out / "sample" / "data")
    assert rows["row"].to_pylist() == list(range(300))
    assert len(set(rows["prompt_id"].to_pylist())) == 300
