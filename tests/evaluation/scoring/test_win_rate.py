import statistics

import pytest

from alignray.errors import EvaluationError
from alignray.evaluation.scoring.score import Place
from alignray.evaluation.scoring.win_rate import (
    flip_preference,
    score_length_controlled,
    score_win_rate,
)

PLACE = Place("model", "alpaca_eval")


def test_wins_losses_ties_and_an_unread_judgement_by_hand():
    score = score_win_rate(PLACE, [2, 1, 0, 1.5, 2, None])
    assert score.value == pytest.approx(60)  # (1 + 0 + .5 + .5 + 1) / 5
    assert (score.n, score.unscored, score.k) == (5, 1, None)
    counts = [score.extra[name] for name in ("n_total", "n_wins", "n_wins_base", "n_draws")]
    assert counts == [5, 2, 1, 2]
    expected = 100 * statistics.stdev([1, 0, 0.5, 0.5, 1]) / 5**0.5
    assert score.extra["standard_error"] == pytest.approx(expected)
    assert score.extra["low_bound"] == pytest.approx(50)
    assert score.extra["high_bound"] == pytest.approx(400 / 6)


def test_soft_preferences_count_by_their_weight_and_discretely_by_their_side():
    score = score_win_rate(PLACE, [1.9, 1.2, 1.50001, 1.5])
    assert score.value == pytest.approx(100 * (0.9 + 0.2 + 0.50001 + 0.5) / 4)
    assert score.extra["discrete_win_rate"] == pytest.approx(100 * (1 + 0 + 1 + 0.5) / 4)


def test_one_row_has_a_rate_and_no_standard_error():
    score = score_win_rate(PLACE, [2])
    assert (score.value, score.extra["standard_error"]) == (100, None)
    assert score.ci_low is None


@pytest.mark.parametrize("preferences", [[], [None, None]])
def test_nothing_judged_is_an_error(preferences):
    with pytest.raises(EvaluationError, match="no scored rows"):
        score_win_rate(PLACE, preferences)


def test_turning_round_turns_the_rate_round():
    preferences = [2, 1, 0, 1.5, 1.25, None, 2]
    turned = [flip_preference(preference) for preference in preferences]
    assert turned == [1, 2, 0, 1.5, 1.75, None, 1]
    assert score_win_rate(PLACE, turned).value == pytest.approx(
        100 - score_win_rate(PLACE, preferences).value
    )


def test_the_interval_lies_around_the_rate_and_within_0_and_100():
    for preferences in ([1] * 9 + [2], [2] * 20, [1.5] * 20, [1.01, 1.02, 1.9]):
        score = score_win_rate(PLACE, preferences)
        assert 0 <= score.ci_low <= score.value <= score.ci_high <= 100
        assert score.ci_low < score.ci_high


def test_length_controlled_is_the_mean_of_the_publishers_predictions():
    score = score_length_controlled(PLACE, [0.2, 0.4])
    assert score.value == pytest.approx(30)
    assert score.extra["lc_standard_error"] == pytest.approx(10)
    with pytest.raises(EvaluationError, match="no scored rows"):
        score_length_controlled(PLACE, [])
