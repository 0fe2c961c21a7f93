"""Golden numbers of PandaLM and LLMBar, by the command's own text."""

import json
from pathlib import Path

import pytest

from alignray.errors import EvaluationError, SourceError
from alignray.evaluation.score import run_score
from tests.sources.real_data import find_data

# PandaLM, data/compute_metrics.py of WeOpenML/PandaLM, as printed there; exact: 667 of 999.
PUBLISHED = {"accuracy": 0.6677, "precision": 0.5738, "recall": 0.5750, "f1": 0.5743}


def run(*arguments):
    return json.loads(run_score("judge_accuracy", [str(a) for a in arguments], as_json=True))


def by_metric(report):
    return {score["metric"]: score for score in report["scores"]}


def test_pandalm_is_the_published_one():
    gold = find_data("pandalm/testset-v1.json")
    report = run(gold, find_data("pandalm/pandalm-7b-testset-v1.json"))
    scores = by_metric(report)
    for name, value in PUBLISHED.items():
        ours = scores["accuracy" if name == "accuracy" else f"macro_{name}"]["value"]
        assert round(ours, 4) == value
        assert ours == pytest.approx(report["details"]["published_rule:pandalm-7b"][name], abs=1e-9)
    assert scores["accuracy"]["value"] == pytest.approx(667 / 999, abs=1e-6)
    assert (scores["accuracy"]["k"], scores["accuracy"]["n"]) == (667, 999)
    assert report["details"]["gold_counts"] == {"0": 105, "1": 422, "2": 472}  # its README


@pytest.mark.parametrize("kind", ["Vanilla", "CoT", "Swap"])
def test_llmbar_is_the_published_one(kind):
    folder = f"llmbar/LLMBar/Natural/evaluators/GPT-4/{kind}"
    published = json.loads(Path(find_data(f"{folder}/statistics.json")).read_text())
    report = run(find_data(f"{folder}/result.json"))
    statistics = report["details"][f"statistics:GPT-4/{kind}:Natural"]
    scores = by_metric(report)
    for name in ("correct_False", "correct_True", "correct_both", "correct_average", "equal"):
        assert statistics[name] == published[name]
        percent = float(published[name].split("= ")[-1].rstrip("%"))
        assert 100 * scores[name]["value"] == pytest.approx(percent, abs=1e-6)
    # of its kappas only this one is right: both sides are mapped alike
    assert scores["order_kappa"]["value"] == pytest.approx(published["kappa_agreement"], abs=1e-6)


def write(tmp_path, name, content):
    path = tmp_path / name
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def test_garbage_is_unscored_and_a_tie_for_the_publisher(tmp_path):
    votes = [{"idx": i, "annotator1": 0, "annotator2": 0, "annotator3": 1} for i in range(4)]
    gold = write(tmp_path, "testset-v1.json", votes)
    results = ["Tie", "1", "garbage", "0"]
    judged = write(
        tmp_path,
        "gpt-testset-v1.json",
        [{"idx": i, "gpt_result": r} for i, r in reversed(list(enumerate(results)))],
    )
    report = run(judged, gold)
    accuracy = by_metric(report)["accuracy"]
    assert (accuracy["k"], accuracy["n"], accuracy["unscored"]) == (2, 3, 1)
    assert report["details"]["published_rule:gpt"]["accuracy"] == 0.75
    assert "publisher counts them as ties" in report["notes"][0]


def test_a_table_with_gold_and_verdicts(tmp_path):
    path = write(tmp_path, "t.csv", "label,winner\n1,1\n2,1\n2,\n2,2.0\n")
    accuracy = by_metric(run(path))["accuracy"]
    assert (accuracy["k"], accuracy["n"], accuracy["unscored"]) == (2, 3, 1)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([{"idx": 0, "gpt_result": "1"}], "0 files with annotators' labels"),
        ([{"idx": 0, "annotator1": 1, "annotator2": 1}], "no verdicts"),
        ([{"label": 1, "results": []}], "a row of LLMBar"),
        ([{"a": 1}], "no gold column among a"),
        ([{"gold": 1}], "no verdict column among gold"),
        ("[", "not JSON"),
        ("{}", "no columns"),
        ("[1]", "int"),
    ],
)
def test_other_files_are_named(tmp_path, content, message):
    with pytest.raises(SourceError, match=message):
        run(write(tmp_path, "t.json", content))


def test_no_verdict_at_all_is_an_error(tmp_path):
    with pytest.raises(EvaluationError, match="no scored rows"):
        run(write(tmp_path, "t.json", [{"gold": 1, "verdict": None}, {"gold": None, "verdict": 2}]))


def test_real_replies_that_no_parser_could_read_are_no_number():
    path = find_data("judge-outputs/llmbar_unparsed.dev.jsonl")
    with pytest.raises(EvaluationError, match="113 unscored"):
        run(path)
