"""Revisions and contexts: what is asked of the hub, for which model. The hub is a recording."""

import json

import pytest
from pydantic import ValidationError

from alignray.config.dpo import DPOStageConfig
from alignray.config.sft import SFTStageConfig
from alignray.training import policy
from alignray.training.policy import (
    get_context_length,
    get_max_length,
    load_reference,
    load_reference_weights,
    load_tokenizer,
)

BASE = {"output_dir": "o", "dataset": "d"}


@pytest.fixture(autouse=True)
def forget():
    policy._ask_context_length.cache_clear()


@pytest.fixture
def loaded(monkeypatch):
    """Names and revisions of what is loaded, instead of loading it."""
    from transformers import AutoModelForCausalLM

    calls = []

    def record(name, **arguments):
        calls.append((name, arguments.get("revision")))

    monkeypatch.setattr(AutoModelForCausalLM, "from_pretrained", record)
    return calls


def test_the_models_revision_is_of_its_own_tokenizer_alone(monkeypatch):
    calls = []
    monkeypatch.setattr(
        policy.ChatTokenizer, "load", lambda name, revision, **_: calls.append((name, revision))
    )
    own = {**BASE, "model_name_or_path": "a/b", "model_revision": "v2"}
    load_tokenizer(SFTStageConfig(**own))
    load_tokenizer(SFTStageConfig(**own, tokenizer_name_or_path="a/b"))
    load_tokenizer(SFTStageConfig(**own, tokenizer_name_or_path="c/d"))
    assert calls == [("a/b", "v2"), ("a/b", "v2"), ("c/d", "main")]


def test_the_reference_has_a_revision_of_its_own(loaded):
    own = {**BASE, "model_name_or_path": "a/b", "model_revision": "v2"}
    named = DPOStageConfig(**own, ref_model_name_or_path="c/d", ref_model_revision="v7")
    load_reference(named)
    load_reference_weights(named)
    load_reference_weights(DPOStageConfig(**own))
    load_reference_weights(DPOStageConfig(**own, ref_model_name_or_path="c/d"))
    assert loaded == [("c/d", "v7"), ("c/d", "v7"), ("a/b", "v2"), ("c/d", "main")]
    assert load_reference(DPOStageConfig(**own)) is None


def test_a_directory_has_no_revision(loaded, tiny_model):
    config = DPOStageConfig(
        **BASE, model_name_or_path="a/b", ref_model_name_or_path=str(tiny_model)
    )
    load_reference(config)
    load_reference_weights(config)
    assert loaded == [(str(tiny_model), None)] * 2


def test_a_revision_without_a_reference_is_refused():
    with pytest.raises(ValidationError, match="there is no ref_model_name_or_path"):
        DPOStageConfig(**BASE, model_name_or_path="a/b", ref_model_revision="v7")


@pytest.mark.parametrize(
    ("content", "length"),
    [
        ({"model_type": "llama", "max_position_embeddings": 96}, 96),
        ({"model_type": "gpt2", "n_positions": 80}, 80),
        ({"model_type": "gemma3", "text_config": {"max_position_embeddings": 72}}, 72),
        ({"model_type": "bloom"}, None),
        ({"model_type": "novel", "max_position_embeddings": 64}, 64),
        ({"model_type": "novel"}, None),
    ],
)
def test_the_context_by_whichever_name_the_model_has_it(tmp_path, content, length):
    (tmp_path / "config.json").write_text(json.dumps(content))
    config = SFTStageConfig(**BASE, model_name_or_path=str(tmp_path), max_length=1024)
    assert get_context_length(config) == length
    assert get_max_length(config) == (length or 1024)


def test_the_context_of_a_model_on_the_hub_bounds_rows_and_is_asked_once(monkeypatch):
    from transformers import AutoConfig, GPT2Config

    asked = []

    def answer(name, revision):
        asked.append((name, revision))
        return GPT2Config(n_positions=48)

    monkeypatch.setattr(AutoConfig, "from_pretrained", answer)
    config = SFTStageConfig(**BASE, model_name_or_path="a/b", model_revision="v2")
    assert [get_max_length(config), get_max_length(config)] == [48, 48]
    assert asked == [("a/b", "v2")]


def test_a_hub_out_of_reach_bounds_nothing(monkeypatch):
    from transformers import AutoConfig

    def fail(*_, **__):
        raise OSError("no connection")

    monkeypatch.setattr(AutoConfig, "from_pretrained", fail)
    assert get_max_length(SFTStageConfig(**BASE, model_name_or_path="a/b", max_length=77)) == 77
