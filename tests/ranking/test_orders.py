from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alignray.ranking.orders import aggregate_rankings, build_orders, compute_ranks


@given(st.integers(1, 8), st.integers(0, 10**6))
def test_over_n_orders_every_response_takes_every_place_once(size: int, seed: int) -> None:
    for blocks in (1, 2, 3):
        orders = build_orders(size, blocks * size, seed)
        seen = Counter((order[place], place) for order in orders for place in range(size))
        assert set(seen.values()) == {blocks}
        assert len(seen) == size * size


@given(st.integers(2, 8), st.integers(1, 12), st.integers(0, 10**6))
def test_orders_are_permutations_and_repeat_with_their_seed(
    size: int, number: int, seed: int
) -> None:
    orders = build_orders(size, number, seed)
    assert len(orders) == number
    assert all(sorted(order) == list(range(size)) for order in orders)
    assert orders == build_orders(size, number, seed)


@given(st.integers(2, 8), st.integers(0, 10**6))
def test_an_even_number_of_orders_gives_all_responses_the_same_mean_place(
    size: int, seed: int
) -> None:
    for number in range(2, size, 2):
        orders = build_orders(size, number, seed)
        means = {sum(order.index(i) for order in orders) / number for i in range(size)}
        assert means == {(size - 1) / 2}


def test_the_first_place_is_shared_fairly_over_rows() -> None:
    first = Counter(build_orders(5, 1, seed)[0][0] for seed in range(5000))
    assert all(900 < count < 1100 for count in first.values())


def test_a_judge_that_always_says_the_first_gives_a_tie_and_all_flips() -> None:
    consensus = aggregate_rankings([(0, 1), (1, 0)], [(1, 2), (1, 2)])
    assert consensus.mean_ranks == [1.5, 1.5]
    assert consensus.ranks == [1.5, 1.5]
    assert consensus.position_ranks == [1.0, 2.0]
    assert consensus.flip_rate == 1.0


def test_a_judge_that_reads_gives_the_order_and_no_flips() -> None:
    # Response 2 is best, then 0, then 1, wherever they stand.
    orders = [(0, 1, 2), (2, 1, 0), (1, 2, 0)]
    rankings = [(3, 1, 2), (1, 3, 2), (2, 3, 1)]
    consensus = aggregate_rankings(orders, rankings)
    assert consensus.mean_ranks == [2.0, 3.0, 1.0]
    assert consensus.ranks == [2.0, 3.0, 1.0]
    assert consensus.flip_rate == 0.0
    # Place 1 held responses 0, 2, 1, of rank 2, 1, 3.
    assert consensus.position_ranks == pytest.approx([2.0, 7 / 3, 5 / 3])


def test_flip_rate_by_hand() -> None:
    # Two orders of three that differ in one of the three pairs.
    assert aggregate_rankings([(0, 1, 2)] * 2, [(1, 2, 3), (2, 1, 3)]).flip_rate == 1 / 3
    assert aggregate_rankings([(0, 1)], [(2, 1)]).flip_rate is None


def test_balanced_orders_take_a_pure_position_bias_out() -> None:
    orders = build_orders(5, 5, seed=3)
    consensus = aggregate_rankings(orders, [(1, 2, 3, 4, 5)] * 5)
    assert consensus.mean_ranks == [3.0] * 5
    assert consensus.position_ranks == [1, 2, 3, 4, 5]


def test_ranks_share_ties() -> None:
    assert compute_ranks([4.0, 5.0, 4.0, 1.0]) == [2.5, 1.0, 2.5, 4.0]
    assert compute_ranks([0.1 + 0.2, 0.3]) == [1.5, 1.5]
    assert compute_ranks([]) == []


@given(st.lists(st.integers(0, 5), min_size=1, max_size=8))
def test_ranks_add_up_whatever_ties(values: list[int]) -> None:
    ranks = compute_ranks([float(value) for value in values])
    assert sum(ranks) == len(values) * (len(values) + 1) / 2
