"""Intervals against published and hand-computed values; no rate over nothing."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alignray.errors import EvaluationError
from alignray.evaluation.rates import (
    MeanSums,
    compute_mcnemar_p,
    compute_mean,
    compute_paired_difference,
    compute_rate,
    name_mean_interval,
)


@pytest.mark.parametrize(
    ("k", "n", "low", "high"),
    # Newcombe, Statistics in Medicine 17 (1998) 857, table I, method 3.
    [
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_interval_is_the_published_one(k, n, low, high):
    rate = compute_rate(k, n)
    assert (rate.ci_low, rate.ci_high) == pytest.approx((low, high), abs=6e-5)


def test_bounds_are_those_of_all_unscored_rows_going_one_way():
    rate = compute_rate(10, 20, unscored=5)
    assert (rate.value, rate.low_bound, rate.high_bound) == (0.5, 10 / 25, 15 / 25)


@given(st.integers(1, 500).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_interval_holds_the_value_and_mirrors(counts):
    k, n = counts
    rate, other = compute_rate(k, n), compute_rate(n - k, n)
    assert 0 <= rate.ci_low <= rate.value <= rate.ci_high <= 1
    assert rate.ci_low == pytest.approx(1 - other.ci_high)


@pytest.mark.parametrize(("k", "n", "unscored"), [(0, 0, 0), (0, 0, 7), (3, 2, 0), (-1, 2, 0)])
def test_no_rate_from_no_rows_or_from_impossible_counts(k, n, unscored):
    with pytest.raises(EvaluationError, match="harm on x"):
        compute_rate(k, n, unscored, "harm on x")


def test_mean_of_four_grades_by_hand():
    sums = MeanSums()
    for grade in (1.0, 2.0, None, 3.0, 4.0):
        sums.add(grade)
    mean = compute_mean(sums, 1, 5)
    assert (mean.n, mean.unscored, mean.value) == (4, 1, 2.5)
    share, variance, t = 1.5 / 4, (5 / 3) / 4 / 16, 3.182446
    rows = share * (1 - share) / variance
    # Wilson: the shares q with |share - q| = t sqrt(q (1 - q) / rows)
    for end, sign in ((mean.ci_low, 1), (mean.ci_high, -1)):
        q = (end - 1) / 4
        assert share - q == pytest.approx(sign * t * math.sqrt(q * (1 - q) / rows), abs=1e-5)
    assert (mean.low_bound, mean.high_bound) == ((10 + 1) / 5, (10 + 5) / 5)


def test_mean_without_a_range_has_students_interval():
    sums = MeanSums()
    for reward in (1.0, 2.0, 3.0, 4.0):
        sums.add(reward)
    mean = compute_mean(sums, -math.inf, math.inf)
    half = 3.182446 * math.sqrt((5 / 3) / 4)
    assert (mean.ci_low, mean.ci_high) == pytest.approx((2.5 - half, 2.5 + half), abs=1e-5)
    assert name_mean_interval(-math.inf, math.inf).startswith("Student")
    assert name_mean_interval(1, 5).startswith("Wilson")


def test_mean_of_equal_grades_still_has_an_interval():
    sums = MeanSums()
    for _ in range(50):
        sums.add(1.0)
    mean = compute_mean(sums, 1, 5)
    assert mean.ci_low == 1
    assert mean.ci_high == pytest.approx(1 + 4 * compute_rate(0, 50).ci_high)


def test_mean_of_one_row_knows_nothing_and_of_none_is_an_error():
    one = MeanSums()
    one.add(3.0)
    mean = compute_mean(one, 1, 5)
    assert (mean.ci_low, mean.ci_high) == (1, 5)
    with pytest.raises(EvaluationError, match="2 unscored"):
        compute_mean(MeanSums(unscored=2), 1, 5)


@pytest.mark.parametrize(
    ("table", "value", "low", "high"),
    # Newcombe, Statistics in Medicine 17 (1998) 2635, table II, method 8 (as 10 for phi <= 0):
    # e=36 f=12 g=2 h=0.
    [((2, 12, 36, 0), 0.2, 0.0569, 0.3404), ((0, 0, 54, 0), 0.0, -0.0664, 0.0664)],
)
def test_paired_interval_is_the_published_one(table, value, low, high):
    found = compute_paired_difference(*table)
    assert (found.value, found.ci_low, found.ci_high) == pytest.approx((value, low, high), abs=6e-5)


def test_paired_difference_turns_its_sign_with_the_models():
    there, back = (
        compute_paired_difference(90, 10, 30, 70),
        compute_paired_difference(10, 90, 30, 70),
    )
    assert there.value == -0.4 == -back.value
    assert (there.ci_low, there.ci_high) == pytest.approx((-back.ci_high, -back.ci_low))
    assert there.p_value == back.p_value < 1e-15


@pytest.mark.parametrize(
    ("first", "second", "p"), [(0, 0, 1.0), (1, 9, 22 / 1024), (5, 5, 1.0), (0, 6, 2 / 64)]
)
def test_mcnemar_is_the_exact_binomial_test(first, second, p):
    assert compute_mcnemar_p(first, second) == pytest.approx(p)


def test_mcnemar_of_large_counts_does_not_overflow():
    assert 0 <= compute_mcnemar_p(5000, 4000) < 1e-20


def test_no_paired_difference_without_pairs():
    with pytest.raises(EvaluationError):
        compute_paired_difference(0, 0, 0, 0, unscored=3)
