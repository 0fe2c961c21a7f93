"""Concatenated adapters: hand-computed products, and logits of a real model in PEFT."""

import math

import pytest
import torch

from alignray.errors import ModelError
from alignray.fusion.adapter import Adapter, load_adapter, write_adapter
from alignray.fusion.concatenation import check_summable, concatenate_adapters
from tests.training.conftest import build_model

Q = "base_model.model.model.layers.0.self_attn.q_proj"
V = "base_model.model.model.layers.0.self_attn.v_proj"


def make(rank, alpha, tensors, **config):
    names = sorted({name.rpartition(".")[2] for name in tensors})
    content = {"peft_type": "LORA", "r": rank, "lora_alpha": alpha, "target_modules": names}
    named = {}
    for module, (a, b) in tensors.items():
        named[f"{module}.lora_A.weight"] = torch.tensor(a, dtype=torch.float32)
        named[f"{module}.lora_B.weight"] = torch.tensor(b, dtype=torch.float32)
    return Adapter(content | config, named)


def product(adapter, module):
    a, b = (adapter.tensors[f"{module}.lora_{part}.weight"] for part in "AB")
    return b @ a * adapter.config["lora_alpha"] / adapter.config["r"]


def test_the_weighted_sum_of_the_specification():
    """r=1, alpha=4, weights .6 and .4: 2.4 * [[1, 2], [0, 0]] + 1.6 * [[0, 1], [0, 1]]."""
    first = make(1, 4, {Q: ([[1, 2]], [[1], [0]])})
    second = make(1, 4, {Q: ([[0, 1]], [[1], [1]])})
    joined = concatenate_adapters([first, second], [0.6, 0.4])
    assert joined.config["r"] == joined.config["lora_alpha"] == 2
    expected = torch.tensor([[2.4, 6.4], [0.0, 1.6]])
    torch.testing.assert_close(product(joined, Q), expected)


def test_ranks_and_modules_may_differ_and_the_product_is_exact():
    torch.manual_seed(0)
    a1, b1 = torch.randint(-8, 8, (2, 4)).tolist(), torch.randint(-8, 8, (4, 2)).tolist()
    a2, b2 = torch.randint(-8, 8, (3, 4)).tolist(), torch.randint(-8, 8, (4, 3)).tolist()
    first = make(2, 4, {Q: (a1, b1)})
    second = make(3, 12, {Q: (a2, b2), V: (a2, b2)})
    joined = concatenate_adapters([first, second], [1.0, 1.0])
    # Integers: equal to the last bit.
    assert product(joined, Q).equal(product(first, Q) + product(second, Q))
    assert product(joined, V).equal(product(second, V))
    assert joined.config["target_modules"] == ["q_proj", "v_proj"]
    assert joined.tensors[f"{V}.lora_A.weight"].shape == (5, 4)


def test_rslora_and_alpha_pattern_count():
    plain = make(4, 8, {Q: ([[1.0] * 2] * 4, [[1.0] * 4] * 2)}, alpha_pattern={"q_proj": 16})
    stabilised = make(4, 8, {Q: ([[1.0] * 2] * 4, [[1.0] * 4] * 2)}, use_rslora=True)
    joined = concatenate_adapters([plain, stabilised], [1.0, 1.0])
    assert product(joined, Q)[0, 0] == 4 * 16 / 4 + 4 * 8 / math.sqrt(4)
    assert joined.config["use_rslora"] is False


@pytest.mark.parametrize(
    ("setting", "named"),
    [
        ({"use_dora": True}, "use_dora=True"),
        ({"bias": "lora_only"}, "bias=lora_only"),
        ({"lora_bias": True}, "lora_bias=True"),
        ({"init_lora_weights": "pissa_niter_4"}, "init_lora_weights=pissa_niter_4"),
        ({"peft_type": "LOHA"}, "peft_type=LOHA"),
    ],
)
def test_what_is_not_a_plain_sum_is_refused_in_one_line(setting, named):
    config = {"peft_type": "LORA", "r": 1, "lora_alpha": 1, **setting}
    with pytest.raises(ModelError, match="plain LoRA") as caught:
        check_summable("my/adapter", config)
    assert named in str(caught.value)
    assert "\n" not in str(caught.value)


def test_half_a_pair_and_another_base_are_refused():
    first = make(1, 1, {Q: ([[1, 2]], [[1], [0]])})
    half = Adapter(first.config, {f"{Q}.lora_A.weight": torch.ones(1, 2)})
    with pytest.raises(ModelError, match="has lora_A alone"):
        concatenate_adapters([first, half], [1.0, 1.0])
    other = make(1, 1, {Q: ([[1, 2, 3]], [[1], [0]])})
    with pytest.raises(ModelError, match="adapters of one base"):
        concatenate_adapters([first, other], [1.0, 1.0])


def test_a_module_that_was_trained_whole_is_the_last_ones():
    embed = "base_model.model.model.embed_tokens.weight"
    first = make(1, 1, {Q: ([[1, 2]], [[1], [0]])}, modules_to_save=["embed_tokens"])
    second = Adapter(first.config, {**first.tensors, embed: torch.full((3, 2), 2.0)})
    first = Adapter(first.config, {**first.tensors, embed: torch.full((3, 2), 1.0)})
    joined = concatenate_adapters([first, second], [1.0, 1.0])
    assert joined.tensors[embed].equal(torch.full((3, 2), 2.0))
    assert joined.config["modules_to_save"] == ["embed_tokens"]


def train_at_random(model, seed):
    torch.manual_seed(seed)
    for name, parameter in model.named_parameters():
        if "lora_" in name:
            parameter.data.normal_(std=0.1)


def test_logits_are_those_of_one_adapter_after_the_other(tmp_path):
    """The first is merged, the second trained on that; the file alone, on the base, is both."""
    from peft import LoraConfig, PeftModel, get_peft_model

    ids = torch.tensor([[1, 50, 60, 2, 7]])
    model = build_model(260).double()
    shapes = [
        LoraConfig(r=4, lora_alpha=16, target_modules=["q_proj", "v_proj"], task_type="CAUSAL_LM"),
        LoraConfig(r=3, lora_alpha=3, target_modules="all-linear", use_rslora=True),
    ]
    for number, shape in enumerate(shapes):
        adapted = get_peft_model(model, shape, autocast_adapter_dtype=False)
        train_at_random(adapted, number)
        adapted.save_pretrained(tmp_path / str(number))
        model = adapted.merge_and_unload()
    expected = model(ids).logits
    joined = concatenate_adapters([load_adapter(tmp_path / str(n)) for n in (0, 1)], [1.0, 1.0])
    write_adapter(joined, tmp_path / "joined")
    base = build_model(260).double()
    plain = base(ids).logits
    loaded = PeftModel.from_pretrained(base, tmp_path / "joined", autocast_adapter_dtype=False)
    torch.testing.assert_close(loaded(ids).logits, expected, rtol=1e-12, atol=1e-12)
    assert (plain - expected).abs().max() > 1e-2
