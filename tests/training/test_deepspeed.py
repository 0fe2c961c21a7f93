import pytest

from alignray.config.sft import SFTStageConfig
from alignray.training.deepspeed import build_deepspeed_config
from alignray.training.strategy import Strategy

ZERO3 = Strategy("zero3", "")


def make_config(**resources):
    return SFTStageConfig(
        output_dir="o",
        model_name_or_path="m",
        dataset="d",
        train_batch_size=64,
        bf16=True,
        max_grad_norm=0.5,
        resources=resources,
    )


def test_the_batch_is_global_micro_and_accumulated():
    built = build_deepspeed_config(make_config(num_workers=4, per_device_train_batch_size=2), ZERO3)
    assert built["train_batch_size"] == 64
    assert built["train_micro_batch_size_per_gpu"] == 2
    assert built["gradient_accumulation_steps"] == 8
    assert built["gradient_clipping"] == 0.5
    assert built["bf16"] == {"enabled": True}


@pytest.mark.parametrize(
    ("name", "stage"), [("replicated", 0), ("zero1", 1), ("zero2", 2), ("zero3", 3)]
)
def test_only_stage_3_gathers_weights_to_save_them(name, stage):
    zero = build_deepspeed_config(make_config(), Strategy(name, ""))["zero_optimization"]
    assert zero["stage"] == stage
    assert zero.get("stage3_gather_16bit_weights_on_model_save", False) == (stage == 3)


def test_offload_names_what_leaves_the_gpu():
    zero = build_deepspeed_config(make_config(offload="optimizer"), ZERO3)["zero_optimization"]
    assert zero["offload_optimizer"]["device"] == "cpu" and "offload_param" not in zero
    fields = {"offload": "optimizer_and_parameters", "num_gpus": 1}
    zero = build_deepspeed_config(make_config(**fields), ZERO3)["zero_optimization"]
    assert zero["offload_param"] == {"device": "cpu", "pin_memory": True}


def test_no_value_is_left_to_guess():
    assert "auto" not in str(build_deepspeed_config(make_config(), ZERO3))
