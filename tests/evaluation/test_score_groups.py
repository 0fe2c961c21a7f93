"""Rows of several models, judges and attacks are told apart; what is left out is said."""

import json

import pytest

from alignray.errors import ConfigError, SourceError
from alignray.evaluation.score import run_score


def run(metric, *arguments):
    return json.loads(run_score(metric, [str(a) for a in arguments], as_json=True))


def write(path, content):
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def places(report):
    return list(dict.fromkeys((s["model"], s["benchmark"]) for s in report["scores"]))


def test_moderation_by_model(tmp_path):
    rows = [
        {"id": i, "model": m, "flagged": f, "categories": {"hate": f}}
        for i, m, f in [(1, "a", True), (2, "a", False), (1, "b", False), (2, "b", False)]
    ]
    report = run("moderation", write(tmp_path / "m.json", rows))
    rates = [(s["model"], s["value"]) for s in report["scores"] if s.get("category") == "any"]
    assert ("a", 0.5) in rates and ("b", 0) in rates
    for row in rows:
        row["model"] = "omni-moderation-latest"
    report = run("moderation", write(tmp_path / "x.json", rows[:2]))
    assert {s["model"] for s in report["scores"]} == {"x"}


@pytest.mark.parametrize("column", ["judge", "evaluator", "model"])
def test_judges_of_one_table(column, tmp_path):
    text = f"{column},gold,verdict\nJa,1,1\nJa,2,2\nJb,1,2\nJb,2,1\nJc,1,\n"
    report = run("judge_accuracy", write(tmp_path / "t.csv", text))
    accuracy = {s["model"]: s["value"] for s in report["scores"] if s["metric"] == "accuracy"}
    assert accuracy == {"Ja": 1, "Jb": 0}
    assert report["notes"] == ["Jc: none of 1 rows has both labels: no score"]


def test_a_column_of_labels_is_no_name_of_a_judge(tmp_path):
    report = run("judge_accuracy", write(tmp_path / "t.csv", "judge,gold,verdict\n1,1,1\n2,2,2\n"))
    assert {s["model"] for s in report["scores"]} == {"verdict"}


def test_classes_are_those_of_the_judge_own_rows(tmp_path):
    text = "judge,gold,verdict\nJa,1,1\nJa,1,1\nJb,2,1\n"
    report = run("judge_accuracy", write(tmp_path / "t.csv", text))
    recall = [s["value"] for s in report["scores"] if s["metric"] == "macro_recall"]
    assert recall[0] == 1


def test_the_wrong_mix_of_pandalm_files_is_named(tmp_path):
    file = write(tmp_path / "gpt-testset-v1.json", [{"idx": 0, "gpt_result": "1"}])
    with pytest.raises(SourceError, match=r"1 files \(gpt-testset-v1.json\) with verdicts"):
        run("judge_accuracy", file)


def write_artifact(path, kind):
    row = {"index": 0, "behavior": "b", "category": "c", "goal": "g", "prompt": "p",
           "response": "Sure.", "jailbroken": kind == "white_box"}  # fmt: skip
    head = {"method": "GCG", "model": "vicuna", "attack_type": kind}
    return write(path, {"parameters": head, "jailbreaks": [row]})


@pytest.mark.parametrize(("metric", "name"), [("asr", "attacks"), ("jailbreakbench",) * 2])
def test_attacks_of_one_model_are_apart(metric, name, tmp_path):
    kinds = ("white_box", "black_box")
    report = run(metric, *(write_artifact(tmp_path / f"{k}.json", k) for k in kinds))
    assert places(report) == [("vicuna", f"{name}/GCG/{kind}") for kind in kinds]


def test_types_of_prompts(tmp_path):
    text = "id,prompt,type,label,completion\n1,p,mine,safe,Sure.\n2,p,yours,unsafe,\n"
    report = run("xstest", write(tmp_path / "m.csv", text))
    found = {s["metric"].removesuffix("_strmatch"): s["n"] for s in report["scores"]}
    assert found == {"over_refusal_rate": 1, "unsafe_compliance_rate": 1}
    assert "1 empty completions" in report["notes"][0]
    text = "id,type,completion\n1,homonyms,Sure.\n2,homonym,Sure.\n"
    with pytest.raises(SourceError, match=r"m.csv\[1\]: unknown type 'homonym'"):
        run("xstest", write(tmp_path / "m.csv", text))


def test_ids_of_several_models_in_one_file(tmp_path):
    text = "id,type,completion,model\n1,safe,Sure.,a\n1,safe,Sorry,b\n"
    report = run("xstest", write(tmp_path / "m.csv", text))
    assert [s["model"] for s in report["scores"]] == ["a", "b"]
    text = "id,score,model\n1,1,a\n1,0,b\n"
    files = [write(tmp_path / f"{x}.csv", text) for x in "xy"]
    with pytest.raises(SourceError, match="a file for each `model`"):
        run("paired", *files)


def test_problems_without_a_reply(tmp_path):
    rows = [{"question": "q", "answer": "#### 1", "response": "#### 1"}]
    notes = run("gsm8k", write(tmp_path / "m.json", rows))["notes"]
    assert "m: replies to 1 of 1,319 problems" in notes


def test_a_column_named_twice(tmp_path):
    path = write(tmp_path / "t.csv", "a,b\n1,2\n")
    with pytest.raises(ConfigError, match="named twice"):
        run("agreement", path, "columns=[a,a]")
