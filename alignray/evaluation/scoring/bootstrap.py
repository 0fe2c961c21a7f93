"""Bootstrap: the interval of any statistic over rows, by drawing the rows again. Pure, seeded.

Two forms. `bootstrap_sums` is for a statistic of column sums (means, ratios, kappas, F1): all
resamples are one matrix product. `bootstrap_rows` is for any other (a rank correlation, a median):
it calls the statistic once a resample. Rows that belong together (answers to one prompt) are one
row here: sum them first.

Which interval, and why (coverage in percent at 50 and 200 rows, `python -m benchmarks.coverage`):
percentiles are too narrow by sqrt((n - 1) / n) and by normal for t, and hold a mean in 93 and 94;
BCa mends skewed statistics but not narrowness, and fails more where few values occur (paired
grades: 93 and 94, at worst 87 against 91). So: where the range of the statistic is known, Wilson's
formula takes the bootstrap's variance (`intervals.compute_range_interval`: 95 and 95, also at the
ends of the range, where any percentile fails); else percentiles expanded to the width of t (94 and
95). None is to be trusted below 50 rows.

Sources: Efron and Tibshirani, An Introduction to the Bootstrap (1993), ch. 13 and 16; expanded
percentiles, Hesterberg, The American Statistician 69 (2015) 371, section 5.2.

Shapes: N rows, M columns, B resamples.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

from alignray.errors import EvaluationError
from alignray.ranking.intervals import compute_range_interval, compute_t_quantile

Floats = npt.NDArray[np.float64]
Indices = npt.NDArray[np.int64]

_MAX_CELLS = 4_000_000
"""Of resamples times rows in memory at a time."""
_MAX_UNDEFINED = 0.5
"""Share of resamples without a value (all labels equal) above which there is no interval."""


@dataclass(frozen=True)
class Resampling:
    """How rows are drawn, and the range of the statistic.

    Example: `Resampling(seed=0, bounds=(0, 1))` for a mean of shares.
    """

    seed: int = 0
    num_resamples: int = 1000
    """1,000 is right to about 2 % of the interval's width."""
    bounds: tuple[float, float] | None = None
    """Lowest and highest value possible, where both are known."""
    effective_rows: float | None = None
    """Rows that the variance really rests on where a few weigh most (degrees of freedom of t)."""


@dataclass(frozen=True)
class Bootstrap:
    """A statistic with its interval, and the resamples behind it."""

    value: float
    ci_low: float
    ci_high: float
    n: int
    """Rows (or clusters) that were drawn."""
    draws_B: Floats
    """Its values over the resamples; those on which it is not defined are left out."""

    @property
    def standard_error(self) -> float:
        """Standard deviation over the resamples."""
        return float(np.std(self.draws_B))


def bootstrap_sums(
    rows_NM: Floats, compute: Callable[[Floats], Floats], resampling: Resampling, where: str
) -> Bootstrap:
    """A statistic of column sums.

    Args:
        rows_NM: numbers of each row (its value and 1 for a mean).
        compute: sums (..., M) to values (...); NaN where it is not defined.
        resampling: seed, resamples, range.
        where: named in errors.

    Raises:
        EvaluationError: no rows, or the statistic is not defined on them.
    """
    if not len(rows_NM):
        raise EvaluationError(where, "no rows", "at least one")
    value = float(compute(rows_NM.sum(axis=0)))
    draws = [compute(weights @ rows_NM) for weights in draw_weights(len(rows_NM), resampling)]
    return summarize_draws(value, np.concatenate(draws), len(rows_NM), resampling, where)


def bootstrap_rows(
    statistic: Callable[[Indices], float], n: int, resampling: Resampling, where: str
) -> Bootstrap:
    """Any statistic of rows.

    Args:
        statistic: value over the rows at these positions; NaN where it is not defined.
        n: number of rows.
        resampling: seed, resamples, range.
        where: named in errors.

    Raises:
        EvaluationError: as `bootstrap_sums`.
    """
    if n < 1:
        raise EvaluationError(where, "no rows", "at least one")
    rng = np.random.default_rng(resampling.seed)
    value = float(statistic(np.arange(n)))
    draws = [statistic(rng.integers(0, n, n)) for _ in range(resampling.num_resamples)]
    return summarize_draws(value, np.asarray(draws, dtype=np.float64), n, resampling, where)


def draw_weights(n: int, resampling: Resampling) -> Iterator[Floats]:
    """How often each of n rows is in each resample, (b, N) at a time, B in all."""
    rng = np.random.default_rng(resampling.seed)
    shares, left = np.full(n, 1 / n), resampling.num_resamples
    while left:
        count = max(1, min(left, _MAX_CELLS // n))
        yield rng.multinomial(n, shares, size=count).astype(np.float64)
        left -= count


def summarize_draws(
    value: float, draws_B: Floats, n: int, resampling: Resampling, where: str
) -> Bootstrap:
    """The interval of a value from its resamples.

    Raises:
        EvaluationError: the value is not defined, or most resamples' are not.
    """
    known_B = draws_B[np.isfinite(draws_B)]
    if not math.isfinite(value):
        raise EvaluationError(where, "not defined on these rows", "labels that differ")
    if len(known_B) < (1 - _MAX_UNDEFINED) * len(draws_B):
        missing = len(draws_B) - len(known_B)
        found = f"not defined on {missing} of {len(draws_B)} resamples"
        raise EvaluationError(where, found, "rows that differ more", "score more rows")
    if n == 1:
        low, high = resampling.bounds or (-math.inf, math.inf)
    elif resampling.bounds is None:
        low, high = _expand_percentiles(known_B, n)
    else:
        variance = float(np.var(known_B)) * n / (n - 1)  # a resample varies by (n - 1) / n less
        quantile = compute_t_quantile(max(1.0, (resampling.effective_rows or n) - 1))
        low, high = compute_range_interval(value, variance, resampling.bounds, n, quantile)
    return Bootstrap(value, low, high, n, known_B)


def _expand_percentiles(draws_B: Floats, n: int) -> tuple[float, float]:
    """Percentiles at Phi(+-t sqrt(n / (n - 1))): as wide as Student's t for a mean."""
    level = NormalDist().cdf(-compute_t_quantile(n - 1) * math.sqrt(n / (n - 1)))
    low, high = np.quantile(draws_B, [level, 1 - level])
    return float(low), float(high)
