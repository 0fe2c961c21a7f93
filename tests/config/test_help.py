"""Help is complete: every field of every verb, with type, bounds, default and documentation."""

import pytest

from alignray.config.base import Config
from alignray.config.evaluation import EvalConfig
from alignray.config.fields import list_fields, parse_shape
from alignray.config.help import render_help
from alignray.config.sampling import SampleConfig
from alignray.verbs import VERBS


def head_of(text: str, key: str) -> str:
    return next(line.strip() for line in text.splitlines() if line.strip().startswith(f"{key}  ("))


def test_every_key_has_type_bounds_default_and_documentation():
    text = render_help(SampleConfig, "usage")
    assert (
        head_of(text, "sampling.seed")
        == "sampling.seed  (int, at least 0, below 2147483648, default 0)"
    )
    assert head_of(text, "prompts") == "prompts  (data path, required)"
    assert "Prompts: JSONL, CSV, parquet, text" in text
    assert head_of(text, "engine.type") == "engine.type  (vllm | openai | fake, required)"
    assert head_of(text, "pool.retry") == "pool.retry  (never | failed, default never)"


def test_defaults_are_those_of_the_stage_not_of_the_section():
    assert head_of(render_help(SampleConfig, ""), "sampling.n").endswith("default 5)")
    assert head_of(render_help(EvalConfig, ""), "sampling.n").endswith("default 1)")


def test_variants_stand_under_their_type():
    lines = [line.strip() for line in render_help(SampleConfig, "").splitlines()]
    fake, openai = lines.index("With engine.type=fake:"), lines.index("With engine.type=openai:")
    at = next(i for i, line in enumerate(lines) if line.startswith("engine.base_url"))
    assert openai < at < fake


def test_maps_of_sections_are_listed():
    keys = {entry.key for entry in list_fields(EvalConfig)}
    assert "benchmarks.<name>.kind" in keys


@pytest.mark.parametrize("verb", VERBS)
def test_every_field_of_every_verb_is_listed_and_documented(verb):
    cls = VERBS[verb].load_config_class()
    entries = list_fields(cls)
    keys = [entry.key for entry in entries]
    for name in cls.model_fields:
        assert any(key == name or key.startswith(f"{name}.") for key in keys), name
    undocumented = [entry.key for entry in entries if not entry.doc]
    assert undocumented == []
    assert len({(e.key, e.variant) for e in entries}) == len(entries)


def test_shapes():
    class A(Config):
        x: int = 0

    assert parse_shape(A | None).kind == "model"
    assert parse_shape(dict[str, A]).kind == "map"
    assert parse_shape(tuple[int, ...]).kind == "list"
    assert parse_shape(int | str).kind == "leaf"
