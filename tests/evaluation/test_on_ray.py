"""The whole evaluation on a real Ray, with engines that need no model."""

import json

import pyarrow.parquet as pq
import pytest

from alignray.config.evaluation import EvalConfig
from alignray.errors import EngineError, VerdictError
from alignray.evaluation.rows import EvalRow

pytestmark = pytest.mark.heavy
SIZES = {"risky": 40, "plain": 25}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("eval")
    for name, size in SIZES.items():
        rows = [{"prompt": f"{name} question {i} about locks and tea"} for i in range(size)]
        text = "".join(json.dumps(row) + "\n" for row in rows)
        (folder / f"{name}.jsonl").write_text(text)
    adapter = folder / "adapter"
    adapter.mkdir()
    (adapter / "adapter_config.json").write_text('{"r": 8, "base_model_name_or_path": "fake"}')
    full = folder / "full"
    full.mkdir()
    (full / "config.json").write_text("{}")
    return folder


def build_config(folder, name, judge=None, **changes):
    values = {
        "output_dir": str(folder / name),
        "engine": {"type": "fake"},
        "judge": {"type": "fake", "model": "judge"} | (judge or {}),
        "models": {"base": None, "sft": str(folder / "adapter"), "full": str(folder / "full")},
        "benchmarks": {
            "risky": {"prompts": str(folder / "risky.jsonl"), "kind": "harmful"},
            "plain": {"prompts": str(folder / "plain.jsonl"), "kind": "benign"},
        },
    }
    return EvalConfig(**(values | changes))


@pytest.fixture(scope="module", autouse=True)
def ray_cluster():
    from alignray.inference.cluster import connect

    with connect():
        yield


@pytest.fixture(scope="module")
def record(folder):
    from alignray.evaluation.on_ray import run_eval

    return run_eval(build_config(folder, "out"))


def test_every_prompt_is_answered_by_every_model_and_judged(folder, record):
    rows = [
        EvalRow.from_row(r) for r in pq.read_table(folder / "out/data/eval.parquet").to_pylist()
    ]
    assert record["counts"] == {"in": 195, "ok": 195, "unscored": 0, "failed": 0}
    for name, size in SIZES.items():
        for model in ("base", "sft", "full"):
            found = [row for row in rows if (row.benchmark, row.model) == (name, model)]
            assert len({row.prompt_id for row in found}) == len(found) == size
    assert [row.model for row in rows[:3]] == ["base", "sft", "full"]
    assert all(1 <= row.safety <= 5 and 1 <= row.helpfulness <= 5 for row in rows)
    answers = {row.model: row.response for row in rows[:3]}
    assert len(set(answers.values())) == 3


def test_report_lies_beside_the_rows_and_in_the_record(folder, record):
    report = json.loads((folder / "out/report.json").read_text())
    assert report == record["metrics"]["report"]
    assert {entry["model"] for entry in report} == {"base", "sft", "full"}
    assert "<svg" in (folder / "out/report.html").read_text()
    assert "report.html" in record["outputs"] and "data/eval.parquet" in record["outputs"]


def test_run_again_it_asks_no_engine(folder, record):
    from alignray.evaluation.on_ray import run_eval

    config = build_config(folder, "out")
    assert run_eval(config) == record
    (folder / "out/record.json").unlink()
    again = run_eval(config)
    assert again["outputs"] == record["outputs"]


def test_a_judge_that_says_nothing_readable_fails_at_the_gate_and_keeps_its_ledger(folder):
    from alignray.evaluation.on_ray import run_eval

    config = build_config(folder, "garbage", {"garbage_rate": 1.0}, models={"base": None})
    with pytest.raises(VerdictError, match="65 of 65 answers are unscored"):
        run_eval(config)
    assert not (folder / "garbage/record.json").exists()
    assert list((folder / "garbage/judgements/data").glob("part-*.parquet"))
    assert (folder / "garbage/data/eval.parquet").exists()


@pytest.fixture
def stages(monkeypatch):
    """Results of the row stages of an evaluation, in order."""
    from alignray.evaluation import on_ray

    results, run_stage = [], on_ray.run_stage

    def run_and_keep(*arguments):
        results.append(run_stage(*arguments))
        return results[-1]

    monkeypatch.setattr(on_ray, "run_stage", run_and_keep)
    return results


def test_other_thresholds_take_over_all_answers_and_grades(folder, record, stages):
    from alignray.evaluation.on_ray import run_eval

    config = build_config(folder, "strict", thresholds={"harmful_below": 4.5})
    strict = run_eval(config, reuse_from=[folder / "out"])
    assert [result.requests for result in stages] == [0, 0, 0]
    assert [result.counts.ok for result in stages] == [65, 65, 65]
    digest = "data/eval.parquet"
    assert strict["outputs"][digest] == record["outputs"][digest]
    assert strict["metrics"]["report"] != record["metrics"]["report"]


