from __future__ import annotations

import json
import math
import os
import random
import time
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alignray.errors import EvaluationError
from alignray.ranking.agreement import (
    compute_tau_b,
    estimate_agreement,
    estimate_kappa,
    estimate_tau_b,
)
from alignray.ranking.intervals import compute_range_interval

DATA = Path(os.environ.get("ALIGNRAY_DATA", Path(__file__).parents[3] / "shared" / "data"))


def count_tau_b(x: list[float], y: list[float]) -> float | None:
    """The definition, pair by pair."""
    signs = [
        ((a > b) - (a < b), (c > d) - (c < d))
        for (a, c), (b, d) in combinations(zip(x, y, strict=True), 2)
    ]
    first, second = sum(s != 0 for s, _ in signs), sum(t != 0 for _, t in signs)
    if first == 0 or second == 0:
        return None
    return sum(s * t for s, t in signs) / math.sqrt(first * second)


@settings(max_examples=300)
@given(st.lists(st.tuples(st.integers(0, 4), st.integers(-3, 3)), min_size=2, max_size=25))
def test_tau_b_equals_its_definition(pairs: list[tuple[int, int]]) -> None:
    x, y = [float(a) for a, _ in pairs], [float(b) for _, b in pairs]
    expected = count_tau_b(x, y)
    if expected is None:
        with pytest.raises(EvaluationError):
            compute_tau_b(x, y)
    else:
        assert compute_tau_b(x, y) == pytest.approx(expected, abs=1e-12)


def test_tau_b_of_the_example_of_scipys_documentation() -> None:
    assert compute_tau_b([12, 2, 1, 12, 2], [1, 4, 7, 1, 0]) == pytest.approx(-0.47140452079103173)


def test_tau_b_at_its_ends() -> None:
    values = [0.1, 5.0, 2.0, 7.5]
    assert compute_tau_b(values, values) == pytest.approx(1.0)
    assert compute_tau_b(values, [-value for value in values]) == pytest.approx(-1.0)


@pytest.mark.parametrize(
    ("x", "y"), [([], []), ([1.0], [2.0]), ([1.0, 1.0], [1.0, 2.0]), ([1.0], [])]
)
def test_tau_b_that_is_not_defined_is_an_error(x: list[float], y: list[float]) -> None:
    with pytest.raises(EvaluationError):
        compute_tau_b(x, y)


def test_tau_b_of_many_items_is_fast() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=100_000)
    start = time.perf_counter()
    compute_tau_b(x, x + rng.normal(size=100_000))  # type: ignore[arg-type]
    assert time.perf_counter() - start < 10  # 0.3 s; the definition would take an hour


def test_the_bootstrap_interval_holds_the_value_and_repeats() -> None:
    rng = random.Random(1)
    x = [float(rng.randint(1, 5)) for _ in range(200)]
    y = [value + rng.choice([-1, 0, 0, 1]) for value in x]
    found = estimate_tau_b(x, y, seed=4)
    assert found == estimate_tau_b(x, y, seed=4)
    assert found.ci_low < found.value < found.ci_high
    assert found.n == 200


def table(counts: list[list[int]]) -> tuple[list[int], list[int]]:
    first, second = [], []
    for i, row in enumerate(counts):
        for j, count in enumerate(row):
            first += [i] * count
            second += [j] * count
    return first, second


def test_kappa_of_the_textbook() -> None:
    # 50 proposals, two readers: p_o = .7, p_e = .5.
    assert estimate_kappa(*table([[20, 5], [10, 15]])).value == pytest.approx(0.4)
    assert estimate_kappa(*table([[45, 15], [25, 15]])).value == pytest.approx(0.1304, abs=1e-4)


def test_kappa_error_agrees_with_a_jackknife() -> None:
    first, second = table([[80, 12, 3], [9, 60, 7], [4, 11, 40]])
    found = estimate_kappa(first, second)
    n = len(first)
    left_out = [
        estimate_kappa(first[:i] + first[i + 1 :], second[:i] + second[i + 1 :]).value
        for i in range(n)
    ]
    variance = (n - 1) * float(np.var(left_out))
    shares = np.array([[80, 12, 3], [9, 60, 7], [4, 11, 40]]) / n
    chance = float(shares.sum(axis=1) @ shares.sum(axis=0))
    interval = compute_range_interval(found.value, variance, (-chance / (1 - chance), 1), n)
    assert (found.ci_low, found.ci_high) == pytest.approx(interval, abs=0.003)


def test_kappa_of_full_agreement_still_has_an_interval() -> None:
    found = estimate_kappa(*table([[25, 0], [0, 25]]))
    assert found.value == found.ci_high == 1
    # p_o of 50 of 50 is at least .929 (Wilson), and p_e is .5
    assert found.ci_low == pytest.approx((0.928652 - 0.5) / 0.5, abs=1e-5)


def test_tau_of_full_agreement_still_has_an_interval() -> None:
    grades = [float(i % 5) for i in range(50)]
    found = estimate_tau_b(grades, grades, seed=0)
    assert found.value == pytest.approx(1)
    assert 0.6 < found.ci_low < 0.8


def test_kappa_without_two_labels_is_an_error() -> None:
    with pytest.raises(EvaluationError, match="one label"):
        estimate_kappa(["a", "a"], ["a", "a"])


def test_agreement_by_hand() -> None:
    found = estimate_agreement([1, 2, 3, 4], [1, 2, 0, 0])
    assert (found.value, found.n) == (0.5, 4)
    assert found.ci_low == pytest.approx(0.15, abs=0.005)
    with pytest.raises(EvaluationError):
        estimate_agreement([], [])


def test_kappa_of_pandalms_annotators_is_the_published_one() -> None:
    """Wang et al., arXiv 2306.05087: 0.85, 0.88 and 0.86 between the three annotators."""
    path = DATA / "pandalm" / "testset-v1.json"
    if not path.is_file():
        pytest.skip(f"no test data in {path}")
    rows = json.loads(path.read_text())
    labels = [[row[f"annotator{i}"] for row in rows] for i in (1, 2, 3)]
    pairs = [(0, 1), (0, 2), (1, 2)]
    found = [round(estimate_kappa(labels[i], labels[j]).value, 2) for i, j in pairs]
    assert found == [0.85, 0.88, 0.86]
