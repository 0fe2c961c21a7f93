"""Engines without a place: refused where nothing can join, waited for with a word where it may."""

import os
import subprocess
import sys
from types import SimpleNamespace

import pytest

from alignray.errors import EngineError
from alignray.inference import cluster
from alignray.inference.capacity import Demand

TWO_CPUS = Demand("judge", {"CPU": 2.0}, 1)


@pytest.fixture
def ray_of(monkeypatch):
    def fake(gcs_address, address):
        nodes = [
            {"Alive": True, "Resources": {"CPU": 1.0}},
            {"Alive": False, "Resources": {"CPU": 64.0}},
        ]
        context = SimpleNamespace(gcs_address=gcs_address)
        ray = SimpleNamespace(nodes=lambda: nodes, get_runtime_context=lambda: context)
        monkeypatch.setattr(cluster, "ray", ray)
        monkeypatch.setenv("RAY_ADDRESS", address)

    return fake


@pytest.mark.parametrize(
    ("gcs_address", "address"),
    [("10.0.0.1:6379", "local"), ("127.0.0.1:6379", "auto"), ("[::1]:6379", "auto")],
)
def test_what_never_gets_a_place_is_refused(ray_of, gcs_address, address):
    ray_of(gcs_address, address)
    with pytest.raises(EngineError, match="needs 2 CPUs, 0 GPUs, the only node has 1 CPU"):
        cluster.require_places([TWO_CPUS])


def test_a_cluster_that_may_grow_is_waited_for_with_one_line(ray_of, capsys):
    ray_of("10.0.0.1:6379", "ray.internal:6379")
    cluster.require_places([TWO_CPUS])
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and "needs 2 CPUs" in said and "waiting for the cluster" in said


@pytest.mark.heavy
def test_a_sample_that_wants_more_than_this_machine_ends_at_once(tmp_path):
    prompts = tmp_path / "p.jsonl"
    prompts.write_text('{"prompt": "hello"}\n')
    arguments = [
        "sample",
        f"prompts={prompts}",
        "engine.type=fake",
        "engine.resources.num_cpus=64",
        f"output_dir={tmp_path / 'out'}",
    ]
    done = subprocess.run(
        [sys.executable, "-m", "alignray", *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        env=os.environ | {"RAY_ADDRESS": "local"},
    )
    assert done.returncode == 1
    assert "engine fake: one engine needs 64 CPUs" in done.stderr
    assert "lower engine.resources" in done.stderr
