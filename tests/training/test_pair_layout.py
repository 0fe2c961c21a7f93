"""Both layouts give the same log-probabilities and gradients; branches do not see each other."""

import pytest
import torch

from alignray.training.dpo_scores import score_branches, weigh_tail
from alignray.training.pair_layout import (
    CHOSEN,
    REJECTED,
    build_branch_mask,
    build_model_inputs,
    collate_pairs,
    count_tokens,
    supports_masks,
)

PAIRS = [
    {"prompt_ids": [5, 6, 7], "chosen_ids": [8, 9], "rejected_ids": [10], "row": 0},
    {"prompt_ids": [11], "chosen_ids": [12, 13, 14], "rejected_ids": [15, 16], "row": 1},
    {"prompt_ids": list(range(20, 32)), "chosen_ids": [3], "rejected_ids": [4] * 9, "row": 2},
]


def test_a_shared_pair_by_hand():
    batch = collate_pairs(PAIRS[:1], 0, "shared_prefix")
    assert batch["input_ids"].tolist() == [[5, 6, 7, 8, 7]]
    assert batch["position_ids"].tolist() == [[0, 1, 2, 3, 2]]
    assert batch["labels"].tolist() == [[-100, -100, 8, 9, 10]]
    assert batch["branch"].tolist() == [[0, 0, CHOSEN, CHOSEN, REJECTED]]


def test_a_padded_pair_by_hand():
    batch = collate_pairs(PAIRS[:1], 0, "padded")
    assert batch["input_ids"].tolist() == [[5, 6, 7, 8], [5, 6, 7, 0]]
    assert batch["labels"].tolist() == [[-100, -100, 8, 9], [-100, -100, 10, -100]]
    assert batch["attention_mask"].tolist() == [[1, 1, 1, 1], [1, 1, 1, 0]]


def test_what_a_position_sees():
    seen = build_branch_mask(torch.tensor([[0, 0, 1, 1, 2, -1]]))[0, 0].int().tolist()
    assert seen == [
        [1, 0, 0, 0, 0, 0],
        [1, 1, 0, 0, 0, 0],
        [1, 1, 1, 0, 0, 0],
        [1, 1, 1, 1, 0, 0],
        [1, 1, 0, 0, 1, 0],
        [1, 1, 0, 0, 0, 1],
    ]


def build_model(kind: str, attention: str):
    import transformers

    torch.manual_seed(0)
    shared = {"vocab_size": 64, "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2}
    if kind == "llama":
        config = transformers.LlamaConfig(
            hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4,
            num_key_value_heads=2, max_position_embeddings=64, **shared,
        )  # fmt: skip
    elif kind == "opt":
        config = transformers.OPTConfig(
            hidden_size=32, ffn_dim=48, num_hidden_layers=2, num_attention_heads=4,
            max_position_embeddings=64, word_embed_proj_dim=32, dropout=0.0, **shared,
        )  # fmt: skip
    else:
        config = transformers.GPTNeoXConfig(
            hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4,
            max_position_embeddings=64, **shared,
        )  # fmt: skip
    model = transformers.AutoModelForCausalLM.from_config(config, attn_implementation=attention)
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    return model


def score(model, layout, pairs=PAIRS, alpha=None):
    from trl.trainer.utils import add_fused_lm_head

    if not hasattr(model, "has_head"):
        add_fused_lm_head(model, outputs=("log_probs", "entropy", "mean_logits", "is_top1"))
        model.has_head = True
    batch = collate_pairs(pairs, 0, layout)
    outputs = model(
        **build_model_inputs(batch, layout, model),
        shift_labels=batch["labels"],
        use_cache=False,
        fused_lm_head=True,
    )
    return score_branches(outputs, batch, weigh_tail(batch, alpha))


@pytest.mark.parametrize("attention", ["sdpa", "eager"])
@pytest.mark.parametrize("kind", ["llama", "opt", "gpt_neox"])
def test_the_layouts_agree(kind, attention):
    model = build_model(kind, attention)
    assert supports_masks(model.config, attention)
    padded, shared = score(model, "padded"), score(model, "shared_prefix")
    for name in ("chosen_B", "rejected_B", "chosen_logp_B", "fields"):
        one, other = getattr(padded, name), getattr(shared, name)
        assert torch.allclose(one, other, atol=1e-4, rtol=1e-5), name
    assert padded.chosen_tokens_B.tolist() == shared.chosen_tokens_B.tolist() == [2, 3, 1]


def test_the_padded_scores_are_plain_log_probabilities():
    model = build_model("llama", "sdpa")
    found = score(model, "padded").chosen_B
    for at, pair in enumerate(PAIRS):
        ids = torch.tensor([pair["prompt_ids"] + pair["chosen_ids"]])
        logp = model(input_ids=ids).logits[0, :-1].log_softmax(-1)
        taken = logp.gather(-1, ids[0, 1:, None])[len(pair["prompt_ids"]) - 1 :, 0]
        assert found[at].item() == pytest.approx(taken.sum().item(), abs=1e-4)


def test_gradients_agree():
    grads = []
    for layout in ("padded", "shared_prefix"):
        model = build_model("llama", "sdpa")
        scores = score(model, layout)
        (scores.chosen_B - scores.rejected_B).sum().backward()
        grads.append(torch.cat([p.grad.flatten() for p in model.parameters()]))
    assert torch.allclose(grads[0], grads[1], atol=1e-3, rtol=1e-4)


def test_a_branch_does_not_see_the_other():
    model = build_model("llama", "sdpa")
    changed = [{**pair, "chosen_ids": [*pair["chosen_ids"][::-1], 33, 34]} for pair in PAIRS]
    before, after = score(model, "shared_prefix"), score(model, "shared_prefix", changed)
    assert torch.allclose(before.rejected_B, after.rejected_B, atol=1e-5)
    assert not torch.allclose(before.chosen_B, after.chosen_B, atol=1e-2)


@pytest.mark.parametrize("layout", ["padded", "shared_prefix"])
def test_the_tail_beyond_the_shorter_response_weighs_alpha(layout):
    batch = collate_pairs(PAIRS[:1], 0, layout)
    weights = weigh_tail(batch, 0.25)
    responses = weights[batch["branch"] > 0]
    assert sorted(responses.tolist()) == [0.25, 1.0, 1.0]
    model = build_model("llama", "sdpa")
    assert torch.allclose(
        score(model, "padded", alpha=0.25).chosen_B,
        score(model, "shared_prefix", alpha=0.25).chosen_B,
        atol=1e-4,
    )


def test_sharing_saves_the_second_prompt():
    assert [count_tokens(pair, "padded") for pair in PAIRS] == [7, 5, 32]
    assert [count_tokens(pair, "shared_prefix") for pair in PAIRS] == [5, 5, 21]


def test_windows_and_flash_kernels_are_not_given_masks():
    from transformers import MistralConfig

    windowed = MistralConfig(sliding_window=16)
    assert not supports_masks(windowed, "auto")
    assert supports_masks(MistralConfig(sliding_window=None), "auto")
    assert not supports_masks(MistralConfig(sliding_window=None), "flash_attention_2")
