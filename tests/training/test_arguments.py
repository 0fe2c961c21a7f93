import pytest

from alignray.config.dpo import DPOStageConfig
from alignray.config.sft import SFTStageConfig
from alignray.training.arguments import build_evaluation, compute_eval_steps


def make_config(cls=SFTStageConfig, **fields):
    given = {"output_dir": "o", "model_name_or_path": "m", "dataset": "d", "eval_dataset": "e"}
    return cls(**given, **{"train_batch_size": 8, "save_steps": 7, **fields})


def test_an_evaluation_per_epoch_is_counted_in_steps():
    config = make_config(eval_strategy="epoch")
    assert compute_eval_steps(config, 24) == 3
    assert compute_eval_steps(make_config(eval_strategy="steps", eval_steps=5), 24) == 5
    assert compute_eval_steps(make_config(eval_strategy="no"), 24) is None


def test_without_evaluation_only_checkpoints_have_a_schedule():
    assert build_evaluation(make_config(), None) == {"eval_strategy": "no", "save_steps": 7}


def test_the_last_weights_are_the_result_unless_a_metric_is_named():
    built = build_evaluation(make_config(), 3)
    assert built == {"eval_strategy": "steps", "eval_steps": 3, "save_steps": 7}


def test_a_metric_saves_at_each_evaluation_and_takes_the_best():
    built = build_evaluation(make_config(metric_for_best_model="eval_loss"), 3)
    assert built["load_best_model_at_end"] is True
    assert built["save_steps"] == built["eval_steps"] == 3


@pytest.mark.parametrize(
    ("cls", "metric", "given", "greater"),
    [
        (SFTStageConfig, "eval_loss", None, False),
        (SFTStageConfig, "eval_perplexity", None, False),
        (DPOStageConfig, "eval_rewards/accuracies", None, True),
        (DPOStageConfig, "eval_rewards/margins", False, False),
    ],
)
def test_direction_of_a_metric(cls, metric, given, greater):
    config = make_config(cls, metric_for_best_model=metric, greater_is_better=given)
    assert build_evaluation(config, 3)["greater_is_better"] is greater
