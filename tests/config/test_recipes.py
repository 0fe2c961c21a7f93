"""The recipes of the reference systems: they build, and their numbers are those of the originals.

Each is also built with its override file in jobs/recipes/tiny, which may change models, data and
sizes, and nothing of the method.
"""

import json
from itertools import islice
from pathlib import Path

import pytest

from alignray.config.recipe import load_recipe
from alignray.pipeline.plan import build_stages
from alignray.sources import load_preferences
from alignray.sources.rows import open_rows
from alignray.training.dpo import DPOMethod
from alignray.training.policy import load_tokenizer
from alignray.training.rows.loading import encode_mixture
from alignray.training.sft import SFTMethod
from tests.sources.real_data import find_data

RECIPES = Path(__file__).parents[2] / "jobs" / "recipes"
NAMES = sorted(path.stem for path in RECIPES.glob("reference*.yaml"))

ADAPTER = {
    "use_peft": True,
    "lora_r": 8,
    "lora_dropout": 0.05,
    "lora_target_modules": ("q_proj", "v_proj"),
}
REFERENCE_1 = {
    **ADAPTER,
    "model_name_or_path": "meta-llama/Llama-2-7b-chat-hf",
    "chat_template": "llama-2",
    "loss_on": "responses",
    "lora_alpha": 32,
    "learning_rate": 1e-3,
    "num_train_epochs": 10,
    "train_batch_size": 4,
    "lr_scheduler_type": "step",
    "step_gamma": 0.85,
    "optim": "adamw_torch",
    "weight_decay": 0,
    "seed": 42,
    "max_length": 512,
    "truncation_mode": "keep_start",
}
REFERENCE_2_DPO = {
    **ADAPTER,
    "dataset": "hh-rlhf-common-prefix:Anthropic/hh-rlhf:train",
    "lora_alpha": 16,
    "learning_rate": 2e-5,
    "lr_scheduler_type": "linear",
    "warmup_ratio": 0,
    "num_train_epochs": 1,
    "train_batch_size": 8,
    "beta": 0.1,
    "loss_type": ("sigmoid",),
    "max_length": 1024,
    "save_steps": 500,
    "save_total_limit": 2,
}
AMBERSAFE = {
    "use_peft": False,
    "chat_template": "raw",
    "dtype": "float32",
    "bf16": False,
    "optim": "rmsprop",
    "lr_scheduler_type": "constant_with_warmup",
    "warmup_steps": 150,
    "max_grad_norm": 10,
    "num_train_epochs": 3,
    "max_length": 512,
    "truncation_mode": "keep_start",
}
NUMBERS = {
    ("reference0-safety-sft", "sft"): {
        "model_name_or_path": "meta-llama/Llama-3.1-8B",
        "chat_template": "zephyr",
        "use_peft": False,
        "loss_on": "all",
        "packing": True,
        "max_length": 2048,
        "num_train_epochs": 2,
        "train_batch_size": 64,
        "learning_rate": 2e-5,
        "lr_scheduler_type": "cosine",
        "warmup_ratio": 0.1,
        "bf16": True,
        "gradient_checkpointing": True,
        "seed": 42,
        "eval_strategy": "epoch",
        "logging_steps": 5,
        "save_steps": 100,
        "save_total_limit": 1,
        "resources.num_workers": 4,
        "resources.per_device_train_batch_size": 16,
        "resources.strategy": "zero3",
    },
    ("reference0-safety-sft", "sample"): {
        "engine.model_name_or_path": "D/sft/model",
        "select.num_prompts": 10_000,
        "sampling.n": 5,
    },
    ("reference0-safety-sft", "rank"): {
        "judge.model_name_or_path": "meta-llama/Llama-3.1-70B-Instruct",
        "mode": "rank",
        "export": "appended",
    },
    ("reference0-safety-sft", "pairs"): {"ranked": "D/rank"},
    ("reference0-safety-sft", "dpo"): {
        "model_name_or_path": "D/sft/model",
        "chat_template": "zephyr",
    },
    ("reference1-adapters", "task"): REFERENCE_1,
    ("reference1-adapters", "safety"): REFERENCE_1,
    ("reference2-opt350m", "sft"): {
        "model_name_or_path": "facebook/opt-350m",
        "dataset": "hh-rlhf-no-split:Anthropic/hh-rlhf:train",
        "use_peft": False,
        "dtype": "float32",
        "bf16": False,
        "loss_on": "all",
        "num_train_epochs": 2,
        "train_batch_size": 8,
        "learning_rate": 2e-5,
        "lr_scheduler_type": "linear",
        "warmup_ratio": 0,
        "max_length": 512,
        "truncation_mode": "keep_start",
        "save_steps": 1000,
        "save_total_limit": 1,
    },
    ("reference2-opt350m", "dpo"): {**REFERENCE_2_DPO, "model_name_or_path": "facebook/opt-350m"},
    ("reference2-opt350m", "sft_dpo"): {**REFERENCE_2_DPO, "model_name_or_path": "D/sft/model"},
    ("reference3-amberchat", "sft"): {
        "model_name_or_path": "LLM360/Amber",
        "use_peft": False,
        "bf16": True,
        "loss_on": "responses",
        "max_length": 2048,
        "num_train_epochs": 3,
        "train_batch_size": 256,
        "learning_rate": 2e-5,
        "lr_scheduler_type": "cosine",
        "warmup_ratio": 0.04,
        "weight_decay": 0,
        "gradient_checkpointing": True,
        "save_steps": 200,
        "save_total_limit": 5,
        "resources.num_workers": 8,
        "resources.per_device_train_batch_size": 2,
        "resources.strategy": "fsdp",
    },
    ("reference3-ambersafe", "sft"): {
        **AMBERSAFE,
        "model_name_or_path": "LLM360/AmberChat",
        "dataset": "pku-saferlhf-last:PKU-Alignment/PKU-SafeRLHF:train",
        "loss_reduction": "sequence_sum",
        "learning_rate": 2e-7,
        "train_batch_size": 64,
        "eval_steps": 20_000 // 64,
    },
    ("reference3-ambersafe", "dpo"): {
        **AMBERSAFE,
        "model_name_or_path": "D/sft/model",
        "dataset": "pku-saferlhf:PKU-Alignment/PKU-SafeRLHF:train",
        "beta": 0.1,
        "loss_type": ("sigmoid",),
        "learning_rate": 5e-7,
        "train_batch_size": 32,
        "eval_steps": 20_000 // 32,
    },
}

