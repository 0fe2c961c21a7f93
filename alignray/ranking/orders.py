"""Presentation orders and what several of them say together. Pure.

A judge favours places in a list (Zheng et al., arXiv 2306.05685, section 3.3). So each row is
judged in several orders, in which places even out, and a response's rank is the mean over them. A
disagreement between orders thus ends as a tie or near one; its rate, the flip rate, is reported.

An order is a tuple of response indices (from 0) by place: `(2, 0, 1)` shows response 2 first.
A ranking is a tuple of places (from 1), best first, as the judge writes it: `(3, 1, 2)`.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

Order = tuple[int, ...]


@dataclass(frozen=True)
class Consensus:
    """What the rankings of one row say together; N responses.

    Example: `Consensus(mean_ranks=[1.5, 1.5], ranks=[1.5, 1.5], position_ranks=[1.0, 2.0],
    flip_rate=1.0)` for two orders of two responses, of which the first place won each time.
    """

    mean_ranks: list[float]
    """[N] mean of the ranks that each response was given; 1 = best."""
    ranks: list[float]
    """[N] ranks of the mean ranks; tied responses share the mean of their ranks."""
    position_ranks: list[float]
    """[N] mean rank given to each place; (N + 1) / 2 everywhere without position bias."""
    flip_rate: float | None
    """Share of pairs of responses on which two orders disagree; None with a single order."""


def build_orders(num_responses: int, num_orders: int, seed: int) -> list[Order]:
    """Presentation orders of one row: a seeded permutation, its cyclic shifts, their reversals.

    Over each N orders every response takes every place once. What is left over comes as shifts
    with their reversals, which give all responses the same mean place (for two orders: one and its
    mirror image).

    Args:
        num_responses: N, at least 1.
        num_orders: at least 1.
        seed: of the row, so that what is left uneven within a row evens out over rows.
    """
    base = list(range(num_responses))
    random.Random(seed).shuffle(base)
    blocks, rest = divmod(num_orders, num_responses)
    orders = [
        _shift(base, shift, mirrored=block % 2 == 1)
        for block in range(blocks)
        for shift in range(num_responses)
    ]
    pairs = (rest + 1) // 2
    for number in range(rest):
        shift = (number // 2) * num_responses // pairs
        orders.append(_shift(base, shift, mirrored=number % 2 == 1))
    return orders


def aggregate_rankings(orders: Sequence[Order], rankings: Sequence[Sequence[int]]) -> Consensus:
    """Brings the rankings of one row together.

    Args:
        orders: [K] the orders shown, each of N responses.
        rankings: [K] what the judge said of each: places from 1, best first.
    """
    size = len(orders[0])
    given = [_assign_ranks(order, ranking) for order, ranking in zip(orders, rankings, strict=True)]
    means = [sum(ranks[i] for ranks in given) / len(given) for i in range(size)]
    by_place = [
        sum(ranks[order[place]] for order, ranks in zip(orders, given, strict=True)) / len(given)
        for place in range(size)
    ]
    return Consensus(means, compute_ranks([-mean for mean in means]), by_place, _count_flips(given))


def compute_ranks(ratings: Sequence[float]) -> list[float]:
    """Ranks of ratings, 1 = highest; equal ratings share the mean of their ranks.

    Equal means equal to 9 digits, so that sums of the same numbers in another order tie.
    """
    rounded = [float(f"{rating:.9g}") for rating in ratings]
    return [
        1 + sum(other > one for other in rounded) + (rounded.count(one) - 1) / 2 for one in rounded
    ]


def _shift(base: Sequence[int], shift: int, *, mirrored: bool) -> Order:
    shifted = (*base[shift:], *base[:shift])
    return shifted[::-1] if mirrored else shifted


def _assign_ranks(order: Order, ranking: Sequence[int]) -> list[int]:
    """[N] rank that each response was given."""
    ranks = [0] * len(order)
    for rank, place in enumerate(ranking, start=1):
        ranks[order[place - 1]] = rank
    return ranks


def _count_flips(given: Sequence[Sequence[int]]) -> float | None:
    """Share of (pair of responses, pair of rankings) in which the pair stands the other way."""
    flips = comparisons = 0
    for first, second in combinations(given, 2):
        for i, j in combinations(range(len(first)), 2):
            comparisons += 1
            flips += (first[i] < first[j]) != (second[i] < second[j])
    return flips / comparisons if comparisons else None
