import numpy as np
import pytest

from alignray.errors import EvaluationError
from alignray.evaluation.rates import compute_mcnemar_p
from alignray.evaluation.scoring.bootstrap import Resampling
from alignray.evaluation.scoring.paired import compare_paired, join_by_prompt


def test_rows_are_joined_by_id_not_by_place():
    matched = join_by_prompt(
        {"a": 1.0, "b": 2.0, "c": None, "d": 4.0}, {"d": 40.0, "c": 3.0, "a": 10.0, "e": 5.0}
    )
    assert matched.first_N.tolist() == [1, 4]
    assert matched.second_N.tolist() == [10, 40]
    assert (matched.unscored, matched.only_first, matched.only_second) == (1, ["b"], ["e"])


def test_nothing_in_both_is_an_error():
    with pytest.raises(EvaluationError, match="1 and 1 prompts, 0 in both"):
        join_by_prompt({"a": 1.0}, {"b": 1.0})


def test_yes_or_no_rows_have_the_exact_test_beside():
    first = {str(i): float(i < 30) for i in range(100)}
    second = {str(i): float(20 <= i < 70) for i in range(100)}
    found = compare_paired(join_by_prompt(first, second), Resampling(0, 4000))
    assert found.exact is not None
    table = (found.exact.only_first, found.exact.only_second, found.exact.both)
    assert (found.value, table) == (pytest.approx(0.2), (20, 40, 10))
    assert found.exact.p_value == compute_mcnemar_p(20, 40)
    assert found.p_value == pytest.approx(found.exact.p_value, abs=0.01)
    assert (found.ci_low, found.ci_high) == (found.exact.ci_low, found.exact.ci_high)


def test_a_shared_difficulty_drops_out():
    rng = np.random.default_rng(0)
    hard = rng.normal(0, 10, 200)
    first = {str(i): float(h) for i, h in enumerate(hard)}
    second = {str(i): float(h + rng.normal(0.5, 1)) for i, h in enumerate(hard)}
    found = compare_paired(join_by_prompt(first, second), Resampling(0, 2000))
    assert found.exact is None
    assert found.ci_low > 0.2 and found.ci_high < 0.8  # unpaired: +- 2
    assert found.p_value == pytest.approx(1 / 2001)


def test_no_difference_at_all_is_no_evidence():
    same = {str(i): float(i) for i in range(30)}
    found = compare_paired(join_by_prompt(same, same), Resampling(0, 500))
    assert (found.value, found.p_value) == (0, 1)
