"""The probe passes models whose texts keep apart and catches those whose do not."""

import pytest
import torch

from alignray.config.sft import SFTStageConfig
from alignray.errors import ConfigError, TrainingError
from alignray.training.probe import check_packing, settle_layout
from alignray.training.sft_trainer import SFTCollator
from tests.training.test_pair_layout import build_model

PACKED = SFTStageConfig(output_dir="o", model_name_or_path="m", dataset="d", packing=True)


def build_headed(kind: str, attention: str = "sdpa"):
    from trl.trainer.utils import add_fused_lm_head

    model = build_model(kind, attention) if kind in ("llama", "opt") else build_other(kind)
    add_fused_lm_head(model)
    return model


def build_other(kind: str):
    import transformers

    torch.manual_seed(0)
    shared = {"vocab_size": 64, "hidden_size": 32, "num_hidden_layers": 2, "pad_token_id": 0}
    if kind == "gpt_neo":
        config = transformers.GPTNeoConfig(
            num_layers=2, num_heads=4, attention_types=[[["local"], 2]], window_size=4,
            max_position_embeddings=64, **{k: v for k, v in shared.items() if "layers" not in k},
        )  # fmt: skip
    elif kind == "falcon_alibi":
        config = transformers.FalconConfig(num_attention_heads=4, alibi=True, **shared)
    else:
        config = transformers.Lfm2Config(
            intermediate_size=48, num_attention_heads=4, num_key_value_heads=2,
            layer_types=["conv", "full_attention"], **shared,
        )  # fmt: skip
    model = transformers.AutoModelForCausalLM.from_config(config)
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    return model


@pytest.mark.parametrize(
    ("kind", "attention"), [("llama", "sdpa"), ("llama", "eager"), ("opt", "sdpa")]
)
def test_models_that_follow_a_mask_share_the_prefix(kind, attention):
    model = build_headed(kind, attention)
    assert settle_layout([model], model, "auto") == "shared_prefix"
    assert settle_layout([model], model, "shared_prefix") == "shared_prefix"


@pytest.mark.parametrize("kind", ["lfm2", "falcon_alibi", "gpt_neo"])
def test_models_that_do_not_are_padded_or_refused(kind):
    model = build_headed(kind)
    assert settle_layout([model], model, "auto") == "padded"
    with pytest.raises(ConfigError, match=r"set resources\.layout=padded"):
        settle_layout([model], model, "shared_prefix")


def test_a_reference_that_does_not_counts_as_well():
    policy = build_headed("llama")
    assert settle_layout([policy, build_headed("lfm2")], policy, "auto") == "padded"


def test_bfloat16_does_not_blur_the_verdict():
    model = build_headed("llama").to(torch.bfloat16)
    assert settle_layout([model], model, "auto") == "shared_prefix"
    other = build_headed("lfm2").to(torch.bfloat16)
    assert settle_layout([other], other, "auto") == "padded"


def test_packing_passes_where_positions_start_anew():
    model = build_headed("llama").train()
    check_packing(model, model, SFTCollator(PACKED, 0))
    assert model.training


@pytest.mark.parametrize("kind", ["opt", "lfm2", "falcon_alibi"])
def test_packing_is_refused_where_they_do_not(kind):
    model = build_headed(kind)
    with pytest.raises(TrainingError, match="set packing=false"):
        check_packing(model, model, SFTCollator(PACKED, 0))


def test_flash_kernels_get_all_sequences_as_one():
    config = PACKED.model_copy(
        update={"resources": PACKED.resources.model_copy(
            update={"attn_implementation": "flash_attention_2"})}
    )  # fmt: skip
    rows = [
        {"input_ids": [5, 6, 7], "labels": [5, 6, 7], "lengths": [2, 1], "weights": [1.0, 1.0],
         "row": 4},
        {"input_ids": [8, 9], "labels": [8, 9], "lengths": [2], "weights": [1.0], "row": 5},
    ]  # fmt: skip
    batch = SFTCollator(config, 0)(rows)
    assert batch["input_ids"].tolist() == [[5, 6, 7, 8, 9]]
    assert batch["position_ids"].tolist() == [[0, 1, 0, 0, 1]]
    assert batch["owner"].tolist() == [[0, 0, 0, 1, 1]]
    assert batch["token_weights"].tolist() == [[0, 1, 0, 0, 1]]
    assert batch["rows"].tolist() == [4, 5] and batch["documents"].tolist() == [2, 1]
