"""Modules that a new adapter names are looked up in the model before any work."""

import pytest

from alignray.config.sft import SFTStageConfig
from alignray.errors import ConfigError, ModelError
from alignray.training.adapters.modules import check_modules, list_modules
from alignray.training.policy import check_model


def make(model, **fields):
    return SFTStageConfig(output_dir="o", dataset="d", model_name_or_path=str(model), **fields)


def complain(config) -> str:
    with pytest.raises(ConfigError) as caught:
        check_model(config)
    assert "\n" not in str(caught.value)
    return str(caught.value).replace(config.model_name_or_path, "MODEL")


def test_one_mistyped_module_among_good_ones_is_named(tiny_model):
    assert complain(make(tiny_model, lora_target_modules=["v_proj", "q_prj"])) == (
        "lora_target_modules: MODEL has no module `q_prj` that takes an adapter;"
        " did you mean `q_proj`?"
    )
    found = complain(make(tiny_model, lora_target_modules=["self_atn.q_proj"]))
    assert "did you mean `self_attn.q_proj`?" in found
    found = complain(make(tiny_model, lora_modules_to_save=["embed_token"]))
    assert "no module `embed_token`; did you mean `embed_tokens`?" in found


def test_where_none_is_near_some_are_shown(tiny_model):
    found = complain(make(tiny_model, lora_target_modules=["c_attn"]))
    assert "expected modules such as embed_tokens, q_proj, k_proj" in found


def test_a_module_that_takes_no_adapter_is_refused(tiny_model):
    assert "no module `self_attn` that" in complain(
        make(tiny_model, lora_target_modules=["self_attn"])
    )


@pytest.mark.parametrize(
    "fields",
    [
        {"lora_target_modules": ["q_proj", "self_attn.v_proj", "model.layers.1.mlp.up_proj"]},
        {"lora_modules_to_save": ["embed_tokens", "norm"]},
        {"lora_target_modules": ["no_such"], "use_peft": False},
        {},
    ],
)
def test_what_is_there_or_not_asked_for_is_accepted(tiny_model, fields):
    check_modules(make(tiny_model, **fields))
    with pytest.raises(ConfigError, match="no_such"):
        check_modules(
            make(tiny_model, **(fields | {"lora_target_modules": ["no_such"], "use_peft": True}))
        )


def test_peft_takes_what_counts_as_adaptable(tiny_model):
    from peft import LoraConfig, get_peft_model

    from alignray.training.adapters.modules import _ADAPTABLE, build_weightless

    for name, kind in list_modules(str(tiny_model)).items():
        model = build_weightless(str(tiny_model))
        asked = LoraConfig(task_type="CAUSAL_LM", target_modules=[name])
        if kind in _ADAPTABLE:
            get_peft_model(model, asked)
        elif not any(other.startswith(f"{name}.") for other in list_modules(str(tiny_model))):
            with pytest.raises(ValueError, match="is not supported"):
                get_peft_model(model, asked)


def test_a_model_that_cannot_be_built_is_one_line(tmp_path):
    (tmp_path / "config.json").write_text('{"model_type": "no_such_type"}')
    with pytest.raises(ModelError, match="no model that transformers can build") as caught:
        check_modules(make(tmp_path, lora_target_modules=["q_proj"]))
    assert "\n" not in str(caught.value)
