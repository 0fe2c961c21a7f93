"""The moderation judge: rows, unknown categories, and a stage that is killed and goes on."""

import subprocess
import sys
import time

import psutil
import pyarrow.parquet as pq
import pytest

from alignray.config.inference import PoolConfig
from alignray.config.judge_engines import ModerationEngineConfig
from alignray.config.judges import ModerationJudgeConfig
from alignray.evaluation.judges.moderation import (
    ModerationTask,
)
from alignray.inference.engine import Output, Result
from alignray.inference.ledger import collect_finished_rows, read_shards
from alignray.inference.moderation_answer import parse_moderation
from tests.evaluation.judges.completions import build_completion, write_completions
from tests.inference.moderation_server import moderate, serve_moderation

REJECTED = Result([], 0, rejected="unreadable: flagged is neither true nor false")


def build_task(**changes):
    return ModerationTask("omni", ModerationJudgeConfig(engine=ModerationEngineConfig(**changes)))


def reply(text):
    return Result([parse_moderation({"results": [moderate(text)]})], 0)


def test_a_row_holds_flag_categories_and_scores():
    built = build_task().build_row(build_completion(), [reply("a lock"), reply("tea")])
    assert built["labels"] == ["flagged", "passed"] and built["values"] == [None, None]
    scores = {entry["name"]: entry["score"] for entry in built["scores"][0]}
    assert scores["violence"] == 0.93 and scores["flagged:violence"] == 1
    assert "illicit" not in scores and "flagged:illicit" not in scores


def test_what_has_no_verdict_has_a_reason():
    built = build_task().build_row(build_completion(), [REJECTED, reply("tea")])
    assert built["labels"] == [None, "passed"] and built["scores"][0] == []
    assert built["reasons"][0].startswith("unreadable") and built["status"] == "ok"
    strange = Result([Output("", "stop", 0, scores={"reward": 1.0})], 0)
    assert build_task().build_row(build_completion(), [strange, strange])["status"] == "unscored"


def test_where_the_server_is_does_not_enter_the_key():
    row = build_completion()
    keys = {build_task(base_url=url).compute_key(row) for url in (None, "http://localhost:1/v1")}
    assert len(keys) == 1
    assert build_task(form="dialogue").compute_key(row) not in keys
    assert build_task(model="other").compute_key(row) not in keys


def run_stage(file, url, out):
    """The stage of the test below; also what its first driver runs."""
    from alignray.inference.on_ray import run_row_stage

    engine = ModerationEngineConfig(base_url=url, resources={"max_concurrent_requests": 4})
    task = ModerationTask("omni", ModerationJudgeConfig(engine=engine))
    return run_row_stage(task, [file], engine, PoolConfig(), out, "moderation")


def run_until_rows_are_committed(file, url, out, at_least):
    """A driver that is killed with all it started, once rows are committed."""
    code = (
        "import sys; from pathlib import Path; from tests.evaluation.judges import test_moderation"
        " as t; t.run_stage(Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3]))"
    )
    driver = subprocess.Popen([sys.executable, "-c", code, str(file), url, str(out)])
    deadline = time.monotonic() + 120
    while count_finished(out) < at_least:
        assert driver.poll() is None and time.monotonic() < deadline
        time.sleep(0.02)
    started = [psutil.Process(driver.pid), *psutil.Process(driver.pid).children(recursive=True)]
    for process in started:
        process.kill()
    psutil.wait_procs(started, 30)


def count_finished(out):
    return len(collect_finished_rows(read_shards(out))) if (out / "ledger").is_dir() else 0


@pytest.mark.heavy
def test_a_killed_stage_goes_on_and_asks_nothing_twice_for_committed_rows(tmp_path):
    count, out = 200, tmp_path / "out"
    file = write_completions(tmp_path / "answers.parquet", count)
    answers = [row["generations"] for row in pq.read_table(file).to_pylist()]
    with serve_moderation() as server:
        server.delay = 0.05
        run_until_rows_are_committed(file, server.url, out, at_least=20)
        committed = collect_finished_rows(read_shards(out))
        asked_before = len(server.inputs)
        assert 20 <= len(committed) < count
        result = run_stage(file, server.url, out)
        asked_after = server.inputs[asked_before:]
    done = {answer for row in committed for answer in answers[row]}
    assert not done & set(asked_after)
    assert sorted(asked_after) == sorted(
        answer for row in set(range(count)) - committed for answer in answers[row]
    )
    rows = pq.read_table(out / "data").to_pylist()
    assert [row["row"] for row in rows] == list(range(count)) and result.counts.ok == count
    for row, texts in zip(rows, answers, strict=True):
        expected = ["flagged" if moderate(text)["flagged"] else "passed" for text in texts]
        assert row["labels"] == expected
