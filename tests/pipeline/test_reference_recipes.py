"""The recipes of the reference systems to their end, on tiny models, under two workers."""

import json
import math
from pathlib import Path

import pytest

from alignray.config.recipe import load_recipe
from alignray.pipeline.commands import run_all

RECIPES = Path(__file__).parents[2] / "jobs" / "recipes"
NAMES = sorted(path.stem for path in RECIPES.glob("reference*.yaml"))

pytestmark = pytest.mark.heavy


@pytest.fixture(scope="module")
def ray_session():
    from alignray.inference.cluster import connect

    with connect("local"):
        yield


def read(path):
    return json.loads(path.read_text())


@pytest.mark.parametrize("name", NAMES)
def test_a_reference_recipe_runs_to_its_end(name, tmp_path, ray_session):
    out = tmp_path / "run"
    above = str(RECIPES / "tiny" / f"{name}.yaml")
    recipe = load_recipe(str(RECIPES / f"{name}.yaml"), override_file=above)
    assert run_all(recipe, str(out)) == 0

    done = read(out / "record.json")["stages"]
    assert [(stage, one["did"]) for stage, one in done.items()] == [
        (stage.name, "ran") for stage in recipe.stages
    ]
    for stage in done:
        record = read(out / stage / "record.json")
        counts = record["counts"]
        assert counts["in"] == counts["ok"] > 0 and counts["failed"] == 0
        if record["verb"] in ("sft", "dpo"):
            check_training(record, out / stage)


def check_training(record, directory):
    """Two workers took steps from where the method starts, and left what was asked for."""
    metrics, config = record["metrics"], record["config"]
    losses = [point["loss"] for point in metrics["curve"]]
    states = sorted(path.name for path in directory.glob("checkpoints/checkpoint-*/rng_state*"))
    assert states == ["rng_state_0.pth", "rng_state_1.pth"]
    assert all(math.isfinite(loss) for loss in losses)
    if record["verb"] == "dpo":
        assert losses[0] == pytest.approx(math.log(2), abs=1e-5), "policy = reference at the start"
    adapter = directory / "model" / "adapter_config.json"
    assert adapter.is_file() == config["use_peft"]
    if config["use_peft"]:
        written = read(adapter)
        assert (written["r"], written["lora_alpha"]) == (config["lora_r"], config["lora_alpha"])
        assert set(written["target_modules"]) == {"q_proj", "v_proj"}
