"""Recipes: order from references, variables, overrides, and the line for each fault."""

import pytest

from alignray.config.recipe import load_recipe, resolve_fields
from alignray.errors import AlignrayError, ConfigError
from alignray.pipeline.plan import build_stages

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


def load_over(tmp_path, above, overrides=(), text=TEXT):
    (tmp_path / "r.yaml").write_text(text)
    (tmp_path / "over.yaml").write_text(above)
    return load_recipe(str(tmp_path / "r.yaml"), overrides, str(tmp_path / "over.yaml"))


OVER = """\
vars: {count: 9}
stages:
  rank: {judge: {type: vllm, model: j}, mode: rank}
  sft: {data: [x]}
"""


def test_an_override_file_goes_over_the_recipe_and_under_the_arguments(tmp_path):
    recipe = load_over(tmp_path, OVER, ["vars.count=5", "rank.mode=score"])
    stages = {stage.name: resolve_fields(stage, "D") for stage in recipe.stages}
    assert stages["sample"]["select"] == {"num_prompts": 5}
    assert stages["rank"]["completions"] == "D/sample"
    assert (stages["rank"]["judge"], stages["rank"]["mode"]) == (
        {"type": "vllm", "model": "j"},
        "score",
    )
    assert stages["sft"]["data"] == ["x"], "lists are replaced"
    assert recipe.override_file == str(tmp_path / "over.yaml")


def test_sections_merge_unless_their_type_changes(tmp_path):
    text = TEXT.replace("{type: fake}", "{type: fake, model: m, resources: {num_cpus: 1, a: 2}}")
    same = load_over(tmp_path, "stages: {rank: {judge: {resources: {a: 3}}}}", text=text)
    other = load_over(tmp_path, "stages: {rank: {judge: {type: openai}}}", text=text)
    judges = [
        next(stage.fields["judge"] for stage in recipe.stages if stage.name == "rank")
        for recipe in (same, other)
    ]
    assert judges[0] == {"type": "fake", "model": "m", "resources": {"num_cpus": 1, "a": 3}}
    assert judges[1] == {"type": "openai"}


def test_a_stage_that_is_null_is_left_out(tmp_path):
    above = "stages: {sft: null, eval: {models: {sft: null}}}"
    assert [stage.name for stage in load_over(tmp_path, above).stages] == ["eval", "sample", "rank"]


@pytest.mark.parametrize(
    ("above", "expected"),
    [
        (
            "vars: {cont: 1}",
            "over.yaml:1: the recipe has no variable `cont`; did you mean `count`?",
        ),
        (
            "stages:\n  ranc: {}",
            "over.yaml:2: the recipe has no stage `ranc`; did you mean `rank`?",
        ),
        ("rank: {mode: rank}", "over.yaml:1: unknown key `rank`; known here: stages, vars"),
        ("stages: {rank: 3}", "over.yaml:1: `stages.rank` is 3"),
        ("stages: {sft: null}", "`@sft/model`: no stage `sft`"),
        ("stages:\n  rank:\n    completions: '@smple'", "over.yaml:2: `@smple`: no stage `smple`"),
    ],
)
def test_one_line_for_each_fault_of_an_override_file(tmp_path, above, expected):
    with pytest.raises(AlignrayError) as caught:
        load_over(tmp_path, above)
    assert caught.value.exit_code == 2 and "\n" not in str(caught.value)
    assert expected in str(caught.value)


def test_faults_of_values_name_the_file_they_stand_in(tmp_path):
    text = "name: t\nstages:\n  sample:\n    prompts: pocket:train\n    engine: {type: fake}\n"
    above = "stages:\n  sample:\n    sampling: {n: 0}\n"
    recipe = load_over(tmp_path, above, text=text)
    with pytest.raises(ConfigError, match=r"over\.yaml:3: `sampling\.n` is 0"):
        build_stages(recipe, "D")
    text = text.replace("pocket:train", "3")
    recipe = load_over(tmp_path, "stages: {sample: {sampling: {n: 2}}}", text=text)
    with pytest.raises(ConfigError, match=r"/r\.yaml:4: `prompts` is 3"):
        build_stages(recipe, "D")
