"""Recipes: order from references, variables, overrides, and the line for each fault."""

import pytest

from alignray.config.recipe import load_recipe, resolve_fields
from alignray.errors import AlignrayError

TEXT = """\
name: tiny
description: a test
vars: {count: 4, model: m}
stages:
  rank: {completions: "@sample", judge: {type: fake}}
  eval: {verb: eval, models: {sft: "@sft/model", base: null}, tag: "${model}-${count}", at: "@@x"}
  sample: {select: {num_prompts: "${count}"}}
  sft: {data: ["@rank/data/a.parquet", 3]}
"""


def load(tmp_path, text=TEXT, overrides=()):
    path = tmp_path / "r.yaml"
    path.write_text(text)
    return load_recipe(str(path), overrides)


def fault(tmp_path, text=TEXT, overrides=()):
    with pytest.raises(AlignrayError) as caught:
        load(tmp_path, text, overrides)
    assert caught.value.exit_code == 2
    assert "\n" not in str(caught.value)
    return str(caught.value).replace(str(tmp_path), "")


def test_stages_run_after_what_they_read_else_in_file_order(tmp_path):
    recipe = load(tmp_path)
    assert [stage.name for stage in recipe.stages] == ["sample", "rank", "sft", "eval"]
    assert {stage.name: stage.after for stage in recipe.stages} == {
        "sample": (),
        "rank": ("sample",),
        "sft": ("rank",),
        "eval": ("sft",),
    }


def test_references_and_variables_are_put_in_place(tmp_path):
    stages = {stage.name: resolve_fields(stage, "D") for stage in load(tmp_path).stages}
    assert stages["sample"] == {"select": {"num_prompts": 4}, "output_dir": "D/sample"}
    assert stages["sft"]["data"] == ["D/rank/data/a.parquet", 3]
    assert stages["eval"]["models"] == {"sft": "D/sft/model", "base": None}
    assert (stages["eval"]["tag"], stages["eval"]["at"]) == ("m-4", "@x")


def test_the_verb_is_the_name_by_default(tmp_path):
    text = TEXT.replace("  sft: {", "  warm: {verb: sft, ").replace("@sft/", "@warm/")
    assert {s.name: s.verb for s in load(tmp_path, text).stages}["warm"] == "sft"


def test_arguments_change_stages_and_variables(tmp_path):
    recipe = load(tmp_path, overrides=["vars.count=9", "rank.completions=@eval", "eval.models={}"])
    stages = {stage.name: stage for stage in recipe.stages}
    assert resolve_fields(stages["sample"], "D")["select"]["num_prompts"] == 9
    assert stages["rank"].after == ("eval",)


@pytest.mark.parametrize(
    ("change", "overrides", "expected"),
    [
        (("@sample", "@smple"), [], "r.yaml:5: `@smple`: no stage `smple`; did you mean `sample`?"),
        (("${count}", "${cout}"), [], "no variable `cout`"),
        (("@rank/data", "@eval/data"), [], "stages wait for each other: eval, sft"),
        (("@sample", "@rank"), [], "stages wait for each other"),
        (("@sft/model", "@sft/../x"), [], "a path inside the stage's directory"),
        (("judge: {", "output_dir: x, judge: {"), [], "`rank.output_dir`"),
        (("  rank:", "  logs:"), [], "stage name 'logs'"),
        (("name: tiny", "nam: tiny"), [], "unknown key `nam`; did you mean `name`?"),
        (("name: tiny\n", ""), [], "missing `name`"),
        (("x", "x"), ["ranc.mode=rank"], "no stage `ranc` in `ranc.mode`"),
        (("x", "x"), ["rank=3"], "expected stage.key=value"),
        (("x", "x"), ["vars.cont=3"], "no variable `cont` in `vars.cont`"),
    ],
)
def test_one_line_for_each_fault(tmp_path, change, overrides, expected):
    assert expected in fault(tmp_path, TEXT.replace(*change), overrides)
