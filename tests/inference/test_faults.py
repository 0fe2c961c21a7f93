"""Faults on real Ray: killed processes, poison rows, hangs; through the command line."""

import json
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from benchmarks.kills import rehearse

pytestmark = pytest.mark.heavy


def run(*arguments, expected=0):
    done = subprocess.run(
        [sys.executable, "-m", "alignray", *arguments], capture_output=True, text=True, timeout=300
    )
    assert done.returncode == expected, done.stderr[-2000:]
    return done


def write_prompts(path: Path, texts) -> Path:
    path.write_text("".join(json.dumps({"prompt": text}) + "\n" for text in texts))
    return path


def test_killed_driver_and_worker_lose_nothing():
    for result in rehearse("fake", num_kills=4, num_prompts=200, seed=1):
        assert len(result["kills"]) == 2
        assert (result["lost"], result["duplicated"], result["unreadable"]) == (0, 0, 0)
        assert result["equal"]
        assert result["regenerated_tokens"] <= result["in_flight_bound"]


def test_poison_row_is_quarantined_and_named(tmp_path):
    texts = [f"prompt {i}" for i in range(40)]
    prompts = write_prompts(tmp_path / "p.jsonl", [*texts[:20], "POISON", *texts[20:]])
    arguments = [
        "sample",
        f"prompts={prompts}",
        "engine.type=fake",
        "engine.kill_pattern=POISON",
        f"output_dir={tmp_path / 'out'}",
    ]
    done = run(*arguments, expected=3)
    assert "1 of 41 rows failed" in done.stderr
    rows = pq.read_table(tmp_path / "out" / "data").to_pylist()
    assert [row["row"] for row in rows if row["status"] == "failed"] == [20]
    assert "died 3 times" in rows[20]["reason"]
    assert all(len(row["generations"]) == 5 for row in rows if row["row"] != 20)
    run(*arguments, expected=3)  # finished: the same answer, no work


def test_hanging_row_is_quarantined(tmp_path):
    prompts = write_prompts(tmp_path / "p.jsonl", ["a", "b", "HANG", "c"])
    run(
        "sample",
        f"prompts={prompts}",
        "engine.type=fake",
        "engine.hang_pattern=HANG",
        "pool.stall_seconds=1",
        "pool.max_row_tries=2",
        f"output_dir={tmp_path / 'out'}",
        expected=3,
    )
    rows = pq.read_table(tmp_path / "out" / "data").to_pylist()
    assert [row["status"] for row in rows] == ["ok", "ok", "failed", "ok"]


def test_finished_and_resumed_runs_ask_the_engine_for_nothing(tmp_path):
    prompts = write_prompts(tmp_path / "p.jsonl", [f"prompt {i}" for i in range(50)])
    trace, out = tmp_path / "trace", tmp_path / "out"
    arguments = [
        "sample",
        f"prompts={prompts}",
        "engine.type=fake",
        f"engine.resources.trace_file={trace}",
        f"output_dir={out}",
    ]
    run(*arguments)
    asked, manifest = trace.read_text(), (out / "ledger" / "manifest.jsonl").read_bytes()
    assert len(asked.splitlines()) == 50
    run(*arguments)
    (out / "record.json").unlink()  # killed between the last row and the record
    run(*arguments)
    assert trace.read_text() == asked
    assert (out / "ledger" / "manifest.jsonl").read_bytes() == manifest
