"""Which engine serves which model, and what is refused before anything starts."""

import json

import pytest
from pydantic import ValidationError

from alignray.config.inference import VLLMEngineConfig
from alignray.errors import ConfigError, ModelError
from alignray.evaluation.engines import plan_engines
from tests.evaluation.made_up import build_config


def write_model(folder, hidden=8):
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps({"hidden_size": hidden}))
    return str(folder)


def write_adapter(folder, base, r=8, **extra):
    folder.mkdir(parents=True)
    config = {"base_model_name_or_path": base, "r": r, **extra}
    (folder / "adapter_config.json").write_text(json.dumps(config))
    return str(folder)


@pytest.fixture
def base(tmp_path):
    return write_model(tmp_path / "base")


def plan(base, models):
    engine = VLLMEngineConfig(model_name_or_path=base)
    return plan_engines(build_config(engine=engine, models=models))


def test_base_and_all_adapters_share_one_engine(tmp_path, base):
    sft = write_adapter(tmp_path / "sft", base)
    dpo = write_adapter(tmp_path / "dpo", base, r=24)
    [group] = plan(base, {"base": None, "sft": sft, "dpo": dpo})
    assert group.models == {"base": None, "sft": "sft", "dpo": "dpo"}
    assert group.engine.adapters == {"sft": sft, "dpo": dpo}
    assert group.engine.max_lora_rank == 32


def test_full_models_get_engines_of_their_own_after_the_shared_one(tmp_path, base):
    full = write_model(tmp_path / "full", hidden=16)
    adapter = write_adapter(tmp_path / "sft", base)
    shared, own = plan(base, {"full": full, "base": None, "sft": adapter})
    assert (shared.name, list(shared.models)) == ("shared", ["base", "sft"])
    assert (own.name, own.models, own.engine.model_name_or_path) == (
        "full-full",
        {"full": None},
        full,
    )
    assert own.engine.adapters == {}


def test_full_models_alone_need_no_shared_engine(tmp_path, base):
    full = write_model(tmp_path / "full")
    assert [group.name for group in plan(base, {"shared": full})] == ["full-shared"]


def test_adapter_of_another_base_is_refused_by_content_not_by_path(tmp_path, base):
    other = write_model(tmp_path / "other", hidden=16)
    copy = write_model(tmp_path / "copy")
    assert plan(base, {"a": write_adapter(tmp_path / "a", copy)})
    assert plan(base, {"a": write_adapter(tmp_path / "gone", str(tmp_path / "moved"))})
    with pytest.raises(ModelError, match=r"models\.b: an adapter of"):
        plan(base, {"b": write_adapter(tmp_path / "b", other)})


def test_rank_pattern_counts(tmp_path, base):
    adapter = write_adapter(tmp_path / "a", base, r=4, rank_pattern={"q_proj": 100})
    [group] = plan(base, {"a": adapter})
    assert group.engine.max_lora_rank == 128


def test_a_server_cannot_load_a_model(base):
    config = build_config(
        engine={"type": "openai", "model": "m"}, models={"base": None, "sft": base}
    )
    with pytest.raises(ConfigError, match=r"models\.sft"):
        plan_engines(config)


@pytest.mark.parametrize("name", ["", "../x", "a/b", ".hidden", "a b", "é", "x" * 65])
def test_names_that_are_paths_or_worse_are_refused(name):
    with pytest.raises(ValidationError, match="1 to 64"):
        build_config(models={name: None})


def test_models_count_by_name_order_and_content_not_by_path(tmp_path, base):
    def identity(models):
        return build_config(models=models).identity()

    assert identity({"base": None, "a": base}) == identity({"base": None, "a": "elsewhere"})
    assert identity({"base": None, "a": base}) != identity({"a": base, "base": None})
    assert identity({"base": None, "a": base}) != identity({"base": None, "b": base})
    assert identity({"base": None}) != identity({"base": base})
    assert build_config(models={"base": None, "a": base}).inputs()["models.a"] == ("model", base)


def test_one_answer_per_prompt():
    with pytest.raises(ValidationError, match="n is 2, must be 1"):
        build_config(sampling={"n": 2})
