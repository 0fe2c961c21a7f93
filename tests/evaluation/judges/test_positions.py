from __future__ import annotations

from typing import Any

import pytest

from alignray.errors import EvaluationError
from alignray.evaluation.judges.compare import CompareTask
from alignray.evaluation.judges.positions import score_flips
from tests.evaluation.judges.answers import build_answers, prefer, prefer_first, write
from tests.evaluation.judges.test_compare import build, judge


def collect(by: Any, count: int = 20) -> list[dict[str, Any]]:
    task: CompareTask = build("all")
    return [judge(task, build_answers(i), by) for i in range(count)]


def test_a_judge_that_always_prefers_what_it_reads_first_is_reported() -> None:
    rows = collect(prefer_first)
    assert {label for row in rows for label in row["labels"]} == {"tie"}
    score = score_flips(rows, "compare", "benign")
    assert (score.value, score.k, score.n, score.unscored) == (1.0, 60, 60, 0)
    assert score.extra["first_place_share"] == 1.0
    entry = score.to_entry()
    assert (entry["model"], entry["metric"], entry["direction"]) == (
        "compare",
        "comparison_flip_rate",
        "lower",
    )
    assert entry["ci_low"] > 0.9


def test_a_judge_that_reads_has_no_flips_and_no_favoured_place() -> None:
    score = score_flips(collect(prefer(len)), "compare", "benign")
    assert (score.value, score.k) == (0.0, 0)
    assert score.extra["first_place_share"] == 0.5


def test_equal_answers_and_missing_verdicts_are_in_no_denominator() -> None:
    task = build("all")
    rows = [
        judge(task, build_answers(generations=["Same.", "Same.", "Longer."]), prefer_first),
        judge(task, build_answers(), lambda _: write("zzz")),
    ]
    score = score_flips(rows, "compare", "benign")
    assert (score.k, score.n, score.unscored) == (2, 2, 3)


def test_no_verdict_at_all_is_an_error_and_no_rate() -> None:
    with pytest.raises(EvaluationError, match="no scored rows"):
        score_flips(collect(lambda _: write("zzz")), "compare", "benign")
