"""An adapter of another base, or of another shape, is one line before any work."""

import json
import shutil

import pytest

from alignray.config.sft import SFTStageConfig
from alignray.errors import ModelError
from alignray.training.adapters.fit import check_adapter
from tests.training.conftest import build_model
from tests.training.made_adapters import write_random_adapter


@pytest.fixture(scope="module")
def adapter(tiny_model, tmp_path_factory):
    return write_random_adapter(tiny_model, tmp_path_factory.mktemp("adapters") / "one")


def make(base, adapter, **fields):
    return SFTStageConfig(
        output_dir="o",
        dataset="d",
        model_name_or_path=str(base),
        adapter_name_or_path=str(adapter),
        **{"adapter_mode": "stack", **fields},
    )


def edit(adapter, directory, **settings):
    """A copy of an adapter with other words in adapter_config.json."""
    shutil.copytree(adapter, directory)
    path = directory / "adapter_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | settings))
    return directory


def complain(config) -> str:
    with pytest.raises(ModelError) as caught:
        check_adapter(config)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("mode", ["stack", "merge"])
def test_the_new_adapter_may_have_another_shape(tiny_model, adapter, mode):
    wide = make(tiny_model, adapter, lora_r=64)
    assert "set lora_r" in complain(wide.model_copy(update={"adapter_mode": "continue"}))
    check_adapter(wide.model_copy(update={"adapter_mode": mode}))


def test_going_on_keeps_the_shape(tiny_model, adapter):
    text = complain(make(tiny_model, adapter, adapter_mode="continue", lora_r=16))
    assert "adapter with r=4; expected r=16 as configured; set lora_r" in text


def test_a_base_of_other_shapes_is_refused(tiny_model, adapter, tmp_path):
    moved = edit(adapter, tmp_path / "moved", base_model_name_or_path="/gone/base")
    check_adapter(make(tiny_model, moved))
    wide = build_model(260)
    wide.config.hidden_size = 32
    type(wide)(wide.config).save_pretrained(tmp_path / "narrow")
    text = complain(make(tmp_path / "narrow", moved))
    assert "adapter of another base: model.layers.0.self_attn.q_proj is 64 x 64" in text
    assert "the base's 32 x 32" in text or "the base's 64 x 32" in text
    assert "(4 of 4 modules do not fit)" in text


def test_a_base_without_those_modules_is_refused(adapter, tmp_path):
    from transformers import GPT2Config, GPT2LMHeadModel

    moved = edit(adapter, tmp_path / "moved", base_model_name_or_path="")
    GPT2LMHeadModel(
        GPT2Config(vocab_size=260, n_embd=64, n_layer=1, n_head=2, n_positions=64)
    ).save_pretrained(tmp_path / "gpt2")
    text = complain(make(tmp_path / "gpt2", moved))
    assert "it has no model.layers.0.self_attn.q_proj" in text


def test_other_weights_of_the_same_shape_are_refused(tiny_model, adapter, tmp_path):
    build_model(259, seed=1).save_pretrained(tmp_path / "other")
    named = json.loads((adapter / "adapter_config.json").read_text())["base_model_name_or_path"]
    text = complain(make(tmp_path / "other", adapter))
    assert f"adapter of {named}" in text
    assert "adapter_config.json" in text
    shutil.copytree(tiny_model, tmp_path / "copy")
    check_adapter(make(tmp_path / "copy", adapter))


def test_other_names_on_the_hub_are_refused(adapter, tmp_path):
    hub = edit(adapter, tmp_path / "hub", base_model_name_or_path="owner/base")
    check_adapter(make("owner/base", hub))
    assert "adapter of owner/base; expected one of owner/chat" in complain(make("owner/chat", hub))


def test_dora_can_be_merged_but_not_stacked(tiny_model, adapter, tmp_path):
    dora = edit(adapter, tmp_path / "dora", use_dora=True)
    assert "adapter with use_dora=True; expected plain LoRA" in complain(make(tiny_model, dora))
    check_adapter(make(tiny_model, dora, adapter_mode="merge"))


def test_a_module_whole_and_by_lora_is_refused(tiny_model, adapter):
    text = complain(make(tiny_model, adapter, lora_modules_to_save=["q_proj"]))
    assert "q_proj is trained whole in one adapter and by LoRA in the other" in text


def test_a_layer_that_files_do_not_name_is_looked_up_in_the_model(tiny_model, tmp_path):
    """The output layer is tied to the embedding, so no file has it."""
    head = write_random_adapter(tiny_model, tmp_path / "head", target_modules=["lm_head"])
    check_adapter(make(tiny_model, head))
    moved = edit(head, tmp_path / "moved", base_model_name_or_path="/gone/base")
    build_model(300).save_pretrained(tmp_path / "more_tokens")
    text = complain(make(tmp_path / "more_tokens", moved))
    assert "adapter of another base: lm_head is 259 x 64, the base's 300 x 64" in text
