"""Engines on nodes: what has a place, and what is said where there is none."""

import pytest

from alignray.config.inference import FakeEngineConfig, PoolConfig, VLLMEngineConfig
from alignray.errors import EngineError
from alignray.inference.capacity import Demand, build_demand, check_places, find_unplaced

BOX = {"CPU": 8.0, "GPU": 4.0, "accelerator_type:H100": 1.0, "memory": 1e9}


def demand(name="m", count=1, **needs):
    names = {"cpu": "CPU", "gpu": "GPU", "h100": "accelerator_type:H100"}
    return Demand(name, {names[key]: value for key, value in needs.items()}, count)


def test_demand_is_what_ray_is_asked_for():
    engine = VLLMEngineConfig(
        model_name_or_path="org/m",
        resources={"num_cpus": 2, "num_gpus": 1, "accelerator_type": "H100"},
    )
    needs = {"CPU": 2.0, "GPU": 1.0, "accelerator_type:H100": 0.001}
    assert build_demand(engine, PoolConfig(min_engines=3, max_engines=3)) == Demand("m", needs, 3)
    assert build_demand(FakeEngineConfig(), PoolConfig()) == Demand("fake", {"CPU": 0.5}, 1)


@pytest.mark.parametrize(
    ("demands", "nodes", "unplaced"),
    [
        ([demand(cpu=2)], [{"CPU": 1.0}, {"CPU": 1.0}], "m"),  # two halves are no whole
        ([demand(cpu=2)], [{"CPU": 1.0}, {"CPU": 2.0}], None),
        ([demand(cpu=0.1, count=10)], [{"CPU": 1.0}], None),  # 0.1 is not a binary fraction
        ([demand(cpu=0.1, count=11)], [{"CPU": 1.0}], "m"),
        ([demand("a", gpu=3), demand("b", gpu=3)], [BOX, BOX], None),
        ([demand("a", gpu=3), demand("b", gpu=3)], [{"GPU": 7.0}], None),
        ([demand("a", gpu=3), demand("b", gpu=3)], [BOX, {"GPU": 2.0}], "b"),
        ([demand(gpu=1, h100=0.001)], [{"GPU": 8.0, "accelerator_type:A10G": 1.0}], "m"),
        # the one that takes any GPU leaves the H100 to the other
        ([demand("any", gpu=4), demand("h", gpu=4, h100=0.001)], [BOX, {"GPU": 4.0}], None),
        # without GPUs it keeps off the node that has them
        ([demand("c", cpu=8), demand("g", cpu=1, gpu=1)], [BOX, {"CPU": 8.0}], None),
        ([demand()], [], "m"),
    ],
)
def test_engines_are_placed_node_by_node(demands, nodes, unplaced):
    found = find_unplaced(demands, nodes)
    assert (found and found.name) == unplaced


def test_one_line_says_what_is_needed_what_is_there_and_what_to_do():
    with pytest.raises(EngineError) as caught:
        check_places([demand("judge", cpu=2, gpu=1)], [{"CPU": 1.0}, {"CPU": 0.5}])
    assert str(caught.value) == (
        "engine judge: one engine needs 2 CPUs, 1 GPU, the largest of 2 nodes has 1 CPU, 0 GPUs;"
        " lower engine.resources, or start larger nodes"
    )
    with pytest.raises(EngineError, match="no room for all engines at once"):
        check_places([demand("a", 3, cpu=1), demand("judge", cpu=1)], [{"CPU": 3.0}])
    with pytest.raises(EngineError, match="the only node has 8 CPUs, 4 GPUs of type H100"):
        check_places([demand(gpu=5)], [BOX])
    check_places([demand(gpu=4, h100=0.001)], [BOX])
