import json

import pytest

from alignray.errors import EvaluationError, SourceError
from alignray.evaluation.score import run_score
from tests.sources.real_data import find_data


def run(*arguments):
    return json.loads(run_score("agreement", [str(a) for a in arguments], as_json=True))


def by_metric(report):
    return {score["metric"]: score for score in report["scores"]}


def test_pandalms_annotators():
    report = run(find_data("pandalm/testset-v1.json"))
    scores = by_metric(report)
    kappas = [s["value"] for s in report["scores"] if s["metric"] == "cohen_kappa"]
    assert [round(kappa, 2) for kappa in kappas] == [0.85, 0.88, 0.86]  # its README
    assert (scores["unanimous"]["k"], scores["unanimous"]["n"]) == (879, 999)
    assert scores["agreement"]["value"] == pytest.approx((879 + 120 / 3) / 999)
    for name in ("fleiss_kappa", "krippendorff_alpha"):
        assert scores[name]["ci_low"] < scores[name]["value"] < scores[name]["ci_high"]


def test_xstests_two_annotators_not_the_label_made_of_them():
    path = find_data("xstest/model_completions/xstest_v2_completions_gpt4.csv")
    report = run(path)
    agreement = by_metric(report)["agreement"]
    assert agreement["model"] == "annotation_1+annotation_2"
    assert agreement["n"] == 450
    human = run(
        find_data("xstest/evaluation/automated_evaluation_labels/"
                  "xstest_v2_completions_gpt4_gpteval.csv"), "columns=[final_label,gpt4_label]"
    )  # fmt: skip
    assert by_metric(human)["cohen_kappa"]["model"] == "final_label+gpt4_label"


def write(tmp_path, name, text):
    path = tmp_path / name
    path.write_text(text)
    return path


def test_files_are_joined_by_id(tmp_path):
    first = write(tmp_path, "a.csv", "id,human_label\nx,1\ny,2\nz,1\n")
    second = write(
        tmp_path, "b.jsonl", '{"id": "y", "judge_label": 2}\n{"id": "x", "judge_label": 2}\n'
    )
    report = run(first, second)
    agreement = by_metric(report)["agreement"]
    assert (agreement["k"], agreement["n"], agreement["unscored"]) == (1, 2, 1)
    assert "1 of 3 rows lack a label" in report["notes"]


def test_levels_need_numbers(tmp_path):
    graded = write(tmp_path, "g.csv", "rater1,rater2\n" + "1,2\n5,4\n3,3\n2,2\n4,5\n" * 4)
    levels = {
        level: by_metric(run(graded, f"level={level}"))["krippendorff_alpha"]["value"]
        for level in ("nominal", "ordinal", "interval")
    }
    assert levels["nominal"] < 0.4 < 0.8 < levels["interval"]
    words = write(tmp_path, "w.csv", "rater1,rater2\nyes,no\n")
    with pytest.raises(SourceError, match="no number"):
        run(words, "level=ordinal")


def test_one_label_for_all_has_no_kappa_and_says_so(tmp_path):
    report = run(write(tmp_path, "t.csv", "rater1,rater2\n1,1\n1,1\n"))
    assert [score["metric"] for score in report["scores"]] == ["agreement"]
    assert len(report["notes"]) == 3


def test_too_little_is_an_error(tmp_path):
    with pytest.raises(EvaluationError, match="2 unscored"):
        run(write(tmp_path, "t.csv", "rater1,rater2\n1,\n,2\n"))
    with pytest.raises(SourceError, match="two or more"):
        run(write(tmp_path, "t.csv", "rater1,x\n1,2\n"))
    with pytest.raises(SourceError, match="no label columns"):
        run(write(tmp_path, "t.csv", "x,y\n1,2\n"))
