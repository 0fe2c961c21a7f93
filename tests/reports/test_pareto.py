"""The front, by hand and against its definition."""

from hypothesis import given
from hypothesis import strategies as st

from alignray.reports.pareto import find_front, trace_stairs


def test_the_beaten_are_not_on_it_and_equals_are():
    costs = {"a": (0.1, 0.9), "b": (0.5, 0.5), "c": (0.5, 0.6), "d": (0.9, 0.1), "e": (0.5, 0.5)}
    assert find_front(costs) == ["a", "b", "d", "e"]
    assert find_front({}) == [] and find_front({"a": (1.0,)}) == ["a"]


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4), st.integers(0, 4)), max_size=8))
def test_everyone_is_on_it_or_beaten_by_one_who_is(points):
    costs = {str(index): point for index, point in enumerate(points)}
    front = find_front(costs)
    for name, own in costs.items():
        beaten = [
            other
            for other in front
            if costs[other] != own and all(a <= b for a, b in zip(costs[other], own, strict=True))
        ]
        assert bool(beaten) != (name in front)


def test_stairs_go_down_and_to_the_right():
    corners = trace_stairs([(0.5, 0.2), (0.1, 0.6)], (1.0, 1.0))
    assert corners == [(0.1, 1.0), (0.1, 1.0), (0.1, 0.6), (0.5, 0.6), (0.5, 0.2), (1.0, 0.2)]
