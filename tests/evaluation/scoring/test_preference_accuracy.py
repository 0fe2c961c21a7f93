from __future__ import annotations

import numpy as np
import pytest

from alignray.errors import EvaluationError
from alignray.evaluation.scoring.preference_accuracy import (
    compute_auc,
    score_auc,
    score_preference_accuracy,
)
from alignray.evaluation.scoring.score import Place
from alignray.ranking.intervals import compute_wilson_interval

PLACE = Place("rm", "pairs")


def test_ties_are_half_and_missing_scores_unscored() -> None:
    pairs = [(2.0, 1.0), (1.0, 1.0), (0.0, 3.0), (5.0, None), (None, None)]
    score = score_preference_accuracy(PLACE, pairs)
    assert score.value == 0.5
    assert (score.n, score.unscored, score.k) == (3, 2, None)
    assert score.extra["ties"] == 1
    assert score.extra["low_bound"] == 1.5 / 5
    assert score.extra["high_bound"] == 3.5 / 5


def test_a_cost_is_better_when_lower() -> None:
    pairs = [(2.0, 1.0), (1.0, 1.0), (4.0, 3.0)]
    better = score_preference_accuracy(PLACE, pairs, "better").value
    worse = score_preference_accuracy(PLACE, pairs, "worse").value
    assert better + worse == pytest.approx(1)
    assert better == pytest.approx(2.5 / 3)


def test_without_ties_the_interval_is_wilsons() -> None:
    score = score_preference_accuracy(PLACE, [(1, 0)] * 28 + [(0, 1)] * 22)
    assert score.ci_low == pytest.approx(0.4231, abs=1e-4)
    assert score.ci_high == pytest.approx(0.6884, abs=1e-4)


def test_only_ties_still_have_an_interval() -> None:
    score = score_preference_accuracy(PLACE, [(1.0, 1.0)] * 10)
    assert score.value == 0.5
    assert score.ci_low is not None and score.ci_high is not None
    assert 0 < score.ci_low < 0.5 < score.ci_high < 1


def test_no_scored_pair_is_an_error() -> None:
    with pytest.raises(EvaluationError, match="no scored pairs"):
        score_preference_accuracy(PLACE, [(None, 1.0)])


def test_auc_is_the_share_of_pairs_in_order() -> None:
    rng = np.random.default_rng(3)
    good, bad = rng.integers(0, 6, 40).tolist(), rng.integers(0, 5, 31).tolist()
    slow = sum((g > b) + 0.5 * (g == b) for g in good for b in bad) / (len(good) * len(bad))
    assert compute_auc(good, bad) == pytest.approx(slow)
    items = [(float(x), True) for x in good] + [(float(x), False) for x in bad] + [(None, True)]
    score = score_auc(PLACE, items)
    assert score.value == pytest.approx(slow)
    assert score_auc(PLACE, items, "worse").value == pytest.approx(1 - slow)
    assert (score.n, score.unscored) == (71, 1)
    assert score.ci_low is not None and score.ci_high is not None
    assert 0 < score.ci_low < score.value < score.ci_high < 1


def test_a_perfect_order_has_wilsons_interval_of_the_smaller_group() -> None:
    items = [(2.0, True)] * 10 + [(1.0, False)] * 30
    score = score_auc(PLACE, items)
    assert (score.value, score.ci_low, score.ci_high) == (
        1.0,
        pytest.approx(compute_wilson_interval(10, 10)[0]),
        1.0,
    )
    score = score_auc(PLACE, items, "worse")
    assert (score.value, score.ci_low) == (0.0, 0.0)
    assert score.ci_high == pytest.approx(compute_wilson_interval(0, 10)[1])


def test_one_label_is_an_error() -> None:
    with pytest.raises(EvaluationError, match="at least one of each"):
        score_auc(PLACE, [(2.0, True), (1.0, None)])
