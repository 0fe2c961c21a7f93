"""Jobs and recipes: every script says its verb, every recipe loads and plans."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from alignray.cli import main
from alignray.verbs import VERBS

JOBS = Path(__file__).parents[1] / "jobs"
RECIPES = sorted((JOBS / "recipes").glob("*.yaml"))
BY_HAND = {
    "reference1-adapters": (
        "ft_datasets/aoa_dataset/train.json",
        "ft_datasets/aoa_dataset_safety/train.json",
    ),
    "reference3-amberchat": ("ShareGPT_V3_unfiltered_cleaned_split.json",),
}
"""Files that recipes expect in the current directory."""


@pytest.mark.parametrize("verb", [*VERBS, "run"])
def test_each_verb_has_a_script_that_takes_its_arguments(verb, tmp_path):
    """Run as Ray does it: from elsewhere, the package not on the path."""
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    done = subprocess.run(
        [sys.executable, str(JOBS / f"{verb}.py"), "no_such_key=1"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=environment,
    )
    assert done.returncode == 2
    assert done.stderr.startswith("alignray: error: ")
    assert ("--out" if verb == "run" else "unknown key `no_such_key`") in done.stderr


def test_there_is_no_script_without_a_verb():
    assert {path.stem for path in JOBS.glob("*.py")} == {*VERBS, "run"}


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda path: path.stem)
def test_every_recipe_loads_and_plans(recipe, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in BY_HAND.get(recipe.stem, ()):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("[]")
    assert main(["plan", str(recipe), "--out", str(tmp_path / "d"), "--json"]) == 0
    plan = json.loads(capsys.readouterr().out)
    assert plan["recipe"] == recipe.stem
    assert {stage["action"] for stage in plan["stages"]} == {"run"}
    assert not (tmp_path / "d").exists()


@pytest.mark.parametrize(
    "above", sorted((JOBS / "recipes/tiny").glob("*.yaml")), ids=lambda p: p.stem
)
def test_every_override_file_plans_and_arguments_go_over_it(above, capsys, tmp_path):
    recipe = str(JOBS / "recipes" / above.name)
    arguments = ["--override", str(above), "vars.base=pocket-judge", "--json"]
    assert main(["plan", recipe, "--out", str(tmp_path / "d"), *arguments]) == 0
    stages = json.loads(capsys.readouterr().out)["stages"]
    assert {stage["action"] for stage in stages} == {"run"}
    assert stages[0]["config"]["model_name_or_path"] == "pocket-judge"
    assert stages[0]["config"]["resources"]["num_workers"] == 2


def test_the_pocket_recipe_is_the_whole_mission(capsys, tmp_path):
    main(["plan", str(JOBS / "recipes/pocket.yaml"), "--out", str(tmp_path / "d"), "--json"])
    stages = {stage["stage"]: stage for stage in json.loads(capsys.readouterr().out)["stages"]}
    assert list(stages) == ["sample", "rank", "pairs", "sft", "dpo", "sft_dpo", "eval"]
    assert stages["sample"]["rows_at_most"] == 500
    assert stages["sample"]["config"]["sampling"]["n"] == 5
    assert list(stages["eval"]["config"]["models"]) == ["base", "sft", "dpo", "sft_dpo"]
    assert stages["sft_dpo"]["after"] == ["pairs", "sft"]
