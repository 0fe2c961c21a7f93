"""Launch files of accelerate and DeepSpeed -> workers, strategy, offload; and what they are not."""

from pathlib import Path

import pytest

from alignray.config.accelerate import parse_launch
from alignray.config.launch import apply_launch
from alignray.config.reading import parse_yaml, read_yaml
from alignray.config.translation import Translation
from alignray.errors import ConfigError

FILES = Path(__file__).parent / "handbook"
ZERO = "{distributed_type: DEEPSPEED, num_processes: 2, deepspeed_config: {zero_stage: %s}}"
DEEPSPEED = "{distributed_type: DEEPSPEED, deepspeed_config: {zero_stage: 2, %s}}"
FSDP = "{distributed_type: FSDP, fsdp_config: {%s}}"


def translate(text, *, has_gpu=True, own=None):
    content, lines = parse_yaml(text, "launch.yaml")
    translation = Translation("", own or {}, {})
    apply_launch(translation, parse_launch(content, lines, "launch.yaml"), has_gpu)
    return translation


def resources(text, **options):
    return translate(text, **options).content["resources"]


def explain(text):
    content, lines = parse_yaml(text, "launch.yaml")
    with pytest.raises(ConfigError) as caught:
        parse_launch(content, lines, "launch.yaml")
    return str(caught.value)


@pytest.mark.parametrize(
    ("name", "strategy"),
    [("multi_gpu", "replicated"), ("deepspeed_zero3", "zero3"), ("fsdp", "fsdp")],
)
def test_files_as_the_handbook_has_them(name, strategy):
    path = FILES / f"{name}.yaml"
    content, lines = read_yaml(str(path))
    translation = Translation("", {}, {})
    apply_launch(translation, parse_launch(content, lines, str(path)), True)
    expected = {"num_workers": 8, "strategy": strategy}
    if strategy != "replicated":
        expected["offload"] = "none"
    assert translation.content == {"resources": expected, "bf16": True}
    keys = {
        note.removeprefix(f"{path.name}: ").split(":")[0].split(" ->")[0]
        for note in translation.notes
    }
    sections = {f"{s}.{k}" for s in ("deepspeed_config", "fsdp_config") for k in content.get(s, {})}
    assert keys == {*content, *sections} - {"deepspeed_config", "fsdp_config"}
    assert len(translation.notes) == len(keys)


@pytest.mark.parametrize(
    ("stage", "strategy"), [(0, "replicated"), (1, "zero1"), (2, "zero2"), (3, "zero3")]
)
def test_zero_stages(stage, strategy):
    assert resources(ZERO % stage)["strategy"] == strategy
    assert resources(f"zero_optimization: {{stage: {stage}}}")["strategy"] == strategy


@pytest.mark.parametrize("stage", ["4", "auto", "true", "-1"])
def test_a_stage_that_is_none_is_an_error(stage):
    message = explain(f"distributed_type: DEEPSPEED\ndeepspeed_config:\n  zero_stage: {stage}\n")
    assert message.startswith("launch.yaml:3: `deepspeed_config.zero_stage` is ")
    assert "expected 0, 1, 2 or 3" in message


@pytest.mark.parametrize(
    ("devices", "offload"),
    [
        ("offload_optimizer_device: none", "none"),
        ("offload_optimizer_device: cpu", "optimizer"),
        ("offload_optimizer_device: cpu, offload_param_device: cpu", "optimizer_and_parameters"),
        ("offload_optimizer_device: nvme", "optimizer"),
    ],
)
def test_offload(devices, offload):
    assert resources(DEEPSPEED % devices)["offload"] == offload
    assert resources(DEEPSPEED % devices, has_gpu=False)["offload"] == "none"


def test_offload_in_a_deepspeed_configuration():
    text = (
        "{zero_optimization: {stage: 3, offload_optimizer: {device: cpu}}, bf16: {enabled: true}}"
    )
    translation = translate(text)
    assert translation.content["resources"] == {"strategy": "zero3", "offload": "optimizer"}
    assert translation.content["bf16"] is True


@pytest.mark.parametrize(
    ("keys", "strategy", "offload"),
    [
        ("fsdp_sharding_strategy: FULL_SHARD", "fsdp", None),
        ("fsdp_sharding_strategy: 1", "fsdp", None),
        ("fsdp_sharding_strategy: SHARD_GRAD_OP", "zero2", None),
        ("fsdp_sharding_strategy: NO_SHARD", "replicated", None),
        ("fsdp_reshard_after_forward: false, fsdp_version: 2", "zero2", None),
        ("fsdp_version: 2", "fsdp", None),
        ("fsdp_offload_params: true", "zero3", "optimizer_and_parameters"),
    ],
)
def test_fsdp(keys, strategy, offload):
    found = resources(FSDP % keys)
    assert (found["strategy"], found.get("offload")) == (strategy, offload)


def test_fsdp_without_a_gpu_is_zero3():
    translation = translate(FSDP % "fsdp_sharding_strategy: FULL_SHARD", has_gpu=False)
    assert translation.content["resources"] == {"strategy": "zero3"}
    assert "FSDP needs GPUs" in translation.notes[0]


def test_the_section_tells_the_kind_where_nothing_else_does():
    assert resources("deepspeed_config: {zero_stage: 1}")["strategy"] == "zero1"
    assert resources("fsdp_config: {fsdp_version: 2}")["strategy"] == "fsdp"


