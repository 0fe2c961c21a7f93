import math

import numpy as np
import pytest

from alignray.errors import EvaluationError
from alignray.evaluation.scoring.bootstrap import (
    Resampling,
    bootstrap_rows,
    bootstrap_sums,
    draw_weights,
)
from alignray.ranking.intervals import compute_t_quantile


def mean_of(values, resampling):
    rows = np.stack([values, np.ones(len(values))], axis=1)
    return bootstrap_sums(rows, lambda sums: sums[..., 0] / sums[..., 1], resampling, "mean")


def test_standard_error_is_the_formulas():
    values = np.random.default_rng(0).normal(size=400)
    found = mean_of(values, Resampling(seed=1, num_resamples=4000))
    assert found.value == pytest.approx(values.mean())
    assert found.standard_error == pytest.approx(values.std() / 20, rel=0.04)


def test_percentiles_are_as_wide_as_students_t():
    values = np.random.default_rng(0).normal(size=50)
    found = mean_of(values, Resampling(seed=1, num_resamples=20_000))
    half = compute_t_quantile(49) * values.std(ddof=1) / math.sqrt(50)
    assert (found.ci_high - found.ci_low) / 2 == pytest.approx(half, rel=0.03)


def test_both_forms_agree_and_repeat():
    values = np.random.default_rng(3).random(80)
    sums = mean_of(values, Resampling(seed=5, num_resamples=3000))
    rows = bootstrap_rows(
        lambda picks: float(values[picks].mean()), 80, Resampling(5, 3000), "mean"
    )
    assert (rows.ci_low, rows.ci_high) == pytest.approx((sums.ci_low, sums.ci_high), abs=0.01)
    assert sums.ci_low == mean_of(values, Resampling(seed=5, num_resamples=3000)).ci_low
    assert sums.ci_low != mean_of(values, Resampling(seed=6, num_resamples=3000)).ci_low


def test_each_resample_has_as_many_rows():
    weights = np.concatenate(list(draw_weights(30, Resampling(0, 50))))
    assert weights.shape == (50, 30)
    assert (weights.sum(axis=1) == 30).all()


def test_a_known_range_gives_an_interval_where_all_rows_are_equal():
    found = mean_of(np.ones(50), Resampling(bounds=(0, 1)))
    assert (found.value, found.ci_high) == (1, 1)
    assert found.ci_low == pytest.approx(0.928652, abs=1e-6)


def test_undefined_statistics_and_no_rows_are_errors():
    with pytest.raises(EvaluationError, match="no rows"):
        mean_of(np.ones(0), Resampling())
    with pytest.raises(EvaluationError, match="no rows"):
        bootstrap_rows(lambda picks: 0.0, 0, Resampling(), "x")
    with pytest.raises(EvaluationError, match="not defined on these rows"):
        bootstrap_rows(lambda picks: math.nan, 5, Resampling(), "x")
    with pytest.raises(EvaluationError, match="resamples"):
        bootstrap_rows(lambda p: 1.0 if (np.diff(p) > 0).all() else math.nan, 9, Resampling(), "x")
