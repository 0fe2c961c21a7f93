import pytest
from pydantic import ValidationError

from alignray.config.sft import SFTStageConfig
from alignray.errors import ConfigError
from alignray.training.strategy import (
    Strategy,
    check_gpus,
    choose_strategy,
    measure_weights,
    measure_worker,
)

GB = 10**9


def make_config(**fields):
    return SFTStageConfig(
        **{"output_dir": "o", "model_name_or_path": "m", "dataset": "d", **fields},
        train_batch_size=64,
    )


@pytest.mark.parametrize(
    ("fields", "weights", "name"),
    [
        ({}, 16 * GB, "replicated"),
        ({}, 60 * GB, "zero3"),
        ({}, None, "zero3"),
        ({"use_peft": False}, 1 * GB, "zero3"),
        ({"load_in_4bit": True}, None, "replicated"),
        ({"resources": {"offload": "optimizer"}}, 1 * GB, "zero3"),
        ({"resources": {"strategy": "zero2"}}, 1 * GB, "zero2"),
    ],
)
def test_lora_on_a_base_that_fits_is_replicated(fields, weights, name):
    assert choose_strategy(make_config(**fields), weights, 80 * GB).name == name


def test_the_reason_says_what_was_compared():
    chosen = choose_strategy(make_config(), 16 * GB, 80 * GB)
    assert chosen == Strategy("replicated", "LoRA, 16.0 GB of weights fit 80.0 GB of memory")


def test_the_weights_of_a_local_model_count_in_the_type_they_are_loaded_in(tiny_model):
    stored = (tiny_model / "model.safetensors").stat().st_size
    config = make_config(model_name_or_path=str(tiny_model))
    assert measure_weights(config) == stored
    half = config.model_copy(update={"dtype": "bfloat16"})
    assert measure_weights(half) == stored // 2
    assert measure_weights(make_config(model_name_or_path="owner/name")) is None


def test_the_memory_of_a_worker():
    cpu = make_config(resources={"num_workers": 4, "per_device_train_batch_size": 8})
    assert measure_worker(cpu, set(), 64 * GB) == 16 * GB
    gpu = make_config(resources={"num_gpus": 1, "accelerator_type": "H100"})
    assert measure_worker(gpu, set(), 0) == 80 * 2**30
    unknown = make_config(resources={"num_gpus": 1})
    assert measure_worker(unknown, {"accelerator_type:L4"}, 0) == 24 * 2**30


@pytest.mark.parametrize(
    ("resources", "match"),
    [
        ({"strategy": "fsdp"}, "GPUs alone; use zero3"),
        ({"strategy": "replicated", "offload": "optimizer"}, "needs zero1, zero2 or zero3"),
        ({"strategy": "zero2", "offload": "optimizer_and_parameters"}, "needs strategy zero3"),
    ],
)
def test_what_cannot_be_is_said_at_once(resources, match):
    with pytest.raises(ValidationError, match=match):
        make_config(resources=resources)


def test_gpus_that_are_not_there_are_refused():
    config = make_config(resources={"num_gpus": 1, "num_workers": 8})
    with pytest.raises(ConfigError, match="8 GPUs wanted in all, 2 here"):
        check_gpus(config, 2)
    check_gpus(config, 8)
