"""Whether a cluster has places for a stage's engines, before Ray waits for ever for them.

An engine lives in one actor, and an actor on one node: that the cluster has enough CPUs and GPUs
in sum says nothing. Engines are put on nodes one by one, the most demanding first, each where
least is left over; a node of the wrong accelerator type is no place. What other jobs hold is not
looked at: they end some day.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from alignray.config.inference import PoolConfig
from alignray.config.judge_engines import AnyEngineConfig
from alignray.errors import EngineError
from alignray.inference.engine import get_model_label

_TYPE_PREFIX = "accelerator_type:"
_TYPE_SHARE = 0.001
"""What Ray takes of a node's accelerator type for an actor that asks for it."""
_ROUNDING = 1e-9


@dataclass(frozen=True)
class Demand:
    """The smallest pool of one stage: so many engines, each with these Ray resources.

    Example: `Demand("judge", {"CPU": 1, "GPU": 2, "accelerator_type:H100": 0.001}, 1)`.
    """

    name: str
    needs: Mapping[str, float]
    count: int


def build_actor_options(engine: AnyEngineConfig) -> dict[str, Any]:
    """Ray resources of the actor that holds an engine."""
    resources = engine.resources
    options: dict[str, Any] = {"num_cpus": resources.num_cpus}
    if (engine.type == "vllm" or engine.type == "reward") and engine.resources.num_gpus:
        options["num_gpus"] = engine.resources.num_gpus
    if engine.type == "vllm" and engine.resources.num_gpus and engine.resources.accelerator_type:
        options["accelerator_type"] = engine.resources.accelerator_type
    return options


def build_demand(engine: AnyEngineConfig, pool: PoolConfig) -> Demand:
    """What the engines that are always up need."""
    options = build_actor_options(engine)
    needs = {"CPU": options["num_cpus"], "GPU": options.get("num_gpus", 0)}
    if "accelerator_type" in options:
        needs[_TYPE_PREFIX + options["accelerator_type"]] = _TYPE_SHARE
    used = {name: float(amount) for name, amount in needs.items() if amount}
    return Demand(get_model_label(engine), used, pool.min_engines)


def find_unplaced(demands: Sequence[Demand], nodes: Sequence[Mapping[str, float]]) -> Demand | None:
    """The first demand that finds no place beside the others; None where all do.

    Args:
        demands: the smallest pools, all at once.
        nodes: resources of each node by Ray's names.
    """
    free = [dict(node) for node in nodes]
    for demand in sorted(demands, key=_rate_demand, reverse=True):
        for _ in range(demand.count):
            places = [node for node in free if _fits(demand, node)]
            if not places:
                return demand
            place = min(places, key=_measure_node)
            for name, amount in demand.needs.items():
                place[name] -= amount
    return None


def check_places(demands: Sequence[Demand], nodes: Sequence[Mapping[str, float]]) -> None:
    """Refuses engines for which a cluster that does not grow will never have a place.

    Args:
        demands: the smallest pools of the stages that run at once.
        nodes: resources of each node by Ray's names.

    Raises:
        EngineError: says what is needed, what the largest node has, what to do.
    """
    unplaced = find_unplaced(demands, nodes)
    if unplaced is None:
        return
    largest = max(nodes, key=_measure_node, default={})
    alone = any(_fits(unplaced, node) for node in nodes)
    found = f"one engine needs {_describe(unplaced.needs)}, " + (
        f"the largest of {len(nodes)} nodes has {_describe(largest)}"
        if len(nodes) != 1
        else f"the only node has {_describe(largest)}"
    )
    if not alone:
        raise EngineError(
            f"engine {unplaced.name}", found, "", "lower engine.resources, or start larger nodes"
        )
    wanted = ", ".join(f"{demand.count} of {demand.name}" for demand in demands)
    raise EngineError(
        f"engine {unplaced.name}",
        f"{found}: no room for all engines at once ({wanted})",
        "",
        "lower engine.resources or pool.min_engines, set pool.overlap=never where two engines"
        " overlap, or start more nodes",
    )


def _fits(demand: Demand, node: Mapping[str, float]) -> bool:
    return all(node.get(name, 0) + _ROUNDING >= need for name, need in demand.needs.items())


def _rate_demand(demand: Demand) -> tuple[bool, float, float]:
    """More demanding is more: a named accelerator, then GPUs, then CPUs."""
    is_typed = any(name.startswith(_TYPE_PREFIX) for name in demand.needs)
    return is_typed, *_measure_node(demand.needs)


def _measure_node(node: Mapping[str, float]) -> tuple[float, float]:
    return node.get("GPU", 0), node.get("CPU", 0)


def _describe(resources: Mapping[str, float]) -> str:
    """E.g. `2 CPUs, 1 GPU of type H100`."""
    gpus, cpus = _measure_node(resources)
    types = [n.removeprefix(_TYPE_PREFIX) for n in resources if n.startswith(_TYPE_PREFIX)]
    text = f"{cpus:g} CPU{'' if cpus == 1 else 's'}, {gpus:g} GPU{'' if gpus == 1 else 's'}"
    return f"{text} of type {' or '.join(sorted(types))}" if types and gpus else text
