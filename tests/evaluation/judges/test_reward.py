"""The reward judge: rows from rewards, reasons for what has none, and what scores take."""

import math

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from alignray.config.inference import PoolConfig
from alignray.config.judge_engines import RewardEngineConfig
from alignray.config.judges import RewardJudgeConfig
from alignray.evaluation.judges.judgement import JUDGEMENT_SCHEMA
from alignray.evaluation.judges.reward import RewardTask
from alignray.inference.engine import Output, RequestRejected, Result
from alignray.records import RowStatus
from tests.evaluation.judges.completions import (
    build_completion,
    build_failed_completion,
    write_completions,
)
from tests.inference.reward_models import build_deberta

REJECTED = Result([], 0, rejected="prompt_too_long")


def build_task(**changes):
    engine = RewardEngineConfig(model_name_or_path="owner/reward", **changes)
    return RewardTask("rm", RewardJudgeConfig(engine=engine))


def reply(reward):
    return Result([Output("", "stop", 0, scores={"reward": reward})], 11)


def test_each_distinct_answer_is_asked_about_once_after_its_prompt():
    row = build_completion() | {
        "generations": ["No.", "Yes.", "No."],
        "generation_models": ["a", "b", "c"],
    }
    task = build_task()
    requests = task.build_requests(row)
    assert [request.messages[-1]["content"] for request in requests] == ["No.", "Yes."]
    assert all(request.messages[:-1] == row["messages"] for request in requests)
    built = task.build_row(row, [reply(-1.5), reply(2.25)])
    assert built["values"] == [-1.5, 2.25, -1.5] and built["models"] == ["a", "b", "c"]
    assert (built["judge"], built["prompt_tokens"], built["status"]) == ("rm", 22, "ok")


def test_rewards_are_rounded_nowhere():
    reward = -1.8231234567
    assert build_task().build_row(build_completion(), [reply(reward)] * 2)["values"][0] == reward


@pytest.mark.parametrize(
    "result", [REJECTED, reply(math.nan), reply(math.inf), Result([], 0)], ids=repr
)
def test_what_has_no_reward_has_a_reason_and_no_number(result):
    built = build_task().build_row(build_completion(), [result, reply(0.5)])
    assert built["values"] == [None, 0.5] and built["status"] == "ok"
    assert built["reasons"][0] and built["reasons"][1] is None
    none = build_task().build_row(build_completion(), [result, result])
    assert none["values"] == [None, None] and none["status"] == "unscored" and none["reason"]


def test_rows_fit_their_schema_whatever_their_end():
    task, row = build_task(), build_completion()
    rows = [
        task.build_row(row, [reply(1.0), REJECTED]),
        task.build_empty_row(row, RowStatus.FAILED, "http 500"),
    ]
    table = pa.Table.from_pylist(rows, schema=JUDGEMENT_SCHEMA)
    assert table.column("reasons").to_pylist()[1] == ["http 500", "http 500"]
    assert table.column("values").to_pylist()[1] == [None, None]


def test_a_row_without_answers_is_unscored_with_its_reason():
    with pytest.raises(RequestRejected, match="no responses: engine died"):
        build_task().build_requests(build_failed_completion())


def test_the_key_is_model_prompt_and_answers_and_no_threshold_or_place():
    row, task = build_completion(), build_task()
    key = task.compute_key(row)
    moved = RewardEngineConfig(
        model_name_or_path="owner/reward", resources={"batch_tokens": 64, "num_cpus": 4}
    )
    for same in (
        RewardTask("rm", RewardJudgeConfig(engine=moved, harmless_above=0)),
        build_task(),
    ):
        assert same.compute_key(row) == key
    for other in (build_task(form="hh"), build_task(max_length=64), build_task(label="1")):
        assert other.compute_key(row) != key
    changed = [
        row | {"generations": ["Yes.", "Never."]},
        row | {"messages": [{"role": "user", "content": "Other"}]},
        row | {"generation_models": ["sft", "base"]},
    ]
    assert len({task.compute_key(r) for r in [row, *changed]}) == 4
    assert task.compute_key(row | {"row": 7}) == key


@pytest.mark.heavy
def test_a_stage_scores_every_row_and_the_second_run_asks_for_nothing(tmp_path):
    from alignray.inference.on_ray import run_row_stage
    from tests.inference.test_reward_engine import score_alone

    folder, count = build_deberta(tmp_path / "model"), 60
    file = write_completions(tmp_path / "answers.parquet", count)
    engine = RewardEngineConfig(model_name_or_path=str(folder), max_length=256)
    task = RewardTask("rm", RewardJudgeConfig(engine=engine))
    first = run_row_stage(task, [file], engine, PoolConfig(), tmp_path / "out", "rewards")
    rows = pq.read_table(tmp_path / "out" / "data").to_pylist()
    assert [row["row"] for row in rows] == list(range(count))
    answers = pq.read_table(file).to_pylist()
    texts = [
        (row["messages"][0]["content"], answer) for row in answers for answer in row["generations"]
    ]
    values = [value for row in rows for value in row["values"]]
    scored = [(text, value) for text, value in zip(texts, values, strict=True) if value is not None]
    expected = score_alone(folder, [text for text, _ in scored])
    assert [value for _, value in scored] == pytest.approx(expected, abs=1e-5)
    reasons = [reason for row in rows for reason in row["reasons"] if reason]
    assert len(scored) + len(reasons) == 2 * count and set(reasons) <= {"prompt_too_long"}
    again = run_row_stage(task, [file], engine, PoolConfig(), tmp_path / "out", "rewards")
    assert (first.requests, again.requests) == (2 * count, 0)
    assert again.counts == first.counts and first.prompt_tokens == again.prompt_tokens > 0
