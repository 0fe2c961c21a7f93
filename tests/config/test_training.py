import pytest
from pydantic import ValidationError

from alignray.artifacts import compute_fingerprint
from alignray.config.dpo import DPOStageConfig
from alignray.config.loading import build_config
from alignray.config.reading import Origin
from alignray.config.sft import SFTStageConfig
from alignray.config.training_resources import TrainingResources, compute_accumulation_steps
from alignray.errors import ConfigError

BASE = {"output_dir": "o", "model_name_or_path": "m", "dataset": "d"}


@pytest.mark.parametrize(
    ("batch", "workers", "micro", "steps"), [(16, 1, 8, 2), (16, 2, 8, 1), (64, 4, 2, 8)]
)
def test_accumulation_follows_from_the_global_batch(batch, workers, micro, steps):
    resources = TrainingResources(num_workers=workers, per_device_train_batch_size=micro)
    assert compute_accumulation_steps(batch, resources) == steps


def test_a_global_batch_that_does_not_divide_is_refused():
    resources = {"num_workers": 3, "per_device_train_batch_size": 4}
    with pytest.raises(ValidationError, match="train_batch_size is 16, expected a multiple of 12"):
        SFTStageConfig(**BASE, train_batch_size=16, resources=resources)


def test_where_a_training_runs_and_what_it_tells_do_not_change_what_it_is():
    one = SFTStageConfig(**BASE)
    other = SFTStageConfig(
        **BASE,
        save_steps=7,
        save_total_limit=9,
        logging_steps=1,
        report_to=["tensorboard"],
        resources={"num_workers": 2, "per_device_train_batch_size": 4, "strategy": "zero1"},
    )
    assert compute_fingerprint(one, "sft", {}) == compute_fingerprint(other, "sft", {})


@pytest.mark.parametrize(
    "change", [{"train_batch_size": 32}, {"seed": 1}, {"lora_r": 8}, {"learning_rate": 1e-3}]
)
def test_what_is_computed_changes_what_it_is(change):
    one, other = SFTStageConfig(**BASE), SFTStageConfig(**BASE, **change)
    assert compute_fingerprint(one, "sft", {}) != compute_fingerprint(other, "sft", {})


def test_inputs_are_named():
    config = DPOStageConfig(**BASE, adapter_name_or_path="a", eval_dataset="e")
    assert config.inputs() == {
        "model_name_or_path": ("model", "m"),
        "adapter_name_or_path": ("model", "a"),
        "dataset": ("data", "d"),
        "eval_dataset": ("data", "e"),
    }


def test_going_on_with_an_adapter_needs_use_peft():
    with pytest.raises(ValidationError, match="set use_peft=true"):
        DPOStageConfig(**BASE, adapter_name_or_path="a", use_peft=False)


def test_each_loss_has_a_weight():
    with pytest.raises(ValidationError, match="loss_weights has 1 values, expected 2"):
        DPOStageConfig(**BASE, loss_type=["sigmoid", "sft"], loss_weights=[1.0])


def test_label_smoothing_that_no_loss_uses_is_refused():
    with pytest.raises(ValidationError, match="no loss of"):
        DPOStageConfig(**BASE, loss_type=["ipo"], label_smoothing=0.1)


def test_the_losses_are_those_of_trl():
    import re
    from pathlib import Path
    from typing import get_args

    import trl

    from alignray.config.dpo import TRLLoss

    source = (Path(trl.__file__).parent / "trainer" / "dpo_trainer.py").read_text()
    assert set(get_args(TRLLoss)) == set(re.findall(r'if loss_type == "(\w+)":', source))


@pytest.mark.parametrize("field", [{"metric_for_best_model": "eval_loss"}, {"eval_samples": 2}])
@pytest.mark.parametrize("rows", [{}, {"eval_dataset": "e", "eval_strategy": "no"}])
def test_what_needs_evaluations_needs_rows_and_a_schedule(field, rows):
    with pytest.raises(ValidationError, match=f"{next(iter(field))} needs an eval_dataset"):
        SFTStageConfig(**BASE, **field, **rows)
    SFTStageConfig(**BASE, **field, eval_dataset="e")


@pytest.mark.parametrize(
    ("cls", "metric", "hint"),
    [
        (SFTStageConfig, "eval_los", "did you mean `eval_loss`"),
        (SFTStageConfig, "rewards/margins", "expected one of eval_loss, eval_perplexity"),
        (DPOStageConfig, "eval_rewards/margin", "did you mean `eval_rewards/margins`"),
    ],
)
def test_a_mistyped_metric_is_found_in_the_configuration(cls, metric, hint):
    with pytest.raises(ConfigError, match=f"`metric_for_best_model`: {metric} is not .*{hint}"):
        build_config(cls, BASE | {"eval_dataset": "e", "metric_for_best_model": metric}, Origin())
    for good in ("loss", "eval_loss", f"eval_{cls.EVAL_METRICS[-1]}"):
        cls(**BASE, eval_dataset="e", metric_for_best_model=good)


def test_the_metrics_are_those_that_are_measured():
    import torch

    from alignray.training.dpo_metrics import compute_metrics
    from alignray.training.sft_trainer import WeightedSFTTrainer

    measured = WeightedSFTTrainer.measure_rows(None, {0: (1.0, 2)})
    assert set(SFTStageConfig.EVAL_METRICS) == set(measured)
    pairs = compute_metrics(torch.ones(14), 1)
    assert set(DPOStageConfig.EVAL_METRICS) == {"loss", *pairs}


def test_an_adapter_on_no_module_is_refused():
    with pytest.raises(ValidationError, match="lora_target_modules is empty"):
        SFTStageConfig(**BASE, lora_target_modules=[])
    SFTStageConfig(**BASE, lora_target_modules=[], use_peft=False)


@pytest.mark.parametrize("mode", ["stack", "merge"])
def test_nothing_to_stack_on_is_refused(mode):
    with pytest.raises(ValidationError, match=f"adapter_mode is {mode}, but there is no adapter_"):
        DPOStageConfig(**BASE, adapter_mode=mode)
    DPOStageConfig(**BASE, adapter_mode=mode, adapter_name_or_path="a")


def test_an_edited_template_file_is_another_configuration(tmp_path):
    path = tmp_path / "chat.jinja"
    prints = []
    for text in ("{{ messages[0].content }}", "{{ messages[-1].content }}"):
        path.write_text(text)
        config = SFTStageConfig(**BASE, chat_template=str(path))
        assert config.chat_template == text
        prints.append(compute_fingerprint(config, "sft", {}))
    assert prints[0] != prints[1]
    assert SFTStageConfig(**BASE, chat_template="zephyr").chat_template == "zephyr"


def test_one_item_is_a_list_of_one():
    config = DPOStageConfig(**BASE, loss_type="sigmoid", loss_weights=0.5, report_to="wandb")
    assert (config.loss_type, config.loss_weights) == (("sigmoid",), (0.5,))
    assert config.report_to == ("wandb",)
