"""Engines that give numbers, where the stage asks what they are: identity, place, name, options."""

import pytest

from alignray.config.judge_engines import ModerationEngineConfig, RewardEngineConfig
from alignray.errors import ModelError
from alignray.inference.engine import build_engine, get_model_label
from alignray.inference.identity import describe_engine
from alignray.inference.moderation_engine import ModerationEngine
from alignray.inference.opening import resolve_engine
from alignray.inference.reward_engine import RewardEngine

HUB = "OpenAssistant/reward-model-deberta-v3-large-v2"


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "config.json").write_text("{}")
    return tmp_path


def test_configurations_become_their_engines():
    assert isinstance(build_engine(RewardEngineConfig(model_name_or_path=HUB)), RewardEngine)
    assert isinstance(build_engine(ModerationEngineConfig()), ModerationEngine)


def test_names_in_rows():
    reward = RewardEngineConfig(model_name_or_path=HUB)
    assert get_model_label(reward) == "reward-model-deberta-v3-large-v2"
    assert get_model_label(ModerationEngineConfig()) == "omni-moderation-latest"


def test_a_reward_model_is_its_files_and_how_texts_are_put(folder):
    config = RewardEngineConfig(model_name_or_path=str(folder))
    known = describe_engine(config)
    assert describe_engine(config.model_copy(update={"form": "hh"})) != known
    assert describe_engine(config.model_copy(update={"truncate": True})) != known
    (folder / "config.json").write_text('{"num_labels": 1}')
    assert describe_engine(config) != known


def test_actors_get_an_absolute_path(folder, monkeypatch):
    monkeypatch.chdir(folder.parent)
    config = RewardEngineConfig(model_name_or_path=f"./{folder.name}")
    assert resolve_engine(config).model_name_or_path == str(folder.resolve())
    with pytest.raises(ModelError, match="no such model directory"):
        resolve_engine(RewardEngineConfig(model_name_or_path="./absent"))
    moderation = ModerationEngineConfig()
    assert resolve_engine(moderation) is moderation


def test_ray_reserves_what_the_configuration_says():
    from alignray.inference.on_ray import build_actor_options

    reward = RewardEngineConfig(model_name_or_path=HUB, resources={"num_gpus": 0.5, "num_cpus": 2})
    assert build_actor_options(reward) == {"num_cpus": 2, "num_gpus": 0.5}
    assert build_actor_options(ModerationEngineConfig()) == {"num_cpus": 0.5}
