"""Which differences between models are more than chance, over a whole table of tests; pure.

Source: S. Holm, "A simple sequentially rejective multiple test procedure", Scandinavian Journal of
Statistics 6 (1979) 65-70. It bounds the chance of one false mark or more in the table, whatever
the dependence between the tests.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import TypeVar

Key = TypeVar("Key", bound=Hashable)

LEVELS = ((0.01, "**"), (0.05, "*"))
"""Corrected p below which a mark is set, strictest first."""


@dataclass(frozen=True)
class Mark:
    """A difference that stands after the correction.

    Example: `Mark("↓**", better=True)`: the rate fell, p < .01, and lower is better.
    """

    text: str
    better: bool


def adjust_holm(p_values: Mapping[Key, float]) -> dict[Key, float]:
    """Holm's corrected p of each test: `max over j <= i of (m - j + 1) p_(j)`, at most 1.

    Args:
        p_values: p of every test of one family, from 0 to 1.
    """
    ordered = sorted(p_values, key=lambda key: p_values[key])
    adjusted: dict[Key, float] = {}
    highest = 0.0
    for index, key in enumerate(ordered):
        highest = max(highest, min(1.0, (len(ordered) - index) * p_values[key]))
        adjusted[key] = highest
    return {key: adjusted[key] for key in p_values}


def find_mark(adjusted: float, difference: float, direction: str) -> Mark | None:
    """The mark of a difference, or None where it may be chance.

    Args:
        adjusted: corrected p.
        difference: this model minus the one it is compared with.
        direction: `lower` or `higher`, which way is better.
    """
    stars = next((stars for level, stars in LEVELS if adjusted < level), None)
    if stars is None or difference == 0:
        return None
    arrow = "↑" if difference > 0 else "↓"
    return Mark(f"{arrow}{stars}", better=(difference > 0) == (direction == "higher"))