def test_grading_overlaps_answering_and_changes_nothing(folder, stages):
    from alignray.evaluation.on_ray import run_eval

    apart = run_eval(build_config(folder, "apart", pool={"overlap": "never"}))
    requests_apart = [result.requests for result in stages]
    stages.clear()
    together = run_eval(build_config(folder, "together", pool={"overlap": "always"}))
    assert requests_apart == [130, 65, 390]
    assert [result.requests for result in stages] == [130, 65, 0]
    digest = "data/eval.parquet"
    assert together["outputs"][digest] == apart["outputs"][digest]
    assert together["metrics"]["report"] == apart["metrics"]["report"]
    assert not (folder / "together/judgements-early").exists()
    costs = {line["engine"]: line for line in together["metrics"]["cost"]}
    assert {name: line["requests"] for name, line in costs.items()} == {
        "shared": 130,
        "full-full": 65,
        "judge": 390,
    }
    assert [line["starts"] for line in costs.values()] == [1, 1, 1]


def test_further_judges_have_their_say_in_the_report(folder):
    from alignray.evaluation.on_ray import run_eval

    fake = {"type": "fake", "model": "other"}
    judges = {
        "policy": {"type": "policy", "engine": fake},
        "classes": {"type": "refusal", "engine": fake},
        "pairs": {"type": "compare", "engine": fake | {"position_bias": 1.0}},
        "second": {"type": "grades", "engine": fake},
    }
    models = {"base": None, "sft": str(folder / "adapter")}
    record = run_eval(build_config(folder, "judged", judges=judges, models=models))
    found = {(e["metric"], e["model"], e["benchmark"]): e for e in record["metrics"]["judges"]}
    assert found["harmfulness_score", "sft", "risky"]["n"] == SIZES["risky"]
    assert found["over_refusal_rate_judge", "base", "plain"]["n"] == SIZES["plain"]
    wins = found["win_rate", "sft", "risky"]
    assert (wins["against"], wins["n"], wins["value"]) == ("base", SIZES["risky"], 50)
    flips = found["comparison_flip_rate", "pairs", "risky"]
    assert (flips["value"], flips["first_place_share"]) == (1.0, 1.0)
    assert 0 <= found["grader_agreement", "second", "risky"]["value"] <= 1
    rows = pq.read_table(folder / "judged/data/eval.parquet").to_pylist()
    judged = {entry["judge"] for row in rows for entry in row["judgements"]}
    assert judged == set(judges)
    assert [cost["engine"] for cost in record["metrics"]["cost"]][:2] == ["shared", "judge"]


def test_answers_made_anew_are_graded_once_while_they_are_made(folder, stages):
    from alignray.evaluation.on_ray import run_eval

    failing = {"type": "fake", "fail_pattern": "risky question 7 "}
    pool = {"overlap": "always"}
    models = {"base": None}
    first = run_eval(build_config(folder, "again", engine=failing, models=models, pool=pool))
    assert first["counts"]["failed"] == 1
    stages.clear()
    retried = build_config(folder, "again", models=models, pool=pool | {"retry": "failed"})
    again = run_eval(retried)
    answers, grades = stages
    assert (answers.requests, answers.followed.requests, grades.requests) == (1, 2, 0)
    assert again["counts"] == {"in": 65, "ok": 65, "unscored": 0, "failed": 0}


def test_a_grader_that_fails_every_row_ends_the_run_while_answers_are_made(folder):
    from alignray.evaluation.on_ray import run_eval

    config = build_config(
        folder,
        "broken",
        {"fail_pattern": "question"},
        models={"base": None},
        pool={"overlap": "always"},
    )
    with pytest.raises(EngineError, match=r"engine judge: .* rows failed"):
        run_eval(config)
    assert not (folder / "broken/judgements").exists()
    assert list((folder / "broken/generations/shared/ledger").glob("shard-*.parquet"))
    assert list((folder / "broken/judgements-early/ledger").glob("shard-*.parquet"))


def test_all_engines_of_a_pool_are_counted(folder):
    from alignray.evaluation.on_ray import run_eval

    slow = {"type": "fake", "seconds_per_token": 0.01}
    pool = {"min_engines": 2, "max_engines": 2, "overlap": "never", "rows_per_chunk": 4}
    config = build_config(folder, "two", engine=slow, models={"base": None}, pool=pool)
    answers, judge = run_eval(config)["metrics"]["cost"]
    assert answers["starts"] == 2 and judge["starts"] in (1, 2)


def test_a_place_is_looked_for_on_each_node(monkeypatch):
    from alignray.config.evaluation import EvalPoolConfig
    from alignray.config.inference import VLLMEngineConfig
    from alignray.evaluation import on_ray

    def build(kind=None):
        resources = {"num_gpus": 2, "accelerator_type": kind}
        return VLLMEngineConfig(model_name_or_path="org/m", resources=resources)

    def fits(*nodes, kind=None, overlap="auto"):
        monkeypatch.setattr(on_ray, "list_node_resources", lambda: list(nodes))
        return on_ray.can_overlap(EvalPoolConfig(overlap=overlap), build(), build(kind))

    half, typed = {"CPU": 8.0, "GPU": 1.0}, {"CPU": 8.0, "GPU": 2.0, "accelerator_type:H100": 1.0}
    whole = {"CPU": 8.0, "GPU": 2.0, "accelerator_type:L4": 1.0}
    assert not fits(half, half, half, half)
    assert fits(whole, whole) and not fits(whole)
    assert fits(whole, typed, kind="H100") and not fits(whole, whole, kind="H100")
    assert fits(half, overlap="always") and not fits(whole, whole, overlap="never")
