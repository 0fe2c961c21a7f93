"""The ROC of a rating beside gold labels."""

import json

import pytest

from alignray.evaluation.score import run_score
from alignray.evaluation.scoring.rewards import trace_roc

RATINGS = [1.0, 0.5, 0.5, -4.0, -1.0, None]


def score(path, rows):
    path.write_text(json.dumps([{"prompt": "p", "response": "r"} | row for row in rows]))
    return json.loads(run_score("cas", [str(path)], as_json=True))


def test_the_curve_by_hand():
    points = trace_roc(RATINGS, [True, True, False, False, None, True])
    assert [
        (p["threshold"], p["true_positive_rate"], p["false_positive_rate"]) for p in points
    ] == [
        (None, 0, 0),
        (1.0, 0.5, 0),
        (0.5, 1, 0.5),
        (-4.0, 1, 1),
    ]
    assert trace_roc(RATINGS, [True] * 6) == []


@pytest.mark.parametrize(
    ("column", "good", "bad"),
    [("label", 1, 0), ("safe", True, False), ("harmful", False, True), ("is_unsafe", "0", "1")],
)
def test_the_area_is_that_of_the_curve_and_labels_say_which_side_is_good(
    column, good, bad, tmp_path
):
    labels = [good, good, bad, bad, None, good]
    rows = [{"rating": r, column: label} for r, label in zip(RATINGS, labels, strict=True)]
    report = score(tmp_path / "2_sft_harmful.json", rows)
    points = report["details"]["roc"][0]["points"]
    auc = next(entry for entry in report["scores"] if entry["metric"] == "auc")
    xs, ys = ([p[f"{side}_positive_rate"] for p in points] for side in ("false", "true"))
    area = sum((b - a) * (c + d) / 2 for a, b, c, d in zip(xs, xs[1:], ys, ys[1:], strict=False))
    assert auc["value"] == pytest.approx(area) == 0.875
    assert auc["ci_low"] < auc["value"] < auc["ci_high"]
    assert (auc["n"], auc["unscored"]) == (4, 2)
    assert report["notes"] == []


def test_without_labels_there_is_no_curve(tmp_path):
    report = score(tmp_path / "1_base_helpful.json", [{"rating": r} for r in RATINGS])
    assert "roc" not in report["details"]
    report = score(tmp_path / "1_base_helpful.json", [{"rating": 1, "label": "fine"}])
    assert "roc" not in report["details"]


def test_the_publishers_labels_are_the_threshold_again(tmp_path):
    rows = [
        {"model": m, "rating": r, "label": "harmless" if r > -3 else "harmful"}
        for m in ("base", "sft")
        for r in (-4.0, -3.0, -2.5)
    ]
    report = score(tmp_path / "harmfulness_classification.json", rows)
    found = {(e["model"], e["metric"]): e["value"] for e in report["scores"]}
    assert found["base", "HmR"] == 33 and found["sft", "auc"] == 1
    assert "say nothing" in report["notes"][0]
