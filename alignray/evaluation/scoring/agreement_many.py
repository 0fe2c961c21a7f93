"""How far many judges agree: observed agreement, Fleiss' kappa, Krippendorff's alpha. Pure.

None says that the judges are right. Both coefficients take off what chance would agree on, by the
labels' shares over all judges; they fall where one label is rare although the judges are as good.
Fleiss needs every judge on every row, so rows with a missing label are left out; alpha takes rows
with two labels or more. Alpha's `level` is the distance of two labels: `nominal` same or not,
`ordinal` by ranks, `interval` squared difference.

    kappa = (P_o - P_e) / (1 - P_e)         alpha = 1 - D_o / D_e

Intervals are a bootstrap over rows; the scale runs from no agreement at all (P_o = 0, every pair of
labels as far apart as the labels go) to 1. From 50 rows on; for alpha by squared differences the
rows are those that the disagreement rests on.

Sources: Fleiss, Psychol. Bull. 76 (1971) 378; Krippendorff, Content Analysis (2004), ch. 11. An
ordinal distance is that of mid-ranks, which is Krippendorff's sum over the labels between.

Shapes: N rows, R judges, K labels; a missing label is NaN.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Literal

import numpy as np

from alignray.errors import EvaluationError
from alignray.evaluation.scoring.bootstrap import (
    Floats,
    Resampling,
    bootstrap_rows,
    bootstrap_sums,
)
from alignray.ranking.agreement import Estimate

Level = Literal["nominal", "ordinal", "interval"]
_SMALL = 1e-12


def code_labels(rows: Sequence[Sequence[str | float | None]]) -> Floats:
    """Labels as numbers 0 to K - 1 in order of appearance, NaN where missing."""
    known = dict.fromkeys(label for row in rows for label in row if label is not None)
    codes = {label: float(code) for code, label in enumerate(known)}
    coded = [[math.nan if label is None else codes[label] for label in row] for row in rows]
    return np.array(coded, dtype=np.float64).reshape(len(rows), -1)


def measure_agreement(labels_NR: Floats) -> Floats:
    """Share of pairs of judges that agree on each row, NaN for rows with fewer than two labels."""
    same_N, size_N = _count_same_pairs(labels_NR)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(np.where(size_N > 1, same_N / (size_N * (size_N - 1)), np.nan))


def estimate_fleiss(labels_NR: Floats, resampling: Resampling) -> Estimate:
    """Fleiss' kappa over the rows that every judge labelled; codes as of `code_labels`.

    Raises:
        EvaluationError: fewer than two judges, no complete row, or one label for all.
    """
    rows, judges = _tabulate_fleiss(labels_NR)
    shares_K = rows[:, 2:].sum(axis=0) / rows[:, 2:].sum()
    expected = float(np.sum(shares_K**2))
    bounds = (-expected / (1 - expected), 1.0) if expected < 1 - _SMALL else (-1.0, 1.0)
    compute = partial(_compute_fleiss, judges)
    return _estimate_sums(rows, compute, _limit(resampling, bounds), "Fleiss kappa")


def compute_fleiss(labels_NR: Floats) -> float | None:
    """The value of `estimate_fleiss` alone; None where all labels are one.

    Raises:
        EvaluationError: fewer than two judges, or no complete row.
    """
    rows, judges = _tabulate_fleiss(labels_NR)
    value = float(_compute_fleiss(judges, rows.sum(axis=0)))
    return None if math.isnan(value) else value


def _tabulate_fleiss(labels_NR: Floats) -> tuple[Floats, int]:
    """(agreement, 1 and label counts of each complete row; number of judges)."""
    judges = labels_NR.shape[1] if labels_NR.ndim == 2 else 0
    complete_NR = labels_NR[np.isfinite(labels_NR).all(axis=1)]
    if judges < 2 or not len(complete_NR):
        found = f"{judges} judges, {len(complete_NR)} rows with all their labels"
        raise EvaluationError("Fleiss kappa", found, "two judges and one row at least")
    same_N, _ = _count_same_pairs(complete_NR)
    observed_N = same_N / (judges * (judges - 1))
    counts_NK = _count_labels(complete_NR)
    return np.column_stack([observed_N, np.ones(len(complete_NR)), counts_NK]), judges


def _compute_fleiss(judges: int, sums: Floats) -> Floats:
    observed, shares = sums[..., 0] / sums[..., 1], sums[..., 2:] / sums[..., 1:2] / judges
    expected = np.sum(shares**2, axis=-1)
    with np.errstate(invalid="ignore", divide="ignore"):
        kappa = (observed - expected) / (1 - expected)
    return np.asarray(np.where(1 - expected < _SMALL, np.nan, kappa))


def estimate_alpha(labels_NR: Floats, level: Level, resampling: Resampling) -> Estimate:
    """Krippendorff's alpha; labels are codes (nominal) or numbers (ordinal, interval).

    Raises:
        EvaluationError: no row with two labels, or one label for all.
    """
    paired_NR = labels_NR[np.isfinite(labels_NR).sum(axis=1) >= 2]
    where = f"Krippendorff alpha ({level})"
    if not len(paired_NR):
        raise EvaluationError(where, "no row with two labels", "at least one")
    if level == "ordinal":
        bounds = _bound_alpha(_rank(paired_NR))
        found = bootstrap_rows(
            lambda picks: _compute_ordinal(paired_NR[picks]),
            len(paired_NR),
            _limit(resampling, bounds),
            where,
        )
        return Estimate(found.value, max(-1.0, found.ci_low), found.ci_high, found.n)
    if level == "nominal":
        _, codes = np.unique(paired_NR, return_inverse=True)
        known = np.isfinite(paired_NR)
        coded_NR = np.where(known, codes.reshape(paired_NR.shape).astype(np.float64), np.nan)
        bounds = _bound_nominal(coded_NR)
        return _estimate_sums(
            _collect_nominal(coded_NR), _compute_nominal, _limit(resampling, bounds), where
        )
    sums_NM = _collect_interval(paired_NR)
    limited = _limit(resampling, _bound_alpha(paired_NR))
    effective = replace(limited, effective_rows=_count_effective(sums_NM[:, 0]))
    return _estimate_sums(sums_NM, _compute_interval, effective, where)


def _count_effective(apart_N: Floats) -> float | None:
    """Rows that make up the disagreement: (sum)^2 / sum of squares, as Kish counts weights.

    Squared differences of a few rows outweigh all others, and so does what is not known of them.
    """
    squares = float((apart_N**2).sum())
    return float(apart_N.sum()) ** 2 / squares if squares > 0 else None


def _compute_ordinal(labels_NR: Floats) -> float:
    return float(_compute_interval(_collect_interval(_rank(labels_NR)).sum(axis=0)))


def _rank(labels_NR: Floats) -> Floats:
    """Labels as mid-ranks over all labels; missing ones stay NaN."""
    known = np.isfinite(labels_NR)
    _, codes, counts_K = np.unique(labels_NR[known], return_inverse=True, return_counts=True)
    ranks = np.full(labels_NR.shape, np.nan)
    ranks[known] = (np.cumsum(counts_K) - counts_K / 2)[codes]
    return ranks


def _collect_interval(values_NR: Floats) -> Floats:
    """Of each row: squared differences / (m - 1), labels m, their sum, sum of squares."""
    known = np.isfinite(values_NR)
    middle = float(values_NR[known].mean())  # sums of squares stay small
    values_NR = np.where(known, values_NR - middle, 0.0)
    size_N, sum_N = known.sum(axis=1), values_NR.sum(axis=1)
    squares_N = (values_NR**2).sum(axis=1)
    apart_N = 2 * (size_N * squares_N - sum_N**2) / (size_N - 1)
    return np.stack([apart_N, size_N, sum_N, squares_N], axis=1)


def _compute_interval(sums: Floats) -> Floats:
    apart, size, total, squares = (sums[..., i] for i in range(4))
    expected = 2 * (size * squares - total**2) / (size - 1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(np.where(expected <= _SMALL * size, np.nan, 1 - apart / expected))


def _bound_alpha(values_NR: Floats) -> tuple[float, float]:
    """Alpha where every pair of labels is as far apart as the labels go, and 1."""
    known = values_NR[np.isfinite(values_NR)]
    spread, size = float(np.ptp(known)) ** 2, len(known)
    expected = 2 * float(np.var(known)) * size / (size - 1)
    return (1 - spread / expected, 1.0) if expected > 0 else (-1.0, 1.0)


def _collect_nominal(codes_NR: Floats) -> Floats:
    """Of each row: agreeing pairs / (m - 1), labels m, count of each label."""
    same_N, size_N = _count_same_pairs(codes_NR)
    return np.column_stack([same_N / (size_N - 1), size_N, _count_labels(codes_NR)])


def _compute_nominal(sums: Floats) -> Floats:
    size, counts = sums[..., 1], sums[..., 2:]
    expected = 1 - np.sum(counts * (counts - 1), axis=-1) / (size * (size - 1))
    with np.errstate(invalid="ignore", divide="ignore"):
        alpha = 1 - (1 - sums[..., 0] / size) / expected
    return np.asarray(np.where(expected <= _SMALL, np.nan, alpha))


def _bound_nominal(codes_NR: Floats) -> tuple[float, float]:
    counts_K = _count_labels(codes_NR).sum(axis=0)
    size = float(counts_K.sum())
    expected = 1 - float(np.sum(counts_K * (counts_K - 1))) / (size * (size - 1))
    return (1 - 1 / expected, 1.0) if expected > _SMALL else (-1.0, 1.0)


def _count_labels(codes_NR: Floats) -> Floats:
    """Counts of each code 0 to K - 1 in each row, (N, K)."""
    size = int(np.nanmax(codes_NR)) + 1
    return np.stack([(codes_NR == code).sum(axis=1) for code in range(size)], axis=1).astype(float)


def _count_same_pairs(labels_NR: Floats) -> tuple[Floats, Floats]:
    """Ordered pairs of judges with the same label, and labels, of each row."""
    equal_NRR = labels_NR[:, :, None] == labels_NR[:, None, :]  # NaN equals nothing
    size_N = np.isfinite(labels_NR).sum(axis=1).astype(np.float64)
    return equal_NRR.sum(axis=(1, 2)) - size_N, size_N


def _limit(resampling: Resampling, bounds: tuple[float, float]) -> Resampling:
    return Resampling(resampling.seed, resampling.num_resamples, bounds)


def _estimate_sums(
    rows: Floats, compute: Callable[[Floats], Floats], resampling: Resampling, where: str
) -> Estimate:
    found = bootstrap_sums(rows, compute, resampling, where)
    return Estimate(found.value, max(-1.0, found.ci_low), found.ci_high, found.n)
