"""The retry policy, with numbers worked out by hand."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alignray.inference.retry import (
    RetryBudget,
    compute_backoff,
    compute_delay,
    parse_retry_after,
)

NOON = 1_792_411_200.0
"""2026-10-19 12:00:00 UTC in seconds since the epoch."""


@pytest.mark.parametrize(
    ("retry", "cap", "uniform", "seconds"),
    [
        (0, 60, 1.0, 0.5),
        (0, 60, 0.5, 0.25),
        (3, 60, 1.0, 4.0),
        (3, 60, 0.25, 1.0),
        (6, 60, 1.0, 32.0),
        (7, 60, 1.0, 60.0),
        (7, 60, 0.5, 30.0),
        (0, 0.1, 1.0, 0.1),
        (5000, 60, 1.0, 60.0),
        (9, 60, 0.0, 0.0),
    ],
)
def test_backoff_is_a_share_of_the_doubled_base(
    retry: int, cap: float, uniform: float, seconds: float
) -> None:
    assert compute_backoff(retry, cap, uniform) == seconds


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (None, None),
        ("0", 0.0),
        ("120", 120.0),
        (" 1.5 ", 1.5),
        ("-3", 0.0),
        ("Mon, 19 Oct 2026 12:00:30 GMT", 30.0),
        ("Monday, 19-Oct-26 12:00:30 GMT", 30.0),
        ("Mon Oct 19 12:00:30 2026", 30.0),
        ("Mon, 19 Oct 2026 14:00:30 +0200", 30.0),
        ("Mon, 19 Oct 2026 11:00:00 GMT", 0.0),
        ("soon", None),
        ("", None),
        ("nan", None),
        ("inf", None),
        ("1e999", None),
        ("Mon, 99 Oct 2026 12:00:30 GMT", None),
    ],
)
def test_retry_after_in_all_its_forms(value: str | None, seconds: float | None) -> None:
    assert parse_retry_after(value, NOON) == seconds


@given(st.text(max_size=40), st.floats(0, 4e9))
def test_no_retry_after_raises(value: str, now: float) -> None:
    seconds = parse_retry_after(value, now)
    assert seconds is None or (seconds >= 0 and math.isfinite(seconds))


def test_delay_is_retry_after_plus_jitter_up_to_the_cap() -> None:
    assert compute_delay(2, None, 60, 0.5) == 1.0
    assert compute_delay(2, 7.0, 60, 0.5) == 8.0
    assert compute_delay(2, 60.0, 60, 0.0) == 60.0
    assert compute_delay(2, 60.1, 60, 0.0) is None


def test_budget_is_a_share_of_the_requests_and_at_least_20() -> None:
    budget = RetryBudget(share=0.1)
    assert [budget.take() for _ in range(21)] == [True] * 20 + [False]
    for _ in range(209):
        budget.count_request()
    assert budget.allowed == 20 and not budget.take()
    budget.count_request()  # request 210 of which a tenth is 21
    assert budget.take() and not budget.take()
    assert (budget.requests, budget.retries) == (210, 21)


def test_a_share_of_zero_leaves_the_floor() -> None:
    budget = RetryBudget(share=0.0, floor=2, requests=10_000)
    assert [budget.take() for _ in range(3)] == [True, True, False]
