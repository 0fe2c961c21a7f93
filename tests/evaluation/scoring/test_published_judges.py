import pytest

from alignray.errors import EvaluationError
from alignray.evaluation.scoring.judge_quality import BothOrders
from alignray.evaluation.scoring.published_judges import (
    LLMBarRow,
    score_llmbar,
    score_pandalm_rule,
)
from alignray.evaluation.scoring.score import Place


def row(label, first, second):
    return LLMBarRow(label, BothOrders("x", first, second), (first, second), False)


def test_unread_replies_are_wrong_for_the_publisher_and_unscored_for_us():
    rows = [row("1", "1", "1"), row("2", "2", None), row("1", None, None), row("1", "2", "1")]
    scores, published = score_llmbar(Place("j", "s"), rows)
    assert published == {
        "correct_False": "2 / 4 = 50.0%",
        "correct_True": "2 / 4 = 50.0%",
        "correct_both": "1 / 4 = 25.0%",
        "equal": "2 / 4 = 50.0%",
        "correct_average": "50.0%",
        "n": 4,
    }
    kept = {s.measure.name: (s.k, s.n, s.unscored) for s in scores}
    assert kept["correct_False"] == (2, 3, 1)
    assert kept["correct_both"] == (1, 2, 2)
    assert kept["equal"] == (1, 2, 2)


def test_nothing_read_is_an_error():
    with pytest.raises(EvaluationError):
        score_llmbar(Place("j", "s"), [row("1", None, None)])


def test_pandalms_rule_takes_the_first_annotator_and_garbage_as_a_tie():
    votes = {"a": ["2", "1", "0"], "b": ["1", "1", "2"], "c": ["0", "0", "1"]}
    found = score_pandalm_rule(votes, {"a": "2", "b": "2", "c": None}, ("0", "1", "2"))
    assert found["accuracy"] == pytest.approx(2 / 3)
    assert found["recall"] == pytest.approx((1 + 0 + 1) / 3)
    assert found["precision"] == pytest.approx((1 + 0 + 0.5) / 3)


def test_pandalms_means_are_over_the_labels_that_occur_as_scikit_learns():
    votes = {"a": ["1"], "b": ["2"], "c": ["1"]}
    found = score_pandalm_rule(votes, {"a": "1", "b": "2", "c": "2"}, ("0", "1", "2"))
    assert found["precision"] == pytest.approx((1 + 1 / 2) / 2)
    assert found["recall"] == pytest.approx((1 / 2 + 1) / 2)
    assert found["f1"] == pytest.approx(2 / 3)
