"""The order of rows in an epoch. Pure.

`random` is a seeded permutation. `group_by_length` keeps padding down and batches mixed:

1. permute the rows (seed, epoch) and cut them into windows of 64 global batches;
2. sort each window by length and cut it into groups of at most 8 rows of like length;
3. permute the groups of a window and deal them into global batches;
4. within a global batch, put the groups in order of length.

A micro-batch of up to 8 rows is (part of) one group, so it pads little; a global batch holds groups
of any length, so no optimizer step sees long rows alone, unlike where whole batches are sorted.
What a global batch holds depends on seed, epoch and lengths, never on workers or micro-batches.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

MAX_GROUP_ROWS = 8
WINDOW_BATCHES = 64


def order_rows(
    lengths: Sequence[int],
    train_batch_size: int,
    strategy: Literal["random", "group_by_length"],
    seed: int,
    epoch: int,
) -> list[int]:
    """Row positions in the order in which an epoch visits them; each exactly once.

    Args:
        lengths: tokens of each row; a whole number of global batches.
        train_batch_size: rows of a global batch.
        strategy: `random` or `group_by_length`.
        seed: seed of the run.
        epoch: number of the epoch, from 0.
    """
    generator = np.random.default_rng([seed, epoch])
    order = generator.permutation(len(lengths))
    if strategy == "random":
        return [int(row) for row in order]
    tokens = np.asarray(lengths)
    window = WINDOW_BATCHES * train_batch_size
    batches = [
        batch
        for start in range(0, len(order), window)
        for batch in _deal(order[start : start + window], tokens, train_batch_size, generator)
    ]
    return [int(row) for at in generator.permutation(len(batches)) for row in batches[at]]


def _deal(
    rows: np.ndarray, tokens: np.ndarray, batch: int, generator: np.random.Generator
) -> list[np.ndarray]:
    """The global batches of a window: int [batch] each, groups in order of length."""
    size = choose_group_rows(batch)
    groups = rows[np.argsort(tokens[rows], kind="stable")].reshape(-1, size)
    dealt = generator.permutation(len(groups)).reshape(-1, batch // size)
    return [groups[np.sort(chosen)].reshape(-1) for chosen in dealt]


def choose_group_rows(train_batch_size: int) -> int:
    """Rows of a group: the largest divisor of the global batch that is at most 8."""
    return next(n for n in range(MAX_GROUP_ROWS, 0, -1) if train_batch_size % n == 0)


def measure_padding(order: Sequence[int], lengths: Sequence[int], micro_batch: int) -> float:
    """Padded over real tokens of an epoch, each micro-batch padded to its longest row (1 is best).

    Raises:
        ValueError: there are no tokens.
    """
    tokens = np.asarray(lengths)[np.asarray(order, dtype=int)]
    if not tokens.sum():
        raise ValueError("no tokens to measure padding over")
    padded = sum(
        int(tokens[start : start + micro_batch].max()) * len(tokens[start : start + micro_batch])
        for start in range(0, len(tokens), micro_batch)
    )
    return padded / int(tokens.sum())
