from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from alignray.errors import EvaluationError, SourceError
from alignray.evaluation.score import run_score

DATA = Path(os.environ.get("ALIGNRAY_DATA", Path(__file__).parents[4] / "shared" / "data"))
HEADER = "question,answer,prediction\n"


def score(*arguments: object) -> dict[str, Any]:
    report: dict[str, Any] = json.loads(run_score("mmlu", [str(a) for a in arguments], True))
    return report


def test_published_predictions() -> None:
    """Right answers counted from the files: prediction equal to the letter of the answer."""
    files = sorted((DATA / "mmlu-predictions/checkpoint-0").glob("*.csv"))
    if not files:
        pytest.skip("needs mmlu-predictions in $ALIGNRAY_DATA")
    report = score(*files)
    found = {entry["benchmark"]: (entry["k"], entry["n"]) for entry in report["scores"]}
    assert found == {
        "mmlu": (150, 338),
        "mmlu/category/STEM": (30, 100),
        "mmlu/category/other": (120, 238),
        "mmlu/subcategory/business": (56, 103),
        "mmlu/subcategory/health": (64, 135),
        "mmlu/subcategory/math": (30, 100),
        "mmlu/subject/abstract_algebra": (30, 100),
        "mmlu/subject/anatomy": (64, 135),
        "mmlu/subject/management": (56, 103),
    }
    assert report["scores"][0]["value"] == pytest.approx(150 / 338, abs=1e-9)
    assert report["scores"][0]["model"] == "checkpoint-0"
    assert "3 of 57 subjects" in report["notes"][0]


def test_both_numbers_are_said_of_unreadable_predictions(tmp_path: Path) -> None:
    path = tmp_path / "anatomy_result.csv"
    path.write_text(HEADER + "a,0,A\nb,1,B\nc,1,\nd,1,none of them\n", encoding="utf-8")
    report = score(path)
    entry = report["scores"][0]
    assert (entry["value"], entry["value_unscored_as_wrong"], entry["unscored"]) == (1.0, 0.5, 2)
    assert any("2 of 4 predictions could not be read" in note for note in report["notes"])
    assert report["details"]["unscored_rows"][tmp_path.name] == [
        "anatomy_result.csv[2]",
        "anatomy_result.csv[3]",
    ]


def test_other_subjects_doubled_questions_and_models(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    for model in "ab":
        path = tmp_path / model / "cooking_result.csv"
        path.write_text(HEADER + "a,0,A\na,0,B\n", encoding="utf-8")
    report = score(tmp_path / "a/cooking_result.csv", tmp_path / "b/cooking_result.csv")
    assert [entry["model"] for entry in report["scores"]] == ["a", "a", "b", "b"]
    assert any("in no category: cooking" in note for note in report["notes"])
    assert any("1 questions come more than once" in note for note in report["notes"])


def test_one_subject_in_two_files_and_nothing_readable(tmp_path: Path) -> None:
    for name in ("anatomy_result.csv", "anatomy_test.csv"):
        (tmp_path / name).write_text(HEADER + "a,0,?\n", encoding="utf-8")
    with pytest.raises(SourceError, match="a second time"):
        score(tmp_path / "anatomy_result.csv", tmp_path / "anatomy_test.csv")
    with pytest.raises(EvaluationError, match="no scored rows"):
        score(tmp_path / "anatomy_result.csv")
