"""YAML + arguments -> configuration, and the one line for each thing that can be wrong."""

import pytest

from alignray.config.loading import load_config
from alignray.config.ranking import RankConfig
from alignray.config.sampling import SampleConfig
from alignray.errors import EXIT_BAD_INPUT, ConfigError

FAKE = ["engine.type=fake", "output_dir=o", "prompts=p.jsonl"]
VLLM = ["engine={type: vllm, model_name_or_path: m/m}", "output_dir=o", "prompts=p.jsonl"]


def explain(overrides, tmp_path=None, text=None, cls=SampleConfig):
    path = None
    if text is not None:
        path = tmp_path / "c.yaml"
        path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        load_config(cls, str(path) if path else None, overrides)
    assert caught.value.exit_code == EXIT_BAD_INPUT
    message = str(caught.value)
    assert "\n" not in message
    return message.replace(str(path), "c.yaml")


def test_arguments_override_the_file(tmp_path):
    path = tmp_path / "c.yaml"
    path.write_text(
        "output_dir: o\nprompts: p.jsonl\nengine: {type: fake}\nsampling:\n  n: 4\n  seed: 7\n"
    )
    config = load_config(SampleConfig, str(path), ["sampling.n=3", "select.subsets=[a, b]"])
    assert (config.sampling.n, config.sampling.seed) == (3, 7)
    assert config.select.subsets == ("a", "b")


def test_a_section_given_in_part_keeps_the_stage_defaults():
    config = load_config(SampleConfig, None, [*FAKE, "sampling.temperature=0.5"])
    assert (config.sampling.n, config.sampling.top_p) == (5, 0.95)
    assert config.sampling.temperature == 0.5


def test_values_are_yaml_and_maps_and_lists_are_allowed():
    config = load_config(
        SampleConfig,
        None,
        [*VLLM, "engine.adapters.safe=a/b", "sampling.stop=['x', \"y z\"]", "sampling.top_p=1e-1"],
    )
    assert config.engine.adapters == {"safe": "a/b"}
    assert config.sampling.stop == ("x", "y z")
    assert config.sampling.top_p == 0.1


def test_empty_value_is_null_and_no_is_text():
    config = load_config(SampleConfig, None, [*FAKE, "select.num_prompts=", "system_prompt=no"])
    assert config.select.num_prompts is None
    assert config.system_prompt == "no"


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        (
            [*VLLM, "engine.modle_name_or_path=x"],
            "unknown key `engine.modle_name_or_path`; did you mean `engine.model_name_or_path`?",
        ),
        ([*FAKE, "num_prompts=3"], "unknown key `num_prompts`; did you mean `select.num_prompts`?"),
        ([*FAKE, "sampling.N=3"], "unknown key `sampling.N`; did you mean `sampling.n`?"),
        ([*FAKE, "samplin.n=3"], "unknown key `samplin`; did you mean `sampling`?"),
        ([*FAKE, "engine.tokens_per_respons=3"], "did you mean `engine.tokens_per_response`?"),
        (
            [*FAKE, "lr=3"],
            "unknown key `lr`; the nearest key is `pool`; --help of the verb lists all",
        ),
        ([*FAKE, "@@=3"], "unknown key `@@`; --help of the verb lists all"),
        ([*FAKE, "engine.zzz=3"], "unknown key `engine.zzz`; not a key of engine.type=fake"),
        (
            [*FAKE, "engine.model_name_or_path=x"],
            "unknown key `engine.model_name_or_path`; not a key of engine.type=fake",
        ),
        ([*FAKE, "sampling.n=0"], "`sampling.n` is 0; expected at least 1"),
        ([*FAKE, "sampling.top_p=1.5"], "`sampling.top_p` is 1.5; expected at most 1"),
        ([*FAKE, "sampling.top_p=0"], "`sampling.top_p` is 0; expected above 0"),
        ([*FAKE, "sampling.n=many"], "`sampling.n` is 'many'; expected int, 1 to 1024"),
        ([*FAKE, "select=3"], "`select` is 3; expected a section with keys"),
        ([*FAKE, "pool.retry=always"], "`pool.retry` is 'always'; expected never | failed"),
        ([*FAKE, "pool.min_engines=3"], "`pool`: max_engines is 1, below min_engines = 3"),
        (["engine.type=fake", "output_dir=o"], "missing `prompts`"),
        (["output_dir=o", "prompts=p"], "missing `engine`"),
        ([*FAKE, "engine={model: m}"], "missing `engine.type`; expected one of vllm, openai, fake"),
        ([*FAKE, "engine.type=vlm"], "`engine.type` is 'vlm'; expected one of vllm, openai, fake"),
        ([*FAKE, "prompts.x=1"], "there is no `x` in a str"),
        ([*FAKE, "oops"], "not of the form key=value"),
        ([*FAKE, "sampling.stop=["], "argument sampling.stop: value is not YAML"),
        (
            [*VLLM, "engine.resources.enforce_eager=maybe"],
            "`engine.resources.enforce_eager` is 'maybe'",
        ),
    ],
)
def test_one_line_for_each_fault(overrides, expected):
    assert expected in explain(overrides)


def test_errors_are_about_the_chosen_engine_alone():
    message = explain(["engine.type=openai", "output_dir=o", "prompts=p"])
    assert "missing `engine.model`" in message
    assert "model_name_or_path" not in message


def test_further_faults_are_named():
    message = explain([*FAKE, "sampling.n=0", "sampling.top_p=3"])
    assert "see also `sampling.top_p`" in message


def test_the_value_of_an_unknown_key_is_not_shown():
    assert "hunter2" not in explain([*FAKE, "engine.api_key=hunter2"])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "output_dir: o\nprompts: p\nengine: {type: fake}\nsampling:\n  n: 0\n",
            "c.yaml:5: `sampling.n` is 0",
        ),
        (
            "output_dir: o\nsampling:\n  n: 1\n  n: 2\n",
            "c.yaml:4: key `sampling.n` is given twice (first on line 3)",
        ),
        ("output_dir: [o\nprompts: p\n", "c.yaml:2: not YAML"),
        ("prompts: @sample\n", 'quote a value that begins with @: "@stage"'),
        ("- 1\n- 2\n", "c.yaml: a list; expected keys and values"),
        ("output_dir: o\nseed: 3\n", "c.yaml:2: unknown key `seed`"),
        ("", "c.yaml: missing `output_dir`"),
    ],
)
def test_faults_of_a_file_name_their_line(tmp_path, text, expected):
    assert expected in explain([], tmp_path, text)


def test_missing_file():
    with pytest.raises(ConfigError, match=r"nowhere.yaml: no such file"):
        load_config(SampleConfig, "nowhere.yaml", [])


def test_a_fault_of_an_argument_is_placed_there(tmp_path):
    text = "output_dir: o\nprompts: p\nengine: {type: fake}\nsampling:\n  n: 3\n"
    assert explain(["sampling.n=0"], tmp_path, text).startswith("arguments: `sampling.n` is 0")


def test_rank_takes_the_same_road():
    message = explain(
        ["completions=c", "judge.type=fake", "output_dir=o", "modus=rank"], cls=RankConfig
    )
    assert "unknown key `modus`; did you mean `mode`?" in message