SIZES_OF_TRAINING = {
    "model_name_or_path", "dataset", "dataset_mixture", "eval_dataset", "dtype", "bf16",
    "eval_strategy", "max_length", "max_samples", "max_steps", "num_train_epochs",
    "train_batch_size", "warmup_steps", "resources",
}  # fmt: skip
SIZES = {
    "sft": SIZES_OF_TRAINING,
    "dpo": SIZES_OF_TRAINING,
    "sample": {"prompts", "select", "engine", "pool"},
    "rank": {"judge"},
    "pairs": set(),
}


def build(name, *, tiny=False, overrides=()):
    above = str(RECIPES / "tiny" / f"{name}.yaml") if tiny else None
    recipe = load_recipe(str(RECIPES / f"{name}.yaml"), overrides, above)
    return {stage.name: stage for stage in build_stages(recipe, "D")}


def find(config, key):
    for part in key.split("."):
        config = getattr(config, part)
    return config


def test_every_stage_of_every_recipe_has_its_numbers_here():
    assert [(name, stage) for name in NAMES for stage in build(name)] == list(NUMBERS)


@pytest.mark.parametrize(("name", "stage"), NUMBERS)
def test_numbers_are_those_of_the_original(name, stage):
    config = build(name)[stage].config
    expected = NUMBERS[name, stage]
    assert {key: find(config, key) for key in expected} == expected


def test_every_recipe_has_a_tiny_override_and_the_other_way_round():
    assert sorted(path.stem for path in (RECIPES / "tiny").glob("*.yaml")) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_tiny_overrides_change_models_data_and_sizes_alone(name):
    whole, tiny = build(name), build(name, tiny=True)
    assert list(tiny) == list(whole)
    for stage, plan in whole.items():
        below, above = plan.config.model_dump(), tiny[stage].config.model_dump()
        changed = {key for key in below if below[key] != above[key]}
        assert changed <= SIZES[plan.verb.name], stage


