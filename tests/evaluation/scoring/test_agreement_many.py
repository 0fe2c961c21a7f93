"""Against published examples and slow definitions."""

import math
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alignray.errors import EvaluationError
from alignray.evaluation.scoring.agreement_many import (
    code_labels,
    estimate_alpha,
    estimate_fleiss,
    measure_agreement,
)
from alignray.evaluation.scoring.bootstrap import Resampling

FEW = Resampling(0, 100)
X = math.nan
# Krippendorff, Computing Krippendorff's alpha-reliability (2011), example C: 4 observers, 12 units
OBSERVERS = np.array(
    [
        [1, 2, 3, 3, 2, 1, 4, 1, 2, X, X, X],
        [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, X, 3],
        [X, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, X],
        [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, X],
    ]
).T
# Fleiss (1971) as in the usual worked example: 14 raters, 10 subjects, 5 categories
COUNTS = [
    [0, 0, 0, 0, 14], [0, 2, 6, 4, 2], [0, 0, 3, 5, 6], [0, 3, 9, 2, 0], [2, 2, 8, 1, 1],
    [7, 7, 0, 0, 0], [3, 2, 6, 3, 0], [2, 5, 3, 2, 2], [6, 5, 2, 1, 0], [0, 2, 2, 3, 7],
]  # fmt: skip


@pytest.mark.parametrize(
    ("level", "alpha"), [("nominal", 0.743), ("ordinal", 0.815), ("interval", 0.849)]
)
def test_alpha_is_krippendorffs(level, alpha):
    found = estimate_alpha(OBSERVERS, level, FEW)
    assert found.value == pytest.approx(alpha, abs=5e-4)
    assert found.n == 11
    assert -1 <= found.ci_low < found.value < found.ci_high <= 1


def test_kappa_is_fleiss():
    labels = [[k for k, c in enumerate(row) for _ in range(c)] for row in COUNTS]
    assert estimate_fleiss(np.array(labels, dtype=float), FEW).value == pytest.approx(
        0.210, abs=5e-4
    )


def define_alpha(rows, level):
    """The definition, pair by pair, with Krippendorff's own ordinal distance."""
    units = [[x for x in row if x is not None] for row in rows]
    units = [unit for unit in units if len(unit) > 1]
    values = [x for unit in units for x in unit]
    count = {x: values.count(x) for x in set(values)}

    def apart(a, b):
        if level == "nominal":
            return float(a != b)
        if level == "interval":
            return float((a - b) ** 2)
        low, high = min(a, b), max(a, b)
        between = sum(n for x, n in count.items() if low <= x <= high)
        return (between - (count[a] + count[b]) / 2) ** 2

    observed = sum(
        apart(a, b) / (len(unit) - 1) for unit in units for a, b in permutations(unit, 2)
    ) / max(1, len(values))
    pairs = list(permutations(values, 2))
    expected = sum(apart(a, b) for a, b in pairs) / max(1, len(pairs))
    return None if not units or expected == 0 else 1 - observed / expected


@settings(max_examples=60)
@given(
    st.lists(
        st.lists(st.one_of(st.none(), st.integers(1, 4)), min_size=3, max_size=3),
        min_size=2,
        max_size=8,
    ),
    st.sampled_from(["nominal", "ordinal", "interval"]),
)
def test_alpha_equals_its_definition(rows, level):
    labels = np.array([[X if x is None else x for x in row] for row in rows], dtype=float)
    expected = define_alpha(rows, level)
    if expected is None:
        with pytest.raises(EvaluationError):
            estimate_alpha(labels, level, FEW)
        return
    try:
        assert estimate_alpha(labels, level, FEW).value == pytest.approx(expected, abs=1e-9)
    except EvaluationError as error:
        assert "resamples" in str(error)


def test_agreement_by_hand():
    labels = code_labels([["a", "a", "b"], ["a", "a", None], ["a", None, None], ["b", "b", "b"]])
    assert measure_agreement(labels)[[0, 1, 3]].tolist() == pytest.approx([1 / 3, 1, 1])
    assert math.isnan(measure_agreement(labels)[2])


def test_full_agreement_still_has_an_interval():
    labels = np.array([[i % 2] * 3 for i in range(50)], dtype=float)
    for found in (estimate_fleiss(labels, FEW), estimate_alpha(labels, "nominal", FEW)):
        assert (found.value, found.ci_high) == (1, 1)
        assert found.ci_low == pytest.approx((0.928652 - 0.5) / 0.5, abs=0.01)


@pytest.mark.parametrize(
    "labels", [[[0, 0], [0, 0]], [[0, X], [X, 1]], [[0], [1]], np.zeros((0, 2))]
)
def test_what_is_not_defined_is_an_error(labels):
    labels = np.array(labels, dtype=float)
    with pytest.raises(EvaluationError):
        estimate_fleiss(labels, FEW)
    with pytest.raises(EvaluationError):
        estimate_alpha(labels, "nominal", FEW)
