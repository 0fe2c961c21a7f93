"""Shares with their 95 % interval; pure."""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import Any

Z95 = NormalDist().inv_cdf(0.975)


def compute_wilson_interval(k: int, n: int, z: float = Z95) -> tuple[float, float]:
    """The Wilson score interval of k of n (JASA 22, 1927, 209), within 0 and 1; n is at least 1."""
    share = k / n
    scale = 1 + z * z / n
    middle = (share + z * z / (2 * n)) / scale
    half = z / scale * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    low = 0.0 if k == 0 else max(0.0, middle - half)
    high = 1.0 if k == n else min(1.0, middle + half)
    return low, high


def describe_share(k: int, n: int) -> dict[str, Any]:
    """The share k / n with its interval, JSON-ready; None where n is 0."""
    if n == 0:
        return {"k": 0, "n": 0, "value": None, "ci_low": None, "ci_high": None}
    low, high = compute_wilson_interval(k, n)
    return {"k": k, "n": n, "value": k / n, "ci_low": low, "ci_high": high}
