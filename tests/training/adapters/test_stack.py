"""Adapters on adapters: what is trained on, and what is written, by their logits."""

import json
import math
import os

import pytest
import torch

from alignray.config.dpo import DPOStageConfig
from alignray.config.sft import SFTStageConfig
from alignray.training.adapters.stack import MERGED_DIR, finish_model, prepare_base, writes_adapter
from tests.training.conftest import build_dialogues, build_pairs, write_rows
from tests.training.made_adapters import compute_logits, write_random_adapter


def make(base, adapter, mode, out="o", **fields):
    return SFTStageConfig(
        output_dir=str(out),
        model_name_or_path=str(base),
        adapter_name_or_path=str(adapter),
        adapter_mode=mode,
        **{"dataset": "d", **fields},
    )


@pytest.fixture(scope="module")
def first(tiny_model, tmp_path_factory):
    return write_random_adapter(tiny_model, tmp_path_factory.mktemp("adapters") / "first")


def load(base):
    from transformers import AutoModelForCausalLM

    return AutoModelForCausalLM.from_pretrained(base)


def load_adapted(base, *adapters):
    """Stock PEFT: one adapter after the other, each merged before the next."""
    from peft import PeftModel

    model = load(base)
    for adapter in adapters:
        model = PeftModel.from_pretrained(model, adapter).merge_and_unload()
    return model


def test_going_on_changes_nothing(tiny_model, first, tmp_path):
    config = make(tiny_model, first, "continue")
    assert prepare_base(config, tmp_path) is config
    assert writes_adapter(config)
    assert not (tmp_path / MERGED_DIR).exists()


def test_the_base_of_the_training_is_the_merged_model(tiny_model, first, tmp_path):
    prepared = prepare_base(make(tiny_model, first, "stack"), tmp_path)
    assert prepared.model_name_or_path == str(tmp_path / MERGED_DIR)
    assert prepared.adapter_name_or_path is None
    assert prepared.tokenizer_name_or_path == str(tiny_model)
    logits = compute_logits(load(prepared.model_name_or_path))
    torch.testing.assert_close(logits, compute_logits(load_adapted(tiny_model, first)))
    assert (logits - compute_logits(load(tiny_model))).abs().max() > 1e-3
    assert [path.name for path in tmp_path.iterdir()] == [MERGED_DIR]


def test_a_resumed_run_uses_the_merged_model_again(tiny_model, first, tmp_path):
    config = make(tiny_model, first, "merge")
    (tmp_path / f".{MERGED_DIR}.tmp").mkdir()  # what a killed run leaves
    prepare_base(config, tmp_path)
    before = (tmp_path / MERGED_DIR / "model.safetensors").stat().st_mtime_ns
    prepare_base(config, tmp_path)
    assert (tmp_path / MERGED_DIR / "model.safetensors").stat().st_mtime_ns == before


@pytest.fixture
def trained(tiny_model, first, tmp_path):
    """As the trainer leaves it: the merged base, and an adapter of another rank on it."""

    def build(mode):
        config = make(tiny_model, first, mode)
        prepare_base(config, tmp_path)
        merged = tmp_path / MERGED_DIR
        model_dir = tmp_path / "model"
        write_random_adapter(merged, model_dir, 1, r=3, target_modules=["q_proj", "o_proj"])
        expected = compute_logits(load_adapted(merged, model_dir))
        finish_model(config, tmp_path, model_dir)
        return config, model_dir, expected

    return build


def test_stack_writes_one_adapter_of_the_original_base(tiny_model, trained):
    from peft import AutoPeftModelForCausalLM

    config, model_dir, expected = trained("stack")
    assert writes_adapter(config)
    written = json.loads((model_dir / "adapter_config.json").read_text())
    assert written["base_model_name_or_path"] == str(tiny_model)
    assert written["r"] == written["lora_alpha"] == 7
    assert written["target_modules"] == ["o_proj", "q_proj", "v_proj"]
    logits = compute_logits(AutoPeftModelForCausalLM.from_pretrained(model_dir))
    torch.testing.assert_close(logits, expected, rtol=1e-4, atol=1e-5)


def test_merge_writes_all_weights(trained):
    config, model_dir, expected = trained("merge")
    assert not writes_adapter(config)
    names = {path.name for path in model_dir.iterdir()}
    assert not {name for name in names if name.startswith("adapter_")}
    assert {"config.json", "model.safetensors"} <= names
    torch.testing.assert_close(compute_logits(load(model_dir)), expected, rtol=1e-5, atol=1e-6)


def test_no_file_names_the_temporary_base(trained):
    for mode in ("stack", "merge"):
        _, model_dir, _ = trained(mode)
        for path in model_dir.glob("*.json"):
            assert MERGED_DIR not in path.read_text(), path.name


@pytest.fixture(scope="module")
def ray_session():
    from alignray.inference.cluster import connect

    with connect("local"):
        yield


BASICS = ("output_dir", "model_name_or_path", "adapter_name_or_path", "adapter_mode")
SHORT = {
    "learning_rate": 5e-3,
    "max_steps": 2,
    "train_batch_size": 8,
    "logging_steps": 1,
    "lora_r": 2,
    "lora_alpha": 4,
}


def run_on_top(tiny_model, first, out, mode, strategy):
    """Two workers; stack is trained by SFT, merge by DPO."""
    from alignray.training.on_ray import run_dpo, run_sft

    rows = build_dialogues(16) if mode == "stack" else build_pairs(16)
    dataset = write_rows(out.parent / "rows.parquet", rows)
    resources = {"num_workers": 2, "per_device_train_batch_size": 4, "strategy": strategy}
    fields = {"dataset": str(dataset), "resources": resources, **SHORT}
    config = make(tiny_model, os.path.relpath(first), mode, out, **fields)
    if mode == "stack":
        return run_sft(config)
    return run_dpo(DPOStageConfig(**{name: getattr(config, name) for name in BASICS}, **fields))


@pytest.mark.heavy
@pytest.mark.parametrize(("mode", "strategy"), [("stack", "zero3"), ("merge", "zero2")])
def test_a_whole_training_on_top_of_an_adapter(
    tiny_model, first, tmp_path, ray_session, mode, strategy
):
    """The result starts from base and adapter, and has moved; the temporary base is gone."""
    out = tmp_path / "out"
    record = run_on_top(tiny_model, first, out, mode, strategy)
    assert record["metrics"]["steps"] == 2
    if mode == "merge":  # the reference is the merged model
        assert record["metrics"]["curve"][0]["loss"] == pytest.approx(math.log(2), abs=1e-6)
    assert not (out / MERGED_DIR).exists()
    assert not [name for name in record["outputs"] if MERGED_DIR in name]
    start = compute_logits(load_adapted(tiny_model, first))
    result = load_adapted(tiny_model, out / "model") if mode == "stack" else load(out / "model")
    moved = (compute_logits(result) - start).abs().max()
    assert 1e-4 < moved < 1.0
    assert "tokenizer_config.json" in {path.name for path in (out / "model").iterdir()}
