import json

from alignray.evaluation.scorers.lm_eval import Options, score_files


def test_scores_of_a_results_file(tmp_path):
    content = {
        "results": {
            "arc": {"acc,none": 0.5, "acc_stderr,none": 0.1, "alias": "arc"},
            "mc": {"acc,none": float("nan"), "acc_norm,none": 0.25},
        },
        "n-samples": {"arc": {"original": 25, "effective": 25}},
        "model_name": "gpt2",
    }
    (tmp_path / "results.json").write_text(json.dumps(content))
    report = score_files([tmp_path / "results.json"], Options())
    arc, other = (score.to_entry() for score in report.scores)
    assert (arc["model"], arc["benchmark"], arc["metric"], arc["n"]) == ("gpt2", "arc", "acc", 25)
    assert arc["stderr"] == 0.1
    assert (other["value"], other["ci_low"]) == (0.25, None)
    assert report.notes == [
        "results.json: rows unknown (shown as 0): mc",
        "results.json: no number, left out: mc acc,none",
    ]
