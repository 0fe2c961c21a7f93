"""How texts are cut into batches so that little is padded: pure.

A batch is as wide as its longest text, so a batch of random texts is one half padding. Sorted by
length, the best batches are runs of neighbours, and which runs is a shortest path:

    best(i) = min over j of best(j) + (i - j) * width(j) + launch

over texts longest first, where width(j) is the length of text j (0-based), `launch` what starting
a batch costs in tokens, and (i - j) * width(j) the padded tokens, at most `batch_tokens`. Where
the optimum pads more than `MAX_PADDING` allows, `launch` is halved: at 0 nothing is padded at all,
so the bound holds for any lengths.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

MAX_PADDING = 1.03
"""Padded over real tokens, over all batches of a window."""
LAUNCH_TOKENS = 256.0
"""What starting a batch costs, in tokens: few batches are worth a little padding."""


def cut_batches(
    lengths: Sequence[int], batch_tokens: int, max_padding: float = MAX_PADDING
) -> list[list[int]]:
    """Positions of texts, batch by batch, longest first.

    Args:
        lengths: tokens of each text, at least 1.
        batch_tokens: most tokens of a batch, padding included; a longer text is alone.
        max_padding: bound of padded over real tokens, at least 1.

    Returns:
        Each position once; the first of a batch is its longest.
    """
    order = sorted(range(len(lengths)), key=lambda at: -lengths[at])
    widths = np.array([lengths[at] for at in order], dtype=np.int64)
    launch = LAUNCH_TOKENS
    while True:
        batches = [order[start:end] for start, end in _find_runs(widths, batch_tokens, launch)]
        if count_padded(batches, lengths) <= max_padding * sum(lengths):
            return batches
        launch = launch / 2 if launch >= 1 else 0.0


def count_padded(batches: Sequence[Sequence[int]], lengths: Sequence[int]) -> int:
    """Tokens that the batches compute, padding included."""
    return sum(len(batch) * max(lengths[at] for at in batch) for batch in batches)


def _find_runs(
    widths: np.ndarray[tuple[int], np.dtype[np.int64]], batch_tokens: int, launch: float
) -> list[tuple[int, int]]:
    """The cheapest runs [start, end) of widths in falling order."""
    size = len(widths)
    best, begins = np.zeros(size + 1), np.zeros(size + 1, dtype=np.int64)
    first = 0
    for end in range(1, size + 1):
        while first < end - 1 and (end - first) * widths[first] > batch_tokens:
            first += 1
        starts = np.arange(first, end)
        costs = best[first:end] + (end - starts) * widths[first:end] + launch
        cheapest = int(np.argmin(costs))
        best[end], begins[end] = costs[cheapest], first + cheapest
    runs, end = [], size
    while end:
        runs.append((int(begins[end]), end))
        end = int(begins[end])
    return runs[::-1]
