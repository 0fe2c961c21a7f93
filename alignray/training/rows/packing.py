"""Packing: several rows in one sequence, each seeing only itself. Pure.

Best-fit decreasing (Ding et al. 2024, arXiv 2404.10830): rows in order of falling length, each into
the fullest sequence that still has room. No row is cut, so no row loses its context. Positions
start again at 0 with each row; attention kernels that know of positions (sdpa, eager, flash)
build their block mask from that, so rows of a sequence do not see each other.
"""

from __future__ import annotations

import bisect
from collections.abc import Sequence


def pack_rows(lengths: Sequence[int], max_length: int) -> list[list[int]]:
    """Row positions by sequence; every row is in exactly one, and none is over max_length.

    Raises:
        ValueError: a row is longer than max_length.
    """
    packs: list[list[int]] = []
    rooms: list[tuple[int, int]] = []
    """(free tokens, pack), sorted."""
    for row in sorted(range(len(lengths)), key=lambda at: (-lengths[at], at)):
        length = lengths[row]
        if length > max_length:
            raise ValueError(f"row {row} has {length} tokens, more than max_length={max_length}")
        at = bisect.bisect_left(rooms, (length, -1))
        if at == len(rooms):
            packs.append([row])
            bisect.insort(rooms, (max_length - length, len(packs) - 1))
        else:
            free, pack = rooms.pop(at)
            packs[pack].append(row)
            bisect.insort(rooms, (free - length, pack))
    return packs
