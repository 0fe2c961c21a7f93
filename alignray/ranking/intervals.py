"""95 % intervals of shares, and of numbers on a known range; pure.

`compute_wilson_interval` is for k of n. `compute_range_interval` is for anything else that lies on
a known range (a mean of grades, a win rate with ties, kappa, tau): on the scale from 0 to 1 its
variance v is worth q (1 - q) / v yes-or-no rows, and Wilson's formula takes that number. Value and
half-width intervals fail where such numbers pile up at an end: of grades that are 1 in 97 of 100
rows they hold the mean in 67 % of samples of 50, this one in 97 % (`python -m benchmarks.coverage`
has all).

Sources: Wilson, JASA 22 (1927) 209; effective sample size, Korn and Graubard, Survey Methodology 24
(1998) 193; and for Wilson's interval, Dean and Pagano, J. Surv. Stat. Methodol. 3 (2015) 484.
"""

from __future__ import annotations

import math
from functools import lru_cache
from statistics import NormalDist
from typing import Any

Z95 = NormalDist().inv_cdf(0.975)
_NO_VARIANCE = 1e-15
"""Below this share of the squared range a variance is rounding."""
_NORMAL_DF = 1e6
"""Degrees of freedom above which t is normal to 1e-6."""
_SIMPSON_STEPS = 400


def compute_wilson_interval(k: int, n: int, z: float = Z95) -> tuple[float, float]:
    """The Wilson score interval of k of n (JASA 22, 1927, 209), within 0 and 1; n is at least 1."""
    share = k / n
    scale = 1 + z * z / n
    middle = (share + z * z / (2 * n)) / scale
    half = z / scale * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    low = 0.0 if k == 0 else max(0.0, middle - half)
    high = 1.0 if k == n else min(1.0, middle + half)
    return low, high


def compute_range_interval(
    value: float,
    variance: float,
    bounds: tuple[float, float],
    n: float,
    quantile: float = Z95,
) -> tuple[float, float]:
    """The Wilson interval of a number on a known range, by its effective number of rows.

    Holds at 95 % +- 1, on average over the cases of the benchmark, from 50 rows on.

    Args:
        value: the number, between the bounds.
        variance: of the number, not of its rows (the standard error squared).
        bounds: lowest and highest value possible.
        n: rows that it is worth where the variance is 0, as where all rows are the same: what was
            not seen in n rows may still be z^2 / (n + z^2) of them, as Wilson has it for 0 of n.
        quantile: of the normal distribution, or of Student's t where the variance is an estimate.

    Returns:
        Low and high, within the bounds.
    """
    low, high = bounds
    value = min(high, max(low, value))  # rounding
    share = (value - low) / (high - low)
    if variance <= _NO_VARIANCE * (high - low) ** 2 or share in (0.0, 1.0):
        unseen = Z95 * Z95 / (n + Z95 * Z95)
        return value - unseen * (value - low), value + unseen * (high - value)
    rows = share * (1 - share) * (high - low) ** 2 / variance
    scale = 1 + quantile * quantile / rows
    middle = (share + quantile * quantile / (2 * rows)) / scale
    spread = share * (1 - share) / rows + (quantile / (2 * rows)) ** 2
    half = quantile / scale * math.sqrt(spread)
    first, last = max(0.0, middle - half), min(1.0, middle + half)
    return low + first * (high - low), low + last * (high - low)


@lru_cache(maxsize=4096)
def compute_t_quantile(df: float) -> float:
    """The .975 quantile of Student's t with df >= 1 degrees of freedom, not only whole ones.

    Newton's method from the normal quantile; the integral by Simpson's rule. Good to 1e-8.
    """
    if df > _NORMAL_DF:
        return Z95
    log_scale = math.lgamma((df + 1) / 2) - math.lgamma(df / 2) - math.log(df * math.pi) / 2
    x = Z95
    for _ in range(60):
        step = (0.475 - _integrate_t(x, df, log_scale)) / _compute_t_density(x, df, log_scale)
        x += step
        if step < 1e-10 * x:
            break
    return x


def _compute_t_density(x: float, df: float, log_scale: float) -> float:
    return math.exp(log_scale - (df + 1) / 2 * math.log1p(x * x / df))


def _integrate_t(end: float, df: float, log_scale: float) -> float:
    """The density from 0 to `end`."""
    width = end / _SIMPSON_STEPS
    values = [_compute_t_density(i * width, df, log_scale) for i in range(_SIMPSON_STEPS + 1)]
    return width / 3 * (values[0] + 4 * sum(values[1::2]) + 2 * sum(values[2:-1:2]) + values[-1])


def describe_share(k: int, n: int) -> dict[str, Any]:
    """The share k / n with its interval, JSON-ready; None where n is 0."""
    if n == 0:
        return {"k": 0, "n": 0, "value": None, "ci_low": None, "ci_high": None}
    low, high = compute_wilson_interval(k, n)
    return {"k": k, "n": n, "value": k / n, "ci_low": low, "ci_high": high}
