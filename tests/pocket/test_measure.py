"""Kendall's tau-b by hand, and the orthogonaliser by its defining property."""

from __future__ import annotations

import math

import pytest

pytestmark = pytest.mark.heavy


def test_kendall_tau_b_of_a_hand_computed_table() -> None:
    from alignray.pocket.measure import compute_kendall_tau

    # Pairs of [1, 2, 2, 3] and [1, 3, 2, 2]: 3 concordant, 1 discordant, one tie on each side:
    # (3 - 1) / sqrt(5 * 5).
    assert compute_kendall_tau([1, 2, 2, 3], [1, 3, 2, 2]) == pytest.approx(2 / 5)
    assert compute_kendall_tau([1, 2, 3], [1, 2, 3]) == 1.0
    assert compute_kendall_tau([1, 2, 3], [3, 2, 1]) == -1.0
    assert math.isnan(compute_kendall_tau([1, 1, 1], [1, 2, 3]))


@pytest.mark.parametrize("shape", [(3, 8, 8), (2, 4, 16), (2, 16, 4)])
def test_orthogonalised_matrices_have_singular_values_near_one(shape: tuple[int, int, int]) -> None:
    import torch

    from alignray.pocket.muon import orthogonalise

    matrices = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    values = torch.linalg.svdvals(orthogonalise(matrices))
    assert values.min() > 0.4 and values.max() < 1.4
