from __future__ import annotations

import json
from pathlib import Path

import pytest

from alignray.errors import SourceError
from alignray.evaluation.formats.preference_scores import ScoredRow, read_scored_rows


def read(folder: Path, row: object) -> ScoredRow:
    path = folder / "rm.jsonl"
    path.write_text(json.dumps(row), encoding="utf-8")
    (found,) = read_scored_rows(path)
    return found


@pytest.mark.parametrize(
    "names",
    [
        ("score_chosen", "score_rejected"),
        ("scores_chosen", "scores_rejected"),
        ("chosen_reward", "rejected_reward"),
        ("rewards/chosen", "rewards/rejected"),
        ("Score_Chosen", "Score_Rejected"),
    ],
)
def test_pairs_under_usual_names(tmp_path: Path, names: tuple[str, str]) -> None:
    assert read(tmp_path, {names[0]: 1, names[1]: None}).pair == (1.0, None)


def test_single_scores_with_labels(tmp_path: Path) -> None:
    assert read(tmp_path, {"cost": "2.5", "is_safe": False}).single == (2.5, False)
    assert read(tmp_path, {"score": float("nan"), "label": None}).single == (None, None)


@pytest.mark.parametrize(
    ("row", "found"),
    [
        ({"score_chosen": 1}, "no scores among score_chosen"),
        ({"score": 1}, "no scores"),
        ({"score_chosen": "x", "score_rejected": 1}, "`score_chosen` is text"),
        ({"score_chosen": [1], "score_rejected": 1}, "`score_chosen` is list"),
        ({"score": 1, "label": "maybe"}, "neither true nor false"),
    ],
)
def test_other_rows_are_refused(tmp_path: Path, row: object, found: str) -> None:
    with pytest.raises(SourceError, match=found):
        read(tmp_path, row)
