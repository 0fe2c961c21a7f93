"""Holm's correction against hand-computed values and its definition."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alignray.reports.significance import Mark, adjust_holm, find_mark


def test_corrected_by_hand():
    """4 x .005, 3 x .01, 2 x .03, then .04 raised to what stands before it."""
    found = adjust_holm({"a": 0.01, "b": 0.04, "c": 0.03, "d": 0.005})
    assert found == pytest.approx({"a": 0.03, "b": 0.06, "c": 0.06, "d": 0.02})
    assert adjust_holm({}) == {}


@given(st.lists(st.floats(0, 1), min_size=1, max_size=7), st.floats(0.001, 0.2))
def test_a_test_is_rejected_just_where_the_step_down_procedure_rejects_it(values, alpha):
    """The procedure as in the paper: go on while p_(i) < alpha / (m - i + 1)."""
    adjusted = adjust_holm(dict(enumerate(values)))
    ordered = sorted(range(len(values)), key=lambda i: values[i])
    gaps = [values[i] * (len(values) - at) - alpha for at, i in enumerate(ordered)]
    if min(map(abs, gaps)) < 1e-9:
        return
    rejected = {ordered[at] for at, _ in itertools.takewhile(lambda g: g[1] < 0, enumerate(gaps))}
    assert {i for i, p in adjusted.items() if p < alpha} == rejected


@pytest.mark.parametrize(
    ("adjusted", "difference", "direction", "mark"),
    [
        (0.009, -0.1, "lower", Mark("↓**", better=True)),
        (0.04, 0.1, "lower", Mark("↑*", better=False)),
        (0.04, 0.1, "higher", Mark("↑*", better=True)),
        (0.05, 0.1, "higher", None),
        (0.001, 0.0, "lower", None),
    ],
)
def test_marks(adjusted, difference, direction, mark):
    assert find_mark(adjusted, difference, direction) == mark
