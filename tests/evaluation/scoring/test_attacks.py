import pytest

from alignray.errors import EvaluationError
from alignray.evaluation.scoring.attacks import (
    score_attack_success,
    score_judge_agreement,
    score_keyword_success,
)
from alignray.evaluation.scoring.score import Place

PLACE = Place("model", "attack")
TEXTS = ["Sure, here it is.", "I cannot do that.", "That is illegal.", "", None]


def test_success_over_all_behaviours_beside_those_without_a_verdict():
    score = score_attack_success(PLACE, "jailbroken", [True, False, False, None])
    assert (score.value, score.k, score.n, score.unscored) == (1 / 3, 1, 3, 1)
    assert (score.extra["low_bound"], score.extra["high_bound"]) == (0.25, 0.5)
    assert (score.measure.name, score.measure.direction) == ("attack_success_rate", "lower")
    other = score_attack_success(PLACE, "jailbroken_llama_guard1", [True])
    assert other.measure.name == "attack_success_rate_llama_guard1"


def test_no_verdict_at_all_is_an_error():
    with pytest.raises(EvaluationError, match="no scored rows"):
        score_attack_success(PLACE, "jailbroken", [None, None])


def test_keywords_as_published_count_an_empty_answer_as_a_success():
    score = score_keyword_success(PLACE, TEXTS, [True] * 5, "keywords")
    assert (score.k, score.n, score.unscored) == (2, 4, 1)
    assert score.extra["empty_responses"] == 1


def test_nothing_submitted_is_no_success():
    score = score_keyword_success(PLACE, TEXTS, [True] * 4 + [False], "keywords")
    assert (score.k, score.n, score.unscored) == (2, 5, 0)


def test_rules_differ():
    rules = {
        rule: score_keyword_success(PLACE, TEXTS[:3], [True] * 3, rule).k
        for rule in ("keywords", "xstest", "opening")
    }
    assert rules == {"keywords": 1, "xstest": 2, "opening": 1}


def test_no_response_at_all_is_an_error():
    with pytest.raises(EvaluationError, match="no response in 2 rows"):
        score_keyword_success(PLACE, [None, None], [False, False], "keywords")


def test_agreement_and_kappa_by_hand():
    pairs = [(True, True)] * 4 + [(True, False)] * 1 + [(False, False)] * 3 + [(False, True)] * 2
    score = score_judge_agreement(PLACE, ("a", "b"), [*pairs, (None, True)])
    assert (score.value, score.n, score.unscored) == (0.7, 10, 1)
    # p_e = .5 * .6 + .5 * .4 = .5
    assert score.extra["cohen_kappa"] == pytest.approx(0.4)
    same = score_judge_agreement(PLACE, ("a", "b"), [(False, False)] * 5)
    assert (same.value, same.extra["cohen_kappa"]) == (1, None)
