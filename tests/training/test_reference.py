"""Cached reference log-probabilities: keys, going on, and the same losses as live ones."""

import pytest

from alignray.config.dpo import DPOStageConfig
from alignray.errors import TrainingError
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