@pytest.mark.parametrize("name", NAMES)
def test_tiny_overrides_need_no_download_and_no_gpu(name):
    for plan in build(name, tiny=True).values():
        for kind, value in plan.config.inputs().values():
            local = (
                ("D/", "pocket") if kind == "model" else ("D/", "pocket:", str(RECIPES.parents[1]))
            )
            assert value.startswith(local), (plan.name, value)
        if plan.verb.name in ("sft", "dpo"):
            resources = plan.config.resources
            assert (resources.num_workers, resources.num_gpus) == (2, 0)


def encode(name, stage, method, overrides):
    """The rows of a stage under its tiny override, and what turns tokens into text."""
    config = build(name, tiny=True, overrides=overrides)[stage].config
    return encode_mixture(config, method(config)), load_tokenizer(config).tokenizer.decode


@pytest.mark.parametrize(
    ("stage", "folder", "rows"), [("task", "aoa_dataset", 44), ("safety", "aoa_dataset_safety", 16)]
)
def test_reference_1_reads_its_dialogues(stage, folder, rows):
    path = find_data(f"lora-fusion-seed1/ft_datasets/{folder}/train.json")
    overrides = [f"vars.{stage}_data={path}", f"{stage}.max_samples="]
    encoded, decode = encode("reference1-adapters", stage, SFTMethod, overrides)
    assert (len(encoded.rows), encoded.num_skipped) == (rows, 0)
    texts = [decode(row["input_ids"]) for row in encoded.rows]
    openings = [text[:16] for text in texts]
    assert openings == ["[INST] <<SYS>>\nY"] * rows
    answered = [" [/INST] " in text and text.endswith(" <|end|>") for text in texts]
    assert sum(answered) == rows - encoded.truncated


def test_reference_2_trains_on_whole_texts():
    path = find_data("hh-rlhf/harmless-base/test.jsonl.gz")
    overrides = [f"vars.sft_data=hh-rlhf-no-split:{path}", "sft.max_length=2048"]
    encoded, decode = encode("reference2-opt350m", "sft", SFTMethod, overrides)
    texts = [decode(row["input_ids"]) for row in encoded.rows]
    chosen = [row.values["chosen"] for row in islice(open_rows(path), len(texts))]
    equal = [text == f"{whole}<|end|>" for text, whole in zip(texts, chosen, strict=True)]
    assert equal == [True] * 16
    assert all(row["labels"] == row["input_ids"] for row in encoded.rows)


def test_reference_2_splits_pairs_at_their_common_beginning():
    path = find_data("hh-rlhf/harmless-base/test.jsonl.gz")
    source = f"hh-rlhf-common-prefix:{path}"
    overrides = [f"vars.pairs_data={source}", "dpo.max_length=2048"]
    encoded, decode = encode("reference2-opt350m", "dpo", DPOMethod, overrides)
    equal = [
        decode(row["prompt_ids"]) == pair.prompt[0]["content"]
        and decode(row["chosen_ids"]) == pair.chosen[0]["content"] + "<|end|>"
        for row, pair in zip(encoded.rows, load_preferences(source), strict=False)
    ]
    assert equal == [True] * 16


def test_reference_3_reads_safe_responses_raw(tmp_path):
    """Two pairs out of four rows; of a prompt's safe responses SFT takes the last."""
    rows = [
        {
            "prompt": "p",
            "response_0": f"a{number}",
            "response_1": f"b{number}",
            "is_response_0_safe": safe[0],
            "is_response_1_safe": safe[1],
        }
        for number, safe in enumerate([(True, False), (False, True), (True, True), (False, False)])
    ]
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    name = "reference3-ambersafe"
    overrides = [f"vars.sft_data=pku-saferlhf-last:{path}", f"vars.pairs_data=pku-saferlhf:{path}"]
    sft, decode = encode(name, "sft", SFTMethod, overrides)
    pairs, _ = encode(name, "dpo", DPOMethod, [*overrides, "dpo.model_name_or_path=pocket-base"])
    assert [decode(row["input_ids"]) for row in sft.rows] == ["pb1<|end|>"]
    assert [decode(row["rejected_ids"]) for row in pairs.rows] == ["b0<|end|>", "a1<|end|>"]
