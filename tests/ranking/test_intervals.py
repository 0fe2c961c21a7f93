"""Intervals of numbers on a range, against Wilson's own and against tables of Student's t."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alignray.ranking.intervals import (
    Z95,
    compute_range_interval,
    compute_t_quantile,
    compute_wilson_interval,
)


@pytest.mark.parametrize(
    ("df", "quantile"),
    [(1, 12.706205), (2, 4.302653), (3, 3.182446), (9, 2.262157), (49, 2.009575), (999, 1.962341)],
)
def test_t_quantile_is_the_tables(df, quantile):
    assert compute_t_quantile(df) == pytest.approx(quantile, abs=1e-6)


def test_t_quantile_falls_to_the_normal_one():
    between = compute_t_quantile(2.5)
    assert compute_t_quantile(3) < between < compute_t_quantile(2)
    assert compute_t_quantile(1e9) == Z95


@given(st.integers(1, 300).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_with_a_shares_own_variance_it_is_wilsons(counts):
    k, n = counts
    share = k / n
    found = compute_range_interval(share, share * (1 - share) / n, (0, 1), n)
    assert found == pytest.approx(compute_wilson_interval(k, n), abs=1e-9)


@given(st.floats(-3, 7), st.floats(0, 2), st.integers(2, 1000))
def test_it_holds_the_value_and_keeps_to_the_range(value, variance, n):
    low, high = compute_range_interval(value, variance, (-3, 7), n)
    assert -3 - 1e-9 <= low <= value + 1e-9
    assert value - 1e-9 <= high <= 7 + 1e-9


def test_it_moves_with_the_scale():
    low, high = compute_range_interval(0.3, 0.002, (0, 1), 50)
    moved = compute_range_interval(1 + 4 * 0.3, 16 * 0.002, (1, 5), 50)
    assert moved == pytest.approx((1 + 4 * low, 1 + 4 * high))


def test_without_variance_what_was_not_seen_counts():
    unseen = Z95**2 / (50 + Z95**2)
    assert compute_range_interval(3, 0, (1, 5), 50) == pytest.approx(
        (3 - 2 * unseen, 3 + 2 * unseen)
    )
    assert not math.isnan(compute_range_interval(5, 0, (1, 5), 50)[0])
