import math

import numpy as np
import pytest

from alignray.errors import EvaluationError
from alignray.evaluation.scoring.bootstrap import Resampling
from alignray.evaluation.scoring.seeds import compute_variance, summarize_seeds


def name(columns):
    return [{str(i): value for i, value in enumerate(column)} for column in columns]


def test_variance_of_a_table_by_hand():
    # means of prompts 1.5 and 3.5, of seeds 2 and 3, no rest: MS 4 and 1
    assert compute_variance(np.array([[1.0, 2.0], [3.0, 4.0]]))[0] == pytest.approx(4 + 1)
    assert compute_variance(np.array([[1.0, 1.0], [3.0, 3.0]])) == (4, 1)


def test_equal_seeds_add_nothing_to_the_prompts():
    values = [float(i % 3) for i in range(60)]
    found = summarize_seeds(name([values, values, values]), Resampling(0, 2000), "s")
    assert (found.value, found.seed_sd) == (1, 0)
    assert (found.num_prompts, found.num_rows) == (60, 180)
    half = 2.000995 * np.std(values, ddof=1) / math.sqrt(60)
    assert found.ci_high - found.value == pytest.approx(half, rel=1e-5)
    assert found.prompts_high - found.value == pytest.approx(half, rel=0.08)


def test_seeds_that_differ_widen_the_interval():
    rng = np.random.default_rng(0)
    prompts = rng.normal(0, 0.1, 200)
    columns = [list(prompts + shift) for shift in (-0.2, 0.0, 0.2)]
    found = summarize_seeds(name(columns), Resampling(), "s")
    assert found.seed_sd == pytest.approx(0.2)
    # t with 2 degrees of freedom times sd / sqrt(3)
    assert found.ci_high - found.value == pytest.approx(4.30265 * 0.2 / math.sqrt(3), rel=0.02)
    assert found.prompts_high - found.value < 0.02


def test_missing_rows_are_counted_and_bounds_kept():
    columns = [[1.0] * 50, [1.0] * 49 + [None]]
    found = summarize_seeds(name(columns), Resampling(bounds=(0, 1)), "s")
    assert (found.num_rows, found.unscored, found.value, found.ci_high) == (99, 1, 1, 1)
    assert 0.9 < found.ci_low < 0.95


@pytest.mark.parametrize(
    "seeds",
    [[], name([[1.0, 2.0]]), name([[1.0, 2.0], [None, None]]), [{"a": 1.0}, {"b": 1.0}]],
)
def test_too_little_is_an_error(seeds):
    with pytest.raises(EvaluationError, match="s:"):
        summarize_seeds(seeds, Resampling(), "s")
