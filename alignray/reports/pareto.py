"""The Pareto front: the models that no other one beats; pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence


def find_front(costs: Mapping[str, Sequence[float]]) -> list[str]:
    """The names that no other dominates, in their order.

    One dominates another where it is at most as high in every cost and lower in one. Equals stay
    together on the front.

    Args:
        costs: name -> numbers of which lower is better, as many for each.
    """
    return [
        name
        for name, own in costs.items()
        if not any(dominates(other, own) for other in costs.values())
    ]


def dominates(first: Sequence[float], second: Sequence[float]) -> bool:
    """Whether the first is nowhere worse and somewhere better than the second."""
    pairs = list(zip(first, second, strict=True))
    return all(a <= b for a, b in pairs) and any(a < b for a, b in pairs)


def trace_stairs(
    points: Sequence[tuple[float, float]], worst: tuple[float, float]
) -> list[tuple[float, float]]:
    """The border of what a front dominates, as corners of a line from the top to the right.

    Args:
        points: the front, both numbers lower is better.
        worst: where the drawing ends.
    """
    ordered = sorted(set(points))
    corners = [(ordered[0][0], worst[1])]
    for x, y in ordered:
        corners += [(x, corners[-1][1]), (x, y)]
    return [*corners, (worst[0], ordered[-1][1])]
