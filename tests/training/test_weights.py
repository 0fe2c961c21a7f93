"""Sizes of weights: which files count, in a directory, in the hub's cache and on the hub."""

import json
from types import SimpleNamespace

import httpx2
import pytest
from huggingface_hub import HfApi, constants

from alignray.config.sft import SFTStageConfig
from alignray.training.strategy import measure_weights
from alignray.training.weights import INDEX_NAME, measure_hub_model, sum_weights

SHARDS = ("model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors")


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [
        ({"model.safetensors": 5, "config.json": 1, "pytorch_model.bin": 7}, 5),
        ({SHARDS[0]: 5, SHARDS[1]: 6, "consolidated.safetensors": 11}, 11),
        ({"weights.safetensors": 3}, 3),
        ({"pytorch_model-1.bin": 3, "pytorch_model-2.bin": 4, "training_args.bin": 9}, 7),
        ({"original/model.safetensors": 5}, None),
        ({"config.json": 1}, None),
    ],
)
def test_one_form_of_the_weights_counts(sizes, expected):
    assert sum_weights(sizes) == expected


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """A snapshot of owner/name in the hub's cache, with its configuration alone."""
    root = tmp_path / "models--owner--name"
    (root / "refs").mkdir(parents=True)
    (root / "refs" / "main").write_text("abc")
    snapshot = root / "snapshots" / "abc"
    snapshot.mkdir(parents=True)
    (snapshot / "config.json").write_text("{}")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    return snapshot


@pytest.fixture
def hub(monkeypatch):
    """What the hub says of owner/name, and what it was asked."""
    asked = []
    files = [SimpleNamespace(rfilename=name, size=50) for name in (*SHARDS, "README.md")]

    def tell(_, name, *, revision, files_metadata, timeout):
        asked.append((name, revision, files_metadata, timeout <= 10))
        return SimpleNamespace(siblings=files)

    monkeypatch.setattr(HfApi, "model_info", tell)
    return asked


def test_a_whole_snapshot_is_measured_without_the_hub(cache, hub):
    (cache / INDEX_NAME).write_text(json.dumps({"weight_map": {"a": SHARDS[0], "b": SHARDS[1]}}))
    for name in SHARDS:
        (cache / name).write_bytes(b"12345")
    assert measure_hub_model("owner/name", "main") == 10
    assert hub == []


def test_of_a_snapshot_without_all_weights_the_hub_is_asked(cache, hub):
    assert measure_hub_model("owner/name", "main") == 100
    (cache / INDEX_NAME).write_text(json.dumps({"weight_map": {"a": SHARDS[0], "b": SHARDS[1]}}))
    (cache / SHARDS[0]).write_bytes(b"12345")
    assert measure_hub_model("owner/name", "main") == 100
    assert measure_hub_model("owner/name", "v2") == 100
    assert hub == [("owner/name", name, True, True) for name in ("main", "main", "v2")]


@pytest.mark.parametrize(
    "error", [httpx2.ConnectError("no route"), OSError("offline"), ValueError("no such name")]
)
def test_nothing_is_known_where_nobody_tells(cache, monkeypatch, error):
    def fail(*_, **__):
        raise error

    monkeypatch.setattr(HfApi, "model_info", fail)
    assert measure_hub_model("owner/name", "main") is None


def test_offline_the_hub_is_not_asked(cache, monkeypatch):
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert measure_hub_model("owner/name", "main") is None


@pytest.mark.parametrize(
    ("stored", "dtype", "expected"),
    [
        ("bfloat16", "float32", 200),
        ("float32", "bfloat16", 50),
        ("bfloat16", "auto", 100),
        ("float32", "auto", 100),
        (None, "bfloat16", 100),
    ],
)
def test_weights_on_the_hub_count_in_the_type_they_are_loaded_in(
    cache, hub, monkeypatch, stored, dtype, expected
):
    from transformers import AutoConfig, LlamaConfig

    def load(*_, **__):
        if stored is None:
            raise OSError("no connection")
        return LlamaConfig(dtype=stored)

    monkeypatch.setattr(AutoConfig, "from_pretrained", load)
    config = SFTStageConfig(
        output_dir="o", dataset="d", model_name_or_path="owner/name", dtype=dtype
    )
    assert measure_weights(config) == expected
