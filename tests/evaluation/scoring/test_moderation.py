from __future__ import annotations

import numpy as np
import pytest

from alignray.errors import EvaluationError
from alignray.evaluation.scoring.moderation import (
    compute_paired_ratio_interval,
    score_flag_rate,
    score_relative_reduction,
)
from alignray.evaluation.scoring.score import Place

PLACE = Place("m", "moderation")


def test_a_flag_rate_is_over_what_is_known() -> None:
    score = score_flag_rate(PLACE, [True, False, None, False], "hate")
    assert (score.value, score.k, score.n, score.unscored) == (1 / 3, 1, 3, 1)
    assert score.benchmark == "moderation/hate"
    assert score.extra["low_bound"] == 1 / 4
    assert score.extra["high_bound"] == 2 / 4


def test_reduction_by_hand() -> None:
    first = [True] * 8 + [False] * 10 + [True, None]
    second = [True] * 2 + [False] * 16 + [None, True]
    score = score_relative_reduction(PLACE, first, second, None)
    assert score.value == pytest.approx(1 - 2 / 8)
    assert (score.n, score.unscored) == (18, 2)
    assert score.ci_low is not None and score.ci_high is not None
    assert score.ci_low < score.value < score.ci_high < 1


def test_everything_gone_has_an_interval_and_nothing_to_lose_is_an_error() -> None:
    score = score_relative_reduction(PLACE, [True, True, False], [False] * 3, None)
    assert score.value == score.ci_high == 1
    assert score.ci_low is not None and score.ci_low < 1
    with pytest.raises(EvaluationError, match="nothing of the baseline"):
        score_relative_reduction(PLACE, [False], [True], None)
    with pytest.raises(EvaluationError, match="no scored pairs"):
        score_relative_reduction(PLACE, [None], [True], None)


def test_swapping_the_sides_turns_the_interval_around() -> None:
    low, high = compute_paired_ratio_interval(10, 7, 3)
    back = compute_paired_ratio_interval(10, 3, 7)
    assert (low * back[1], high * back[0]) == pytest.approx((1, 1))
    assert low < 13 / 17 < high


@pytest.mark.parametrize("shares", [(0.25, 0.15, 0.05), (0.1, 0.2, 0.1), (0.05, 0.1, 0.02)])
def test_the_interval_covers_95_percent(shares: tuple[float, float, float]) -> None:
    rng = np.random.default_rng(1)
    truth = (shares[0] + shares[2]) / (shares[0] + shares[1])
    tables = rng.multinomial(200, [*shares, 1 - sum(shares)], size=4000)
    inside = [
        low <= truth <= high
        for both, one, two, _ in tables.tolist()
        for low, high in [compute_paired_ratio_interval(both, one, two)]
    ]
    assert 0.94 <= np.mean(inside) <= 0.965
