from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from alignray.errors import EvaluationError
from alignray.evaluation.score import run_score


def score(folder: Path, rows: list[dict[str, object]], *options: str) -> dict[str, Any]:
    path = folder / "sft.jsonl"
    path.write_text("\n".join(json.dumps(row) for row in rows), encoding="utf-8")
    report: dict[str, Any] = json.loads(run_score("gsm8k", [str(path), *options], True))
    return report


def test_both_rules_and_what_has_no_number(tmp_path: Path) -> None:
    replies = ["#### 18", "It is 18.", "#### 17", "no idea", None]
    rows: list[dict[str, object]] = [
        {"question": "Q", "answer": "x\n#### 18", "response": reply} for reply in replies
    ]
    report = score(tmp_path, rows)
    strict, flexible = report["scores"]
    assert (strict["k"], strict["n"], strict["unscored"]) == (1, 4, 1)
    assert (flexible["k"], flexible["n"], flexible["without_number"]) == (2, 4, 1)
    assert [entry["filter"] for entry in report["scores"]] == ["strict-match", "flexible-extract"]
    assert any("2 replies without a number are wrong (strict" in note for note in report["notes"])


def test_agreement_with_the_files_own_verdicts(tmp_path: Path) -> None:
    rows: list[dict[str, object]] = [
        {"ground_truth": "A: 18", "6b": {"solution": f"A: {n}", "is_correct": right}}
        for n, right in [(18, True), (17, False), (18, False)]
    ]
    report = score(tmp_path, rows)
    assert report["scores"][1]["model"] == "6b"
    assert report["scores"][1]["value"] == pytest.approx(2 / 3)
    assert any("1 of 3 replies count otherwise" in note for note in report["notes"])


def test_gold_file(tmp_path: Path) -> None:
    gold = tmp_path / "test.jsonl"
    gold.write_text(json.dumps({"question": "Q", "answer": "#### 18"}), encoding="utf-8")
    report = score(tmp_path, [{"question": "Q", "output": "#### 18"}], f"gold={gold}")
    assert [entry["value"] for entry in report["scores"]] == [1.0, 1.0]


def test_no_reply_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(EvaluationError, match="no scored rows"):
        score(tmp_path, [{"answer": "#### 18", "response": None}])
