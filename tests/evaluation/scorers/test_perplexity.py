from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from alignray.errors import EvaluationError
from alignray.evaluation.score import run_score


def test_models_and_unscored_documents(tmp_path: Path) -> None:
    path = tmp_path / "docs.jsonl"
    rows: list[dict[str, object]] = [
        {"model": "a", "token_logprobs": [None, -1.0, -1.0]},
        {"model": "a", "nll_sum": 8.0, "tokens": 2},
        {"model": "a", "token_logprobs": [-1.0, float("nan")]},
        {"model": "b", "nll_sum": 2.0, "tokens": 1},
    ]
    path.write_text("\n".join(json.dumps(row) for row in rows), encoding="utf-8")
    report = json.loads(run_score("perplexity", [str(path)], True))
    first, second = report["scores"]
    assert first["value"] == pytest.approx(math.exp(10 / 4))
    assert (first["n"], first["unscored"], first["tokens"]) == (2, 1, 4)
    assert first["ci_low"] < first["value"] < first["ci_high"]
    assert (second["model"], second["ci_low"]) == ("b", None)
    assert report["details"]["unscored_rows"] == {"a": ["docs.jsonl:3"], "b": []}
    assert report["notes"] == ["a: 1 documents have no usable likelihood and are left out"]


def test_nothing_scored_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "docs.csv"
    path.write_text("nll_sum,tokens\n,4\nnan,2\n", encoding="utf-8")
    with pytest.raises(EvaluationError, match="no scored documents"):
        run_score("perplexity", [str(path)], True)
