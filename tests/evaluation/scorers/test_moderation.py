from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from alignray.errors import EvaluationError, SourceError
from alignray.evaluation.score import run_score

DATA = Path(os.environ.get("ALIGNRAY_DATA", Path(__file__).parents[4] / "shared" / "data"))


def score(*arguments: object) -> dict[str, Any]:
    report: dict[str, Any] = json.loads(run_score("moderation", [str(a) for a in arguments], True))
    return report


def write(path: Path, flags: list[bool | None], ids: list[str] | None = None) -> Path:
    rows = [
        {
            "results": [
                {
                    "flagged": flag,
                    "categories": {"hate": flag, "violence": False},
                    "category_scores": {"hate": 0.6 if flag else 0.4, "violence": 0.1},
                }
            ]
        }
        | ({"prompt_id": ids[index]} if ids else {})
        for index, flag in enumerate(flags)
    ]
    path.write_text("\n".join(json.dumps(row) for row in rows), encoding="utf-8")
    return path


def test_real_labels() -> None:
    path = DATA / "openai-moderation/samples-1680.jsonl.gz"
    if not path.exists():
        pytest.skip("needs openai-moderation in $ALIGNRAY_DATA")
    report = score(path)
    found = {entry["category"]: (entry["k"], entry["n"]) for entry in report["scores"]}
    assert found["any"] == (418, 755)
    assert found["sexual"] == (237, 984)
    assert found["violence/graphic"] == (24, 1447)
    assert len(found) == 9
    assert "104 texts are flagged by one category and unknown in another" in report["notes"][0]


def test_reduction_by_order(tmp_path: Path) -> None:
    base = write(tmp_path / "base.jsonl", [True] * 8 + [False] * 2)
    tuned = write(tmp_path / "tuned.jsonl", [True] * 2 + [False] * 7 + [None])
    report = score(base, tuned)
    reductions = [e for e in report["scores"] if e["metric"] == "relative_reduction"]
    assert [e["benchmark"] for e in reductions] == ["moderation", "moderation/hate"]
    assert reductions[0]["value"] == pytest.approx(0.75)
    assert (reductions[0]["n"], reductions[0]["unscored"]) == (9, 1)
    assert reductions[0]["ci_low"] < 0.75 < reductions[0]["ci_high"]
    assert report["details"]["baseline"] == "base"
    assert any("violence: nothing of the baseline is flagged" in note for note in report["notes"])


def test_reduction_by_id(tmp_path: Path) -> None:
    base = write(tmp_path / "base.jsonl", [True, True, False], ["a", "b", "c"])
    tuned = write(tmp_path / "tuned.jsonl", [False, True, True], ["c", "a", "x"])
    report = score(base, tuned)
    (entry,) = [e for e in report["scores"] if e["metric"] == "relative_reduction"][:1]
    assert (entry["value"], entry["n"]) == (0, 2)
    assert any("2 rows have no partner" in note for note in report["notes"])
    by_order = score(base, tuned, "pair_by=order")
    values = [e["value"] for e in by_order["scores"] if e["metric"] == "relative_reduction"]
    assert values[0] == 0


def test_threshold_on_scores(tmp_path: Path) -> None:
    path = write(tmp_path / "base.jsonl", [True, False, False, False])
    assert score(path)["scores"][0]["value"] == 0.25
    assert score(path, "threshold=0.4")["scores"][0]["value"] == 1.0


def test_a_threshold_makes_no_non_flag_of_a_missing_category(tmp_path: Path) -> None:
    scores = [
        {"hate": 0.9, "violence": 0.1},
        {"hate": 0.1},
        {"hate": 0.8},
        {"hate": 0, "violence": 0},
    ]
    rows = [{"results": [{"flagged": False, "category_scores": each}]} for each in scores]
    path = tmp_path / "a.jsonl"
    path.write_text("\n".join(json.dumps(row) for row in rows), encoding="utf-8")
    found = {
        e["category"]: (e["k"], e["n"], e["unscored"])
        for e in score(path, "threshold=0.5")["scores"]
    }
    assert found == {"any": (1, 2, 2), "hate": (2, 4, 0), "violence": (0, 2, 2)}


def test_rows_that_do_not_pair(tmp_path: Path) -> None:
    base = write(tmp_path / "base.jsonl", [True, True])
    with pytest.raises(SourceError, match="3 rows beside 2"):
        score(base, write(tmp_path / "tuned.jsonl", [True] * 3))
    with pytest.raises(SourceError, match="1 ids come twice"):
        score(base, write(tmp_path / "twice.jsonl", [True] * 2, ["a", "a"]))
    with pytest.raises(SourceError, match="no id in common"):
        score(base, write(tmp_path / "ids.jsonl", [True] * 2, ["a", "b"]), "pair_by=id")


def test_nothing_known_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "failed.jsonl"
    path.write_text('{"error": "rate limit"}\n' * 3, encoding="utf-8")
    with pytest.raises(EvaluationError, match="no scored rows"):
        score(path)