def test_quantised_weights_are_replicated():
    translation = translate(ZERO % 3, own={"load_in_4bit": True})
    assert translation.content["resources"]["strategy"] == "replicated"
    assert any("not sharded" in note for note in translation.notes)


def test_precision_only_where_the_configuration_says_nothing():
    text = "{distributed_type: NO, mixed_precision: %s}"
    assert translate(text % "bf16").content["bf16"] is True
    assert translate(text % "fp16").content["bf16"] is True
    assert "bf16" not in translate(text % "'no'").content
    assert translate(text % "bf16", own={"bf16": False}).content["bf16"] is False
    assert any("not honoured" in note for note in translate(text % "fp8").notes)


def test_what_a_configuration_says_besides_stays():
    translation = translate(ZERO % 2, own={"resources": {"num_gpus": 1, "num_workers": 7}})
    assert translation.content["resources"] == {
        "num_gpus": 1,
        "num_workers": 2,
        "strategy": "zero2",
    } | {"offload": "none"}


@pytest.mark.parametrize("text", ["{zero_optimization: {stage: 2}, %s}", DEEPSPEED])
def test_clipping_by_a_number_is_the_norm_of_gradients(text):
    translation = translate(text % "gradient_clipping: 0.3", own={"max_grad_norm": 1.0})
    assert translation.content["max_grad_norm"] == 0.3
    assert any("instead of 1.0" in note for note in translation.notes)
    translation = translate(text % "gradient_clipping: auto")
    assert "max_grad_norm" not in translation.content
    assert any("gradient_clipping: ignored" in note for note in translation.notes)


ENGINE = "{zero_optimization: {stage: 2}, %s}"


@pytest.mark.parametrize(
    ("section", "key", "value", "why"),
    [
        ("optimizer: {type: AdamW, params: {lr: auto, eps: auto}}", "optim", "adamw_torch", ""),
        ("optimizer: {type: Adam, params: {torch_adam: true}}", "optim", "adamw_torch", ""),
        (
            "scheduler: {type: WarmupLR, params: {warmup_num_steps: auto}}",
            "lr_scheduler_type",
            "constant_with_warmup",
            "(DeepSpeed's warm-up is logarithmic)",
        ),
        (
            "scheduler: {type: WarmupDecayLR, params: {warmup_type: linear}}",
            "lr_scheduler_type",
            "linear",
            "",
        ),
    ],
)
def test_deepspeeds_own_optimizer_and_scheduler(section, key, value, why):
    translation = translate(ENGINE % section)
    assert translation.content[key] == value
    name = section.split(":")[0]
    expected = f"launch.yaml: {name} -> {key}={value} {why}".strip()
    assert [note for note in translation.notes if f" {name}" in note] == [expected]
    other = translate(ENGINE % section, own={key: "other"})
    assert any("instead of other" in note for note in other.notes)


def test_sections_that_say_nothing_are_ignored():
    notes = translate(ENGINE % "optimizer: auto, scheduler: null").notes
    assert [note.split(": ")[1:3] for note in notes if "r: ignored" in note] == [
        ["optimizer", "ignored"],
        ["scheduler", "ignored"],
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            ENGINE % "optimizer: {type: AdamW, params: {lr: 0.003}}",
            "`optimizer.params.lr` is 0.003; expected auto",
        ),
        (ENGINE % "optimizer: {type: Lamb}", "`optimizer.type` is Lamb; expected AdamW"),
        (
            ENGINE % "optimizer: {type: Adam, params: {adam_w_mode: false}}",
            "`optimizer.params.adam_w_mode` is False",
        ),
        (
            ENGINE % "scheduler: {type: WarmupLR, params: {warmup_num_steps: 10}}",
            "`scheduler.params.warmup_num_steps` is 10; expected auto",
        ),
        (ENGINE % "scheduler: {type: OneCycle}", "`scheduler.type` is OneCycle"),
        ("{}", "neither a launch file of accelerate nor a DeepSpeed configuration (keys: none)"),
        ("{dataset_mixer: {a/b: 1}}", "expected `distributed_type` or `zero_optimization` in it"),
        ("{distributed_type: NO, num_proceses: 8}", "did you mean `num_processes`?"),
        ("{distributed_type: MEGATRON_LM}", "`distributed_type` is MEGATRON_LM; expected one of"),
        (DEEPSPEED % "offload_parm_device: cpu", "did you mean `offload_param_device`?"),
        (FSDP % "fsdp_shard_strategy: FULL_SHARD", "did you mean `fsdp_sharding_strategy`?"),
        (FSDP % "fsdp_sharding_strategy: HALF", "is HALF; expected one of FULL_SHARD,"),
        ("{distributed_type: DEEPSPEED, deepspeed_config: [1]}", "is list; expected a section"),
        ("{distributed_type: NO, megatron_lm_config: {a: 1}}", "`megatron_lm_config` is given"),
        (
            "{distributed_type: DEEPSPEED, num_processes: 4,"
            " deepspeed_config: {deepspeed_config_file: ds.json}}",
            "give that file to --deepspeed, and resources.num_workers=4",
        ),
    ],
)
def test_errors_say_what_was_expected(text, expected):
    message = explain(text)
    assert message.startswith("launch.yaml")
    assert expected in message
