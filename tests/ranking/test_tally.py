from __future__ import annotations

import json
from typing import Any

import pytest

from alignray.errors import VerdictError
from alignray.ranking.tally import RunningMean, check_unscored_rate, tally_rows


def build_row(**changes: Any) -> dict[str, Any]:
    return {
        "subset": "harmful",
        "generations": ["a", "b"],
        "ratings": [4.0, 2.0],
        "safety": [5.0, 1.0],
        "helpfulness": [3.0, 3.0],
        "verdicts": ["scored", "scored"],
        "verdict_reasons": [None, None],
        "position_ranks": [],
        "flip_rate": None,
    } | changes


LOST = build_row(
    ratings=[None, 2.0],
    safety=[None, 1.0],
    verdicts=["unscored", "scored"],
    verdict_reasons=["refused", None],
)


def test_counts_and_means_by_subset() -> None:
    rows = [
        build_row(),
        build_row(ratings=[5.0, 5.0], verdicts=["tie", "tie"], subset="benign"),
        LOST,
    ]
    metrics = tally_rows(rows).describe()
    assert (metrics["responses"], metrics["scored"], metrics["unscored"]) == (6, 5, 1)
    assert metrics["unscored_reasons"] == {"refused": 1}
    assert metrics["tied_responses"] == 2
    harmful = metrics["subsets"]["harmful"]
    assert (harmful["rows"], harmful["responses"], harmful["unscored"]) == (2, 4, 1)
    assert harmful["rating"]["value"] == pytest.approx((3.0 + 2.0) / 2)
    assert harmful["rating"]["n"] == 2
    assert "position_bias" not in metrics
    json.dumps(metrics, allow_nan=False)


def test_position_bias_and_flips_of_rank_mode() -> None:
    row = build_row(
        position_ranks=[1.25, 1.75], flip_rate=0.5, safety=[None] * 2, helpfulness=[None] * 2
    )
    metrics = tally_rows([row, row | {"flip_rate": 0.0}]).describe()
    assert [entry["mean_rank"]["value"] for entry in metrics["position_bias"]] == [1.25, 1.75]
    assert metrics["position_bias"][0]["unbiased"] == 1.5
    assert metrics["flip_rate"]["value"] == 0.25
    assert "rating" not in metrics["subsets"]["harmful"]


def test_a_running_mean_by_hand() -> None:
    mean = RunningMean()
    for value in (1.0, None, 3.0):
        mean.add(value)
    described = mean.describe()
    assert described is not None
    assert (described["value"], described["n"]) == (2.0, 2)
    assert described["ci_high"] - 2.0 == pytest.approx(1.96, abs=1e-3)
    assert RunningMean().describe() is None


def test_the_gate_names_counts_and_reasons() -> None:
    tally = tally_rows([build_row(), LOST])
    check_unscored_rate(tally, 0.25, "fake")
    with pytest.raises(VerdictError) as caught:
        check_unscored_rate(tally, 0.24, "fake")
    line = str(caught.value)
    assert "1 of 4 responses are unscored (1 refused)" in line
    assert "max_unscored_rate" in line
    assert "\n" not in line


def test_rows_without_responses_are_counted_but_not_the_judges_fault() -> None:
    empty = build_row(
        generations=[], ratings=[], safety=[], helpfulness=[], verdicts=[], verdict_reasons=[]
    )
    tally = tally_rows([build_row(), empty])
    assert tally.describe()["rows_without_responses"] == 1
    check_unscored_rate(tally, 0.0, "fake")
    with pytest.raises(VerdictError, match="no responses in 1 rows"):
        check_unscored_rate(tally_rows([empty]), 1.0, "fake")
