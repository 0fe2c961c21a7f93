"""Loading reward models: what is refused, and that neighbours in a batch do not matter."""

import json

import pytest

from alignray.errors import ModelError
from alignray.inference.reward_model import RewardModelSettings, choose_logit, load_reward_model
from tests.inference.reward_models import build_deberta, build_llama


def build_settings(folder, **changes):
    fields = {
        "model": str(folder),
        "revision": "main",
        "dtype": "float32",
        "label": None,
        "max_length": 512,
        "batch_tokens": 8192,
        "pad_token_id": 0,
        "device": "cpu",
        "num_threads": 1,
    }
    return RewardModelSettings(**(fields | changes))


@pytest.mark.parametrize("build", [build_deberta, build_llama])
def test_a_reward_does_not_depend_on_its_neighbours(tmp_path, build):
    model = load_reward_model(build_settings(build(tmp_path)))
    texts = [[(7 * i + j) % 200 + 10 for j in range(5 + 23 * i)] for i in range(8)]
    types = [[0] * len(text) for text in texts]
    alone = [model.score([text], [kind])[0] for text, kind in zip(texts, types, strict=True)]
    assert model.score(texts, types) == pytest.approx(alone, abs=1e-5)
    assert model.score(texts[::-1], types[::-1]) == pytest.approx(alone[::-1], abs=1e-5)
    assert len({round(reward, 3) for reward in alone}) == 8


def test_without_a_padding_token_texts_go_one_by_one(tmp_path):
    model = load_reward_model(build_settings(build_llama(tmp_path), pad_token_id=None))
    texts = [[5, 6, 7, 8], [9, 10]]
    types = [[0] * 4, [0] * 2]
    alone = [model.score([text], [kind])[0] for text, kind in zip(texts, types, strict=True)]
    assert model.score(texts, types) == alone


def test_a_language_model_without_reward_head_is_refused(tmp_path):
    folder = build_llama(tmp_path, head=False)
    with pytest.raises(ModelError, match=r"weights without score\.weight"):
        load_reward_model(build_settings(folder))


def test_several_logits_need_a_label(tmp_path):
    names = {0: "safe", 1: "unsafe"}
    folder = build_deberta(tmp_path, num_labels=2, id2label=names)
    with pytest.raises(ModelError, match=r"2 logits: 0 \(safe\), 1 \(unsafe\).*label=NAME"):
        load_reward_model(build_settings(folder))
    text = ([[5, 6, 7]], [[0, 0, 0]])
    first, second, by_name = (
        load_reward_model(build_settings(folder, label=label)).score(*text)
        for label in ("0", "1", "unsafe")
    )
    assert first != second == by_name


def test_choice_of_the_logit():
    assert choose_logit("m", {0: "LABEL_0"}, None) == 0
    with pytest.raises(ModelError, match="no logit 'hate'"):
        choose_logit("m", {0: "a", 1: "b"}, "hate")


def test_more_tokens_than_positions_are_refused(tmp_path):
    with pytest.raises(ModelError, match="512 positions"):
        load_reward_model(build_settings(build_deberta(tmp_path), max_length=600))


def test_pickled_weights_are_refused(tmp_path):
    import torch
    from safetensors.torch import load_file

    folder = build_deberta(tmp_path)
    weights = folder / "model.safetensors"
    torch.save(load_file(weights), folder / "pytorch_model.bin")
    weights.unlink()
    with pytest.raises(ModelError, match="safetensors"):
        load_reward_model(build_settings(folder))


def test_code_of_a_repository_is_refused(tmp_path):
    folder = build_deberta(tmp_path)
    config = json.loads((folder / "config.json").read_text())
    config["model_type"] = "own"
    config["auto_map"] = {"AutoConfig": "own.Config"}
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "own.py").write_text("raise SystemExit('ran')\n")
    with pytest.raises(ModelError, match="without code of its own"):
        load_reward_model(build_settings(folder))
