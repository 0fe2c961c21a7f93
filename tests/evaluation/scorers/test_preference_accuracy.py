from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from alignray.errors import ConfigError, EvaluationError
from alignray.evaluation.score import run_score


def score(path: Path, *options: str) -> dict[str, Any]:
    arguments = [str(path), *options]
    report: dict[str, Any] = json.loads(run_score("preference_accuracy", arguments, True))
    return report


def test_pairs_and_labelled_scores(tmp_path: Path) -> None:
    path = tmp_path / "rm.jsonl"
    rows: list[dict[str, object]] = [
        {"score_chosen": 2, "score_rejected": 1},
        {"score_chosen": 1, "score_rejected": 1},
        {"score_chosen": None, "score_rejected": 1},
        {"score": 3, "label": 1},
        {"score": 2, "label": 0},
        {"score": 1, "label": 1},
    ]
    path.write_text("\n".join(json.dumps(row) for row in rows), encoding="utf-8")
    report = score(path)
    accuracy, auc = report["scores"]
    assert (accuracy["value"], accuracy["n"], accuracy["unscored"]) == (0.75, 2, 1)
    assert (auc["metric"], auc["value"], auc["n"]) == ("auc", 0.5, 3)
    assert report["notes"] == ["rm: 1 rows without a score are left out"]
    assert score(path, "higher=worse")["scores"][0]["value"] == 0.25


def test_a_table_and_nothing_scored(tmp_path: Path) -> None:
    path = tmp_path / "cost.csv"
    path.write_text("cost_chosen,cost_rejected\n1,2\n-1,2\n", encoding="utf-8")
    assert score(path, "higher=worse")["scores"][0]["value"] == 1.0
    path.write_text("cost_chosen,cost_rejected\n,2\n", encoding="utf-8")
    with pytest.raises(EvaluationError, match="no scored pairs"):
        score(path)
    with pytest.raises(ConfigError):
        score(path, "higher=sideways")
