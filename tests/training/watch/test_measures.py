import pytest

from alignray.config.dpo import DPOStageConfig
from alignray.training.outputs.card import build_model_card
from alignray.training.rows.encoding import EncodedRows
from alignray.training.watch.measures import build_metrics


def make_summary(points):
    return {
        "steps": len(points),
        "epochs": 1.0,
        "tokens": 500,
        "best_step": None,
        "resumed_from": None,
        "setup_seconds": 1.0,
        "train_seconds": 2.0,
        "save_seconds": 0.1,
        "log_history": [
            *points,
            {"step": 2, "eval_loss": 0.6, "eval_rewards/margins": 0.2},
            {"step": 2, "train_runtime": 3.0, "train_loss": 0.65},
        ],
    }


POINTS = [
    {"step": 1, "loss": 0.69, "rewards/margins": 0.0, "num_tokens": 7},
    {"step": 2, "loss": 0.5, "rewards/margins": 0.3, "num_tokens": 9},
]


def test_the_curve_holds_training_points_alone():
    metrics = build_metrics(make_summary(POINTS), EncodedRows(rows=[{}, {}]), repeated=1)
    assert [point["step"] for point in metrics["curve"]] == [1, 2]
    assert "num_tokens" not in metrics["curve"][0]
    assert metrics["first_loss"] == 0.69
    assert metrics["loss"] == 0.5
    assert metrics["rewards/margins"] == 0.3
    assert metrics["eval_loss"] == 0.6
    assert metrics["rows"]["rows_repeated"] == 1


def test_the_evaluation_that_counts_is_that_of_the_best_step():
    summary = make_summary(POINTS) | {"best_step": 1}
    summary["log_history"].insert(1, {"step": 1, "eval_loss": 0.4})
    metrics = build_metrics(summary, EncodedRows(), repeated=0)
    assert (metrics["result_step"], metrics["eval_loss"]) == (1, 0.4)
    assert [entry["eval_loss"] for entry in metrics["evaluations"]] == [0.4, 0.6]
    last = build_metrics(summary | {"best_step": None}, EncodedRows(), repeated=0)
    assert (last["result_step"], last["eval_loss"]) == (2, 0.6)


def test_the_loss_is_the_mean_of_the_last_tenth():
    points = [{"step": i, "loss": float(i)} for i in range(1, 31)]
    metrics = build_metrics(make_summary(points), EncodedRows(), repeated=0)
    assert metrics["loss"] == pytest.approx(29.0)
    assert metrics["loss_steps"] == [28, 30]


def test_the_card_of_the_best_step_names_the_steps_of_each_number():
    points = [{"step": step, "loss": 1 / step, "rewards/margins": 0.1} for step in (10, 20, 30)]
    evaluations = [{"step": step, "eval_loss": 0.4 + step / 100} for step in (10, 20, 30)]
    summary = make_summary(points) | {"steps": 30, "best_step": 10}
    summary["log_history"] = [*points, *evaluations]
    metrics = build_metrics(summary, EncodedRows(), repeated=0)
    config = DPOStageConfig(output_dir="runs/dpo", model_name_or_path="owner/base", dataset="pairs")
    card = build_model_card(config, "dpo", "DPO", metrics)
    rows = [
        "| training loss (mean of steps 21 to 30) | 0.03333 |",
        "| loss on eval_dataset (step 10) | 0.5 |",
        "| mean reward margin (mean of steps 21 to 30) | 0.1 |",
        "| optimizer steps | 30 |",
        "| step of these weights | 10 |",
    ]
    assert [row for row in rows if row not in card] == []


def test_the_card_shows_lora_settings_only_with_lora():
    config = DPOStageConfig(output_dir="runs/dpo", model_name_or_path="owner/base", dataset="pairs")
    metrics = {"loss": 0.5, "steps": 20, "loss_steps": [19, 20]}
    card = build_model_card(config, "dpo", "Direct preference optimization", metrics)
    assert card.startswith("---\nbase_model: owner/base\n")
    assert (
        "# dpo" in card and "(mean of steps 19 to 20) | 0.5 |" in card and "| lora_r | 16 |" in card
    )
    full = config.model_copy(update={"use_peft": False})
    card = build_model_card(full, "dpo", "Direct preference optimization", metrics)
    assert "lora_r" not in card and "library_name: transformers" in card
