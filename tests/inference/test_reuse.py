"""Rows of an earlier run are taken over by key; only what changed is done anew."""

import pyarrow as pa
import pyarrow.parquet as pq

from alignray.config.inference import FakeEngineConfig, SamplingParams
from alignray.inference.engine import Output, Result
from alignray.inference.ledger import ManifestWriter, build_table, read_shards, write_shard
from alignray.inference.opening import open_ledger
from alignray.inference.reuse import reuse_rows
from alignray.records import Prompt, RowStatus
from alignray.sampling.task import SampleTask


def build_prompts(texts, subset="a"):
    return [
        Prompt(
            i, f"id-{t}", [{"role": "user", "content": t}], subset, None, f"f:{i}", "{}"
        ).to_row()
        for i, t in enumerate(texts)
    ]


def write_prompts(path, texts, subset="a"):
    table = pa.Table.from_pylist(build_prompts(texts, subset), schema=Prompt.ARROW_SCHEMA)
    pq.write_table(table, path)
    return path


def run_earlier(directory, task, texts, failed=()):
    (directory / "ledger").mkdir(parents=True)
    rows = []
    for row in build_prompts(texts):
        if row["row"] in failed:
            rows.append(task.build_empty_row(row, RowStatus.FAILED, "x"))
        else:
            rows.append(task.build_row(row, [Result([Output("answer", "stop", 1)], 1)]))
    table = build_table(rows, task.output_schema)
    ManifestWriter(directory).append(
        write_shard(directory, "ledger/shard-a.parquet", table, task.salt)
    )


def test_unchanged_rows_are_taken_over_with_their_new_place(tmp_path):
    task = SampleTask(FakeEngineConfig(), SamplingParams())
    run_earlier(tmp_path / "old", task, ["one", "two", "three"], failed=[2])
    file = write_prompts(tmp_path / "in.parquet", ["new", "three", "two", "one"], subset="b")
    assert reuse_rows(task, [file], [tmp_path / "old"], tmp_path / "now") == 2
    [shard] = read_shards(tmp_path / "now")
    assert shard.rows == [[2, 3]]
    rows = pq.read_table(tmp_path / "now" / shard.path).to_pylist()
    assert {(r["row"], r["prompt_id"], r["subset"]) for r in rows} == {
        (2, "id-two", "b"),
        (3, "id-one", "b"),
    }


def test_another_parameter_takes_nothing_over(tmp_path):
    run_earlier(tmp_path / "old", SampleTask(FakeEngineConfig(), SamplingParams()), ["one"])
    file = write_prompts(tmp_path / "in.parquet", ["one"])
    task = SampleTask(FakeEngineConfig(), SamplingParams(seed=1))
    assert reuse_rows(task, [file], [tmp_path / "old"], tmp_path / "now") == 0


def test_a_stage_with_rows_of_its_own_is_left_alone(tmp_path):
    task = SampleTask(FakeEngineConfig(), SamplingParams())
    run_earlier(tmp_path / "old", task, ["one"])
    run_earlier(tmp_path / "now", task, ["two"])
    file = write_prompts(tmp_path / "in.parquet", ["one", "two"])
    assert reuse_rows(task, [file], [tmp_path / "old"], tmp_path / "now") == 0


def test_equal_rows_share_a_key_and_both_are_taken_over(tmp_path):
    task = SampleTask(FakeEngineConfig(), SamplingParams())
    run_earlier(tmp_path / "old", task, ["one"])
    file = write_prompts(tmp_path / "in.parquet", ["one", "one"])
    assert reuse_rows(task, [file], [tmp_path / "old"], tmp_path / "now") == 2
    [shard] = read_shards(tmp_path / "now")
    assert shard.rows == [[0, 1]]


def test_an_input_that_changed_keeps_the_rows_whose_keys_it_has(tmp_path):
    task = SampleTask(FakeEngineConfig(), SamplingParams())
    file = write_prompts(tmp_path / "in.parquet", ["one", "two"])
    open_ledger(task, [file], tmp_path / "now")
    rows = [
        task.build_row(r, [Result([Output("x", "stop", 1)], 1)])
        for r in build_prompts(["one", "two"])
    ]
    table = build_table(rows, task.output_schema)
    shard = write_shard(tmp_path / "now", "ledger/shard-a.parquet", table, task.salt)
    ManifestWriter(tmp_path / "now").append(shard)
    assert open_ledger(task, [file], tmp_path / "now") == [shard]
    file = write_prompts(tmp_path / "in.parquet", ["two", "three"])
    [kept] = open_ledger(task, [file], tmp_path / "now")
    assert kept.rows == [[0, 0]] and kept.keys == [shard.keys[1]]


def test_earlier_runs_are_looked_at_after_stale_rows_are_set_aside(tmp_path):
    task = SampleTask(FakeEngineConfig(), SamplingParams())
    file, now = write_prompts(tmp_path / "in.parquet", ["one", "two"]), tmp_path / "now"
    open_ledger(task, [file], now)
    (now / "ledger/input.json").rename(tmp_path / "note.json")
    (now / "ledger").rmdir()
    run_earlier(now, task, ["one", "two"])
    (tmp_path / "note.json").rename(now / "ledger/input.json")
    run_earlier(tmp_path / "early", task, ["new"])
    file = write_prompts(tmp_path / "in.parquet", ["one", "new"])
    shards = open_ledger(task, [file], now, [tmp_path / "early"])
    assert sorted(shard.rows for shard in shards) == [[[0, 0]], [[1, 1]]]
    assert not (now / ".earlier").exists()


def test_a_failed_row_is_taken_over_where_failed_rows_are_tried_again(tmp_path):
    task = SampleTask(FakeEngineConfig(), SamplingParams())
    file = write_prompts(tmp_path / "in.parquet", ["one", "two"])
    run_earlier(tmp_path / "now", task, ["one", "two"], failed=[1])
    run_earlier(tmp_path / "early", task, ["two"])
    assert len(open_ledger(task, [file], tmp_path / "now", [tmp_path / "early"])) == 1
    shards = open_ledger(task, [file], tmp_path / "now", [tmp_path / "early"], retry_failed=True)
    assert [shard.rows for shard in shards if not shard.failed] == [[[1, 1]]]
