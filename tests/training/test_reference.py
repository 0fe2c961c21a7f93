"""Cached reference log-probabilities: keys, going on, and the same losses as live ones."""

import errno

import pyarrow.parquet as pq
import pytest

from alignray import durable
from alignray.config.dpo import DPOStageConfig
from alignray.errors import StorageError, TrainingError
from alignray.training import reference
from alignray.training.reference import (
    ReferenceScorer,
    attach_reference,
    compute_key,
    compute_salt,
    read_scores,
)
from tests.training.conftest import build_pairs, write_rows

ROW = {
    "prompt_ids": [5, 6],
    "chosen_ids": [7, 8],
    "rejected_ids": [9],
    "names": ["p0"],
    "length": 5,
}


def make_config(tiny_model, **fields):
    return DPOStageConfig(output_dir="o", model_name_or_path=str(tiny_model), dataset="d", **fields)


def test_a_key_changes_with_tokens_and_with_the_reference(tiny_model):
    config = make_config(tiny_model)
    salt = compute_salt(config)
    key = compute_key(ROW, salt)
    assert key == compute_key({**ROW, "names": ["other"]}, salt)
    assert key != compute_key({**ROW, "chosen_ids": [7]}, salt)
    assert salt == compute_salt(config.model_copy(update={"learning_rate": 0.5, "beta": 0.3}))
    for change in ({"dtype": "bfloat16"}, {"ld_alpha": 0.5}, {"ref_model_name_or_path": "a/b"}):
        assert compute_salt(config.model_copy(update=change)) != salt


def build_rows(count):
    return [
        {**ROW, "prompt_ids": [5] * (1 + i % 7), "chosen_ids": [7, 8 + i], "names": [f"p{i}"]}
        for i in range(count)
    ]


@pytest.fixture
def asked(monkeypatch):
    """Scores rows without Ray, and counts how many were asked for."""
    import pyarrow as pa

    counts: list[int] = []

    def score(missing, config, directory):
        counts.append(len(missing))
        scorer = ReferenceScorer(config, directory)
        scorer(pa.Table.from_pylist([{"key": k, **v} for k, v in missing.items()]))

    monkeypatch.setattr(reference, "_score", score)
    return counts


def test_rows_that_have_scores_are_not_asked_again(tiny_model, tmp_path, asked):
    config = make_config(tiny_model)
    first = attach_reference(build_rows(5), config, tmp_path)
    again = attach_reference(build_rows(7), config, tmp_path)
    assert asked == [5, 2] and again[:5] == first
    assert len(read_scores(tmp_path / "reference")) == 7


def test_scores_are_plain_log_probabilities(tiny_model, tmp_path, asked):
    import torch
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(tiny_model)
    for row in attach_reference(build_rows(5), make_config(tiny_model), tmp_path):
        for name in ("chosen", "rejected"):
            ids = torch.tensor([row["prompt_ids"] + row[f"{name}_ids"]])
            logp = model(input_ids=ids).logits[0, :-1].log_softmax(-1)
            taken = logp.gather(-1, ids[0, 1:, None])[len(row["prompt_ids"]) - 1 :].sum()
            assert row[f"ref_{name}_logps"] == pytest.approx(taken.item(), abs=1e-4)


def test_a_score_that_is_not_a_number_names_its_row(tiny_model, tmp_path, asked, monkeypatch):
    scores = {compute_key(row, compute_salt(make_config(tiny_model))): (float("nan"), 0.0)
              for row in build_rows(1)}  # fmt: skip
    monkeypatch.setattr(reference, "read_scores", lambda _: scores)
    with pytest.raises(TrainingError, match="row p0: scores"):
        attach_reference(build_rows(1), make_config(tiny_model), tmp_path)


