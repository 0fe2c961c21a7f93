import numpy as np
import pytest

from alignray.errors import EvaluationError
from alignray.evaluation.scoring.bootstrap import Resampling
from alignray.evaluation.scoring.judge_quality import (
    BothOrders,
    compute_macro,
    score_against_gold,
    score_position,
    take_majority,
)
from alignray.evaluation.scoring.score import Place

PLACE = Place("judge", "set")


def test_macro_by_hand_with_a_class_that_was_never_given():
    # gold a: 3 right, 1 as b; gold b: 2 as a; gold c: none, never given
    precision, recall, f1 = compute_macro(np.array([3, 1, 0, 2, 0, 0, 0, 0, 0], dtype=float))
    assert (precision, recall, f1) == pytest.approx((0.6 / 3, 0.75 / 3, (2 / 3) / 3))


@pytest.mark.parametrize(
    ("votes", "label"),
    [("112", "1"), ("012", None), ("11", "1"), ("12", None), ("2", "2"), ("", None)],
)
def test_majority(votes, label):
    assert take_majority(list(votes)) == label
    assert take_majority([*votes, None]) == label


def test_gold_scores_leave_the_unread_out():
    gold, given = ["1", "2", "1", None, "2"], ["1", "1", None, "2", "2"]
    scores = {s.measure.name: s for s in score_against_gold(
        PLACE, gold, given, ("1", "2"), Resampling(0, 100))}  # fmt: skip
    accuracy = scores["accuracy"]
    assert (accuracy.k, accuracy.n, accuracy.unscored) == (2, 3, 2)
    assert scores["macro_recall"].value == pytest.approx(0.75)
    assert scores["gold_kappa"].n == 3


def test_a_label_that_is_no_class_is_an_error():
    with pytest.raises(EvaluationError, match="3"):
        score_against_gold(PLACE, ["1"], ["3"], ("1", "2"), Resampling(0, 100))


def test_flips_and_the_side_they_favour():
    rows = [
        BothOrders("a", "1", "1"),
        BothOrders("b", "1", "2"),  # the one shown first, twice
        BothOrders("c", "2", "1"),  # the one shown last, twice
        BothOrders("d", "1", "2"),
        BothOrders("e", "1", "tie"),  # not the same, no flip
        BothOrders("f", None, "1"),
    ]
    scores = {s.measure.name: s for s in score_position(PLACE, rows)}
    kept = {name: (score.k, score.n, score.unscored) for name, score in scores.items()}
    assert kept["position_consistency"] == (1, 5, 1)
    assert kept["flip_rate"] == (3, 5, 1)
    assert kept["first_position_share"] == (2, 3, 0)


def test_no_flip_has_no_favourite_and_nothing_read_is_an_error():
    names = [s.measure.name for s in score_position(PLACE, [BothOrders("a", "1", "1")])]
    assert names == ["position_consistency", "flip_rate"]
    with pytest.raises(EvaluationError, match="2 unscored"):
        score_position(PLACE, [BothOrders("a", None, "1"), BothOrders("b", "1", None)])
