"""How far two judges, or a judge and the truth, agree: tau-b, percent agreement, kappa. Pure.

None of them says that a judge is right: two judges can share an error. Percent agreement counts
agreement by chance as agreement; kappa takes it off, and falls where one label is rare although the
judges are as good; tau-b sees the order of grades alone.

Sources: tau-b, Kendall, Biometrika 33 (1945) 239, in n log n by Knight, JASA 61 (1966) 436; kappa,
Cohen, Educ. Psychol. Meas. 20 (1960) 37, with the standard error of Fleiss, Cohen and Everitt,
Psychol. Bull. 72 (1969) 323, eq. 13; Wilson, JASA 22 (1927) 209.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from alignray.errors import EvaluationError
from alignray.ranking.intervals import (
    compute_range_interval,
    compute_t_quantile,
    compute_wilson_interval,
)

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Estimate:
    """A number with its 95 % interval, over n items.

    Example: `Estimate(value=0.78, ci_low=0.74, ci_high=0.81, n=1000)`.
    """

    value: float
    ci_low: float
    ci_high: float
    n: int


def compute_tau_b(x: Sequence[float], y: Sequence[float]) -> float:
    """Kendall's tau-b, -1 to 1: concordant minus discordant pairs, corrected for ties.

    tau_b = (P - Q) / sqrt((n0 - n1)(n0 - n2)), n0 = n(n-1)/2, n1 and n2 the pairs tied in x and y.

    Raises:
        EvaluationError: lists of different length; fewer than two items; one side all equal.
    """
    return _compute_tau_b(_as_floats(x, y), np.asarray(y, dtype=np.float64))


def estimate_tau_b(
    x: Sequence[float], y: Sequence[float], seed: int, num_resamples: int = 500
) -> Estimate:
    """Tau-b; its interval is Wilson's on -1 to 1, by the variance of a bootstrap over items.

    Percentiles of the same bootstrap hold a tau near .9 of 50 items in 58 to 75 % of samples, this
    interval in 93 to 96 %; from 50 items on. Where all pairs agree n / 2 rows are assumed, as the
    variance is at most 2 (1 - tau^2) / n (Kendall, Rank Correlation Methods, ch. 4).

    A resample in which one side is constant says nothing and is drawn again.

    Raises:
        EvaluationError: as `compute_tau_b`.
    """
    x_N, y_N = _as_floats(x, y), np.asarray(y, dtype=np.float64)
    value = _compute_tau_b(x_N, y_N)
    rng = np.random.default_rng(seed)
    taus: list[float] = []
    while len(taus) < num_resamples:
        picks = rng.integers(0, len(x_N), len(x_N))
        x_B, y_B = x_N[picks], y_N[picks]
        if np.ptp(x_B) and np.ptp(y_B):
            taus.append(_compute_tau_b(x_B, y_B))
    n = len(x_N)
    variance = float(np.var(taus)) * n / (n - 1)  # a resample varies by (n - 1) / n less
    low, high = compute_range_interval(
        value, variance, (-1.0, 1.0), n / 2, compute_t_quantile(n - 1)
    )
    return Estimate(value, low, high, n)


def estimate_agreement(first: Sequence[Hashable], second: Sequence[Hashable]) -> Estimate:
    """Share of items with the same label, 0 to 1, with its Wilson interval.

    Raises:
        EvaluationError: lists of different length, or empty.
    """
    n = _check_lengths(first, second)
    same = sum(a == b for a, b in zip(first, second, strict=True))
    low, high = compute_wilson_interval(same, n)
    return Estimate(same / n, low, high, n)


def estimate_kappa(first: Sequence[Hashable], second: Sequence[Hashable]) -> Estimate:
    """Cohen's kappa, (p_o - p_e) / (1 - p_e).

    The interval is Wilson's for p_o, at the effective number of items that the large-sample error
    of kappa gives, mapped by p_e: kappa plus and minus that error holds a kappa near 1 of 50 items
    in 72 to 90 % of samples and is empty where all items agree. From 50 items on: 95 % on average,
    90 % where one label is rare (15 %) and judges see the truth in half of the items (200: 94 %).

    Raises:
        EvaluationError: lists of different length, or empty; or both give one label to all.
    """
    n = _check_lengths(first, second)
    labels = {label: i for i, label in enumerate(dict.fromkeys([*first, *second]))}
    share_KK = np.zeros((len(labels), len(labels)))
    for a, b in zip(first, second, strict=True):
        share_KK[labels[a], labels[b]] += 1 / n
    rows_K, columns_K = share_KK.sum(axis=1), share_KK.sum(axis=0)
    observed, expected = float(np.trace(share_KK)), float(rows_K @ columns_K)
    if 1 - expected < 1e-12:
        raise EvaluationError("kappa", "one label for all items", "at least two labels in use")
    kappa = min(1.0, (observed - expected) / (1 - expected))
    variance = _compute_kappa_error(share_KK, kappa, expected, n) ** 2
    bounds = (-expected / (1 - expected), 1.0)
    low, high = compute_range_interval(
        kappa, variance, bounds, n, compute_t_quantile(max(1, n - 1))
    )
    return Estimate(kappa, max(-1.0, low), high, n)


def _compute_kappa_error(share_KK: Floats, kappa: float, expected: float, n: int) -> float:
    """Standard error of kappa: Fleiss, Cohen and Everitt, eq. 13 (kappa not 0)."""
    rows_K, columns_K = share_KK.sum(axis=1), share_KK.sum(axis=0)
    margins_KK = columns_K[:, None] + rows_K[None, :]
    diagonal_K = np.diagonal(share_KK)
    on = np.sum(diagonal_K * (1 - np.diagonal(margins_KK) * (1 - kappa)) ** 2)
    squares_KK = share_KK * margins_KK**2
    off = (1 - kappa) ** 2 * (squares_KK.sum() - np.trace(squares_KK))
    rest = (kappa - expected * (1 - kappa)) ** 2
    return math.sqrt(max(0.0, float(on + off - rest)) / n) / (1 - expected)


def _as_floats(x: Sequence[float], y: Sequence[float]) -> Floats:
    _check_lengths(x, y)
    return np.asarray(x, dtype=np.float64)


def _check_lengths(first: Sequence[object], second: Sequence[object]) -> int:
    if len(first) != len(second) or not len(first):
        raise EvaluationError(
            "agreement", f"{len(first)} and {len(second)} items", "the same number, at least one"
        )
    return len(first)


def _compute_tau_b(x_N: Floats, y_N: Floats) -> float:
    total = len(x_N) * (len(x_N) - 1) // 2
    order = np.lexsort((y_N, x_N))
    x_N, y_N = x_N[order], y_N[order]
    tied_x, tied_y = _count_tied_pairs(x_N), _count_tied_pairs(np.sort(y_N))
    tied_both = _count_tied_pairs(x_N, y_N)
    if total == 0 or tied_x == total or tied_y == total:
        raise EvaluationError(
            "Kendall tau", f"{len(x_N)} items, or one side all equal", "two that differ on both"
        )
    _, ranks_N = np.unique(y_N, return_inverse=True)
    discordant = _count_inversions(ranks_N.astype(np.int64))
    difference = total - tied_x - tied_y + tied_both - 2 * discordant
    return float(difference / (math.sqrt(total - tied_x) * math.sqrt(total - tied_y)))


def _count_tied_pairs(*sorted_keys: Floats) -> int:
    """Pairs of neighbours-in-order that are equal in all keys."""
    size = len(sorted_keys[0])
    changed = np.ones(size, dtype=bool)
    changed[1:] = np.any([key[1:] != key[:-1] for key in sorted_keys], axis=0)
    runs = np.diff(np.append(np.flatnonzero(changed), size))
    return int(np.sum(runs * (runs - 1) // 2))


def _count_inversions(values_N: npt.NDArray[np.int64]) -> int:
    """Pairs out of order, by merge sort from the bottom up, one level per numpy call.

    At each level the values are sorted within blocks of twice the width; an element of a right
    half counts the elements of its left half that are greater.
    """
    size, span = len(values_N), int(values_N.max(initial=0)) + 1
    inversions, width = 0, 1
    index_N = np.arange(size)
    while width < size:
        block_N = index_N // (2 * width)
        is_right_N = (index_N // width) % 2 == 1
        keys_N = block_N * span + values_N
        left, right = keys_N[~is_right_N], keys_N[is_right_N]
        ends = np.searchsorted(left, (right // span) * span + span - 1, side="right")
        not_greater = np.searchsorted(left, right, side="right")
        inversions += int(np.sum(ends - not_greater))
        values_N = np.sort(keys_N) - block_N * span
        width *= 2
    return inversions