@pytest.mark.parametrize("harm", ["empty", "torn", "no parquet", "flipped", "other columns"])
def test_a_torn_block_is_deleted_and_its_rows_scored_again(tiny_model, tmp_path, asked, harm):
    config = make_config(tiny_model)
    first = attach_reference(build_rows(5), config, tmp_path)
    (block,) = (tmp_path / "reference").glob("block-*.parquet")
    content = bytearray(block.read_bytes())
    if harm == "flipped":
        content[4:40] = bytes(36)
    elif harm == "other columns":
        table = pq.read_table(block).drop_columns(["key"])
        pq.write_table(table, block)
        content = block.read_bytes()
    else:
        content = {"empty": b"", "torn": content[:-20], "no parquet": b"x" * 500}[harm]
    block.write_bytes(content)
    (tmp_path / "reference" / ".block-0.parquet.7.tmp").write_bytes(b"half")
    assert attach_reference(build_rows(5), config, tmp_path) == first
    assert asked == [5, 5] and not block.exists()
    assert len(list((tmp_path / "reference").iterdir())) == 1


def test_a_block_that_cannot_be_read_now_stays(tiny_model, tmp_path, asked, monkeypatch):
    attach_reference(build_rows(2), make_config(tiny_model), tmp_path)

    def fail(path):
        raise OSError(errno.ESTALE, "Stale file handle", str(path))

    monkeypatch.setattr(reference.Path, "read_bytes", fail)
    with pytest.raises(StorageError, match=r"block-.*Stale file handle"):
        read_scores(tmp_path / "reference")
    monkeypatch.undo()
    assert len(read_scores(tmp_path / "reference")) == 2


def test_blocks_are_on_the_disk_before_they_count(tiny_model, tmp_path, asked, monkeypatch):
    synced: list[int] = []
    monkeypatch.setattr(durable.os, "fsync", synced.append)
    attach_reference(build_rows(2), make_config(tiny_model), tmp_path)
    assert len(synced) == 1


def test_what_ends_the_pass_is_one_line(tiny_model, tmp_path, monkeypatch):
    def fail(*_):
        raise RuntimeError("Traceback:\n  File x\nValueError: no such kernel\n\nUDF failed")

    monkeypatch.setattr(reference, "_score", fail)
    with pytest.raises(TrainingError, match=r"ValueError: no such kernel") as caught:
        attach_reference(build_rows(2), make_config(tiny_model), tmp_path)
    assert "\n" not in str(caught.value)
    assert "File x" in (tmp_path / "logs" / "error.txt").read_text()


@pytest.mark.heavy
def test_an_error_of_an_actor_is_one_line(tiny_model, tmp_path, monkeypatch):
    from alignray.inference.cluster import connect

    (tmp_path / "reference").write_text("a file where blocks would go")
    config = make_config(tiny_model, resources={"per_device_train_batch_size": 2})
    monkeypatch.setattr(reference, "make_directory", lambda _: None)
    monkeypatch.setattr(reference, "read_scores", lambda _: {})
    (tmp_path / "logs").mkdir()
    with connect("local"), pytest.raises(TrainingError, match="Not a directory") as caught:
        attach_reference(build_rows(2), config, tmp_path)
    assert "\n" not in str(caught.value)


@pytest.mark.heavy
def test_cached_and_live_training_are_the_same_under_zero3(tiny_model, tmp_path):
    from alignray.inference.cluster import connect
    from alignray.training.on_ray import run_dpo

    rows = write_rows(tmp_path / "pairs.parquet", build_pairs(20))
    losses = {}
    with connect("local"):
        for name, cached in (("live", False), ("cached", True)):
            config = DPOStageConfig(
                output_dir=str(tmp_path / name), model_name_or_path=str(tiny_model),
                dataset=str(rows), eval_dataset=str(rows), use_peft=False, learning_rate=1e-3,
                train_batch_size=8, num_train_epochs=3, logging_steps=1,
                precompute_ref_log_probs=cached,
                resources={"num_workers": 2, "per_device_train_batch_size": 4},
            )  # fmt: skip
            metrics = run_dpo(config)["metrics"]
            curve = [point["loss"] for point in metrics["curve"]]
            losses[name] = [*curve, metrics["eval_loss"], metrics["rewards/margins"]]
    assert losses["live"][-1] > 0.01
    assert losses["cached"] == pytest.approx(losses["live"], abs=1e-5)
