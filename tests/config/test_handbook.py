"""Recipes of alignment-handbook: what each key becomes, what the scripts do unasked, what is wrong.

The files in `handbook/` have the keys, shapes and values of published recipes.
"""

import re
from pathlib import Path

import pytest
import yaml

from alignray.config import handbook_keys, training_files
from alignray.config.dpo import DPOStageConfig
from alignray.config.handbook import RULES, RULES_OF, is_handbook
from alignray.config.handbook_model import EMPTY_SYSTEM, LORA_TARGETS
from alignray.config.sft import SFTStageConfig
from alignray.config.training_files import load_training_config
from alignray.errors import ConfigError

FILES = Path(__file__).parent / "handbook"
RECIPES = {
    "sft_full": SFTStageConfig,
    "sft_qlora": SFTStageConfig,
    "sft_mixture": SFTStageConfig,
    "dpo_full": DPOStageConfig,
    "dpo_qlora": DPOStageConfig,
}
OLD = """
model_name_or_path: a/b
dataset_mixer: {o/n: 0.5, p/q: 1}
dataset_splits: [train_x, test_x]
output_dir: out/run
"""
LIST = """
model_name_or_path: a/b
dataset_mixture:
  datasets: [{id: o/n, split: train_x, weight: 0.5}, {id: o/n, config: c, split: test_x}]
output_dir: out/run
"""


@pytest.fixture(autouse=True)
def machine(monkeypatch):
    """A machine without a GPU and a hub where nothing is an adapter, unless a test says more."""
    monkeypatch.setattr(training_files, "has_gpu", lambda: False)
    monkeypatch.setattr(training_files, "_download", lambda *_: (Path("nowhere"), True))


@pytest.fixture
def gpu(monkeypatch):
    monkeypatch.setattr(training_files, "has_gpu", lambda: True)


@pytest.fixture
def load(tmp_path):
    """Loads a recipe from text."""

    def load(text, *overrides, cls=SFTStageConfig, launch=None):
        path = tmp_path / "recipe.yaml"
        path.write_text(text)
        return load_training_config(cls, (str(path), launch), overrides)

    return load


def load_file(name, *overrides, launch="deepspeed_zero3"):
    launch_path = str(FILES / f"{launch}.yaml") if launch else None
    paths = (str(FILES / f"{name}.yaml"), launch_path)
    return load_training_config(RECIPES[name], paths, overrides)


def find_notes(notes, key):
    """The notes of a key, without the name of the file."""
    texts = [note.split(": ", 1)[1] for note in notes]
    return [text for text in texts if re.match(rf"{re.escape(key)}(:| ->)", text)]


@pytest.mark.parametrize("name", RECIPES)
def test_every_key_of_a_recipe_leaves_a_note(name):
    config, notes = load_file(name)
    content = yaml.safe_load((FILES / f"{name}.yaml").read_text())
    for key in content:
        expected = 2 if key == "dataset_mixture" else 1
        assert len(find_notes(notes, key)) == expected, (key, find_notes(notes, key))
    assert all("\n" not in note for note in notes)
    assert config.train_batch_size == (
        content["per_device_train_batch_size"] * content["gradient_accumulation_steps"] * 8
    )
    assert config.output_dir == content["output_dir"]
    assert config.learning_rate == float(content["learning_rate"])


def test_sft_full():
    config, notes = load_file("sft_full")
    assert [part.dataset for part in config.dataset_mixture] == [
        "HuggingFaceH4/ultrachat_200k:train_sft"
    ]
    assert config.eval_dataset == "HuggingFaceH4/ultrachat_200k:test_sft"
    assert (config.use_peft, config.packing, config.loss_on) == (False, True, "all")
    assert (config.dtype, config.bf16, config.max_length, config.seed) == (
        "bfloat16",
        True,
        2048,
        42,
    )
    assert (config.eval_strategy, config.save_steps, config.save_total_limit) == ("epoch", 100, 1)
    assert (config.lr_scheduler_type, config.warmup_ratio, config.max_steps) == (
        "cosine",
        0.1,
        None,
    )
    assert (config.train_batch_size, config.train_sampling_strategy) == (128, "random")
    assert config.report_to == ("tensorboard",)
    resources = config.resources
    assert (resources.num_workers, resources.strategy, resources.num_gpus) == (8, "zero3", 0)
    assert resources.per_device_train_batch_size == 16
    assert config.chat_template.startswith(EMPTY_SYSTEM)
    assert "sft_full.yaml: attn_implementation -> resources.attn_implementation=sdpa" in str(notes)


def test_sft_full_with_a_gpu(gpu):
    config, notes = load_file("sft_full")
    assert config.resources.num_gpus == 1
    assert config.resources.attn_implementation == "flash_attention_2"
    assert find_notes(notes, "bf16") == ["bf16 -> bf16=true"]


def test_a_gpu_that_an_argument_asks_for_is_believed(monkeypatch):
    monkeypatch.setattr(training_files, "has_gpu", lambda: pytest.fail("asked torch"))
    config, _ = load_file("sft_qlora", "resources.num_gpus=1")
    assert (config.resources.num_gpus, config.load_in_4bit) == (1, True)
    assert config.resources.attn_implementation == "flash_attention_2"
    config, _ = load_file("sft_qlora", "resources={num_gpus: 0}")
    assert (config.resources.num_gpus, config.load_in_4bit) == (0, False)


def test_sft_qlora(gpu):
    config, notes = load_file("sft_qlora", launch="fsdp")
    assert (config.use_peft, config.load_in_4bit) == (True, True)
    assert (config.lora_r, config.lora_alpha, config.lora_dropout) == (16, 16, 0.05)
    assert len(config.lora_target_modules) == 7
    assert (config.packing, config.loss_on, config.chat_template) == (False, "all", None)
    assert config.eval_dataset == "HuggingFaceH4/ultrachat_200k:test_sft"
    assert config.resources.strategy == "replicated"
    assert "dataset_mixture.test_split_size: not honoured" in str(notes)


def test_without_a_gpu_the_base_is_not_quantised():
    config, notes = load_file("dpo_qlora")
    assert (config.load_in_4bit, config.optim) == (False, "adamw_torch")
    assert "needs a GPU" in find_notes(notes, "load_in_4bit")[0]
    assert "needs a GPU" in find_notes(notes, "optim")[0]


def test_dpo_full():
    config, notes = load_file("dpo_full")
    assert (config.beta, config.loss_type, config.optim) == (0.01, ("sigmoid",), "adamw_torch")
    assert (config.dtype, config.bf16, config.max_length) == ("float32", True, 1024)
    assert (config.truncation_mode, config.eval_strategy, config.eval_steps) == (
        "keep_end",
        "steps",
        100,
    )
    assert (config.use_peft, config.train_batch_size) == (False, 128)
    assert "not honoured" in find_notes(notes, "max_prompt_length")[0]


def test_dpo_qlora_trains_a_second_adapter(gpu, tmp_path, monkeypatch):
    adapter = tmp_path / "adapter_config.json"
    adapter.write_text('{"base_model_name_or_path": "mistralai/Mistral-7B-v0.1"}')
    asked = []
    monkeypatch.setattr(
        training_files, "_download", lambda *name: asked.append(name) or (adapter, True)
    )
    config, _ = load_file("dpo_qlora")
    assert asked == [("alignment-handbook/zephyr-7b-sft-qlora", "adapter_config.json", "main")]
    assert config.model_name_or_path == "mistralai/Mistral-7B-v0.1"
    assert config.adapter_name_or_path == "alignment-handbook/zephyr-7b-sft-qlora"
    assert config.tokenizer_name_or_path == "alignment-handbook/zephyr-7b-sft-qlora"
    assert (config.adapter_mode, config.optim) == ("stack", "paged_adamw_32bit")
    config, _ = load_file("dpo_qlora", "model_name_or_path=c/d")
    assert (config.model_name_or_path, config.adapter_name_or_path) == ("c/d", None)


def test_a_mixture_of_parts():
    config, notes = load_file("sft_mixture", launch=None)
    parts = [(part.dataset, part.fraction) for part in config.dataset_mixture]
    assert parts == [
        ("HuggingFaceTB/Magpie-Pro-300K-Filtered-H4:train_sft", 1),
        ("HuggingFaceTB/OpenHermes-2.5-H4:train_sft", 0.001),
    ]
    assert config.eval_dataset == "HuggingFaceTB/Magpie-Pro-300K-Filtered-H4:test_sft"
    assert len(find_notes(notes, "HuggingFaceTB/OpenHermes-2.5-H4:test_sft")) == 1
    assert config.train_batch_size == 16
    assert config.resources.num_workers == 1
    assert not config.chat_template.startswith(EMPTY_SYSTEM)


def test_arguments_come_last_and_in_our_keys():
    config, _ = load_file("sft_full", "resources.num_workers=2", "loss_on=responses", "seed=7")
    assert (config.resources.num_workers, config.loss_on, config.seed) == (2, "responses", 7)
    assert config.train_batch_size == 128
    config, _ = load_file("sft_full", "dataset=rows.jsonl", "eval_dataset=")
    assert [part.dataset for part in config.list_datasets()] == ["rows.jsonl"]
    with pytest.raises(ConfigError, match=r"did you mean `resources.per_device_train_batch_size`"):
        load_file("sft_full", "per_device_train_batch_size=2")


def test_what_an_old_script_does_without_being_told(load):
    config, _ = load(OLD)
    assert (config.packing, config.loss_on, config.use_peft) == (True, "all", False)
    assert (config.learning_rate, config.num_train_epochs, config.seed) == (5e-5, 3, 42)
    assert (config.eval_strategy, config.eval_dataset, config.train_batch_size) == ("no", None, 8)
    config, _ = load(OLD, cls=DPOStageConfig)
    assert (config.optim, config.max_length, config.learning_rate) == ("rmsprop", 512, 5e-5)


def test_what_a_new_script_does_without_being_told(load):
    config, _ = load(LIST)
    assert (config.packing, config.loss_on, config.learning_rate) == (False, "all", 2e-5)
    config, _ = load(LIST, cls=DPOStageConfig)
    assert (config.optim, config.max_length, config.learning_rate) == ("adamw_torch", 1024, 1e-6)


def test_names_of_data_sets(load):
    config, _ = load(f"{OLD}dataset_configs: [default, small]\neval_strategy: epoch\n")
    parts = [(part.dataset, part.fraction) for part in config.dataset_mixture]
    assert parts == [("o/n:train_x", 0.5), ("p/q@small:train_x", 1)]
    assert config.eval_dataset == "o/n:test_x"
    config, _ = load(OLD.replace("dataset_mixer", "dataset_mixture"))
    assert [part.dataset for part in config.dataset_mixture] == ["o/n:train_x", "p/q:train_x"]
    text = "{model_name_or_path: a/b, dataset_name: o/n, dataset_config: all, output_dir: o,"
    config, _ = load(text + " do_eval: true}")
    assert config.dataset_mixture[0].dataset == "o/n@all:train"
    assert (config.eval_dataset, config.eval_strategy) == ("o/n@all:test", "epoch")


def test_a_test_split_of_a_list_is_trained_on_where_nothing_is_measured(load):
    config, _ = load(LIST)
    assert [part.dataset for part in config.dataset_mixture] == ["o/n:train_x", "o/n@c:test_x"]
    config, _ = load(LIST + "eval_strategy: steps\n")
    assert [part.dataset for part in config.dataset_mixture] == ["o/n:train_x"]
    assert config.eval_dataset == "o/n@c:test_x"


@pytest.mark.parametrize(
    ("line", "key", "value"),
    [
        ("max_length: 99", "max_length", 99),
        ("max_seq_length: 99", "max_length", 99),
        ("dtype: auto", "dtype", "auto"),
        ("torch_dtype: null", "dtype", "float32"),
        ("fp16: true", "bf16", True),
        ("max_steps: 5", "max_steps", 5),
        ("warmup_steps: 7", "warmup_steps", 7),
        ("warmup_steps: 0.1", "warmup_ratio", 0.1),
        ("optim: adamw_hf", "optim", "adamw_torch"),
        ("lr_scheduler_type: cosine_with_min_lr", "lr_scheduler_type", "cosine"),
        ("report_to: none", "report_to", ()),
        ("report_to: [wandb, mlflow]", "report_to", ("wandb",)),
        ("group_by_length: true", "train_sampling_strategy", "group_by_length"),
        ("truncation_side: left", "truncation_mode", "keep_end"),
        ("truncation_mode: keep_end", "truncation_mode", "keep_end"),
        ("packing: false", "packing", False),
        ("assistant_only_loss: true", "loss_on", "responses"),
        ("save_steps: 0.5", "save_steps", 100),
        ("evaluation_strategy: epoch", "eval_strategy", "epoch"),
        ("push_to_hub: true", "hub_model_id", "run"),
        ("hub_private_repo: false", "hub_private_repo", False),
        ("weight_decay: null", "weight_decay", 0),
        ("max_grad_norm: 0.2", "max_grad_norm", 0.2),
    ],
)
def test_keys_of_sft(load, line, key, value):
    config, notes = load(f"{OLD}{line}\n")
    assert getattr(config, key) == value
    assert len(find_notes(notes, line.split(":")[0])) == 1


@pytest.mark.parametrize(
    ("line", "key", "value"),
    [
        ("loss_type: [ipo, sft]", "loss_type", ("ipo", "sft")),
        ("loss_type: hinge", "loss_type", ("hinge",)),
        ("rpo_alpha: 0.5", "loss_weights", (1, 0.5)),
        ("rpo_alpha: 0.5", "loss_type", ("sigmoid", "sft")),
        ("loss_type: [ipo, sft]\nloss_weights: [1, 0.2]", "loss_weights", (1, 0.2)),
        ("reference_free: true", "reference_free", True),
        ("precompute_ref_log_probs: true", "precompute_ref_log_probs", True),
        ("truncation_side: right", "truncation_mode", "keep_end"),
        ("optim: adamw_torch", "optim", "adamw_torch"),
        ("label_smoothing: 0.1", "label_smoothing", 0.1),
    ],
)
def test_keys_of_dpo(load, line, key, value):
    config, _ = load(f"{OLD}{line}\n", cls=DPOStageConfig)
    assert getattr(config, key) == value


@pytest.mark.parametrize(
    "lines", ["loss_weights: [0.5]\nrpo_alpha: 0.2\n", "rpo_alpha: 0.2\nloss_weights: [0.5]\n"]
)
def test_weights_of_losses_and_of_the_likelihood_term_in_any_order(load, lines):
    config, notes = load(OLD + lines, cls=DPOStageConfig)
    assert (config.loss_type, config.loss_weights) == (("sigmoid", "sft"), (0.5, 0.2))
    assert find_notes(notes, "loss_weights") == ["loss_weights: ignored: said with rpo_alpha"]
    assert "with loss_weights=[0.5, 0.2]" in find_notes(notes, "rpo_alpha")[0]


@pytest.mark.parametrize(
    ("text", "steps"),
    [
        (OLD + "eval_strategy: steps\nlogging_steps: 7\n", 7),
        (OLD + "eval_strategy: steps\nlogging_steps: 7\neval_steps: 0\n", 7),
        (OLD + "eval_strategy: steps\nlogging_steps: 7\neval_steps: 3\n", 3),
        (OLD + "eval_strategy: steps\n", 500),
        (LIST + "eval_strategy: steps\n", 10),
    ],
)
def test_measurements_without_steps_of_their_own_are_those_of_the_log(load, text, steps):
    config, notes = load(text)
    assert config.eval_steps == steps
    assumed = any(f"not in the file -> eval_steps={steps} (" in note for note in notes)
    assert assumed is ("eval_steps: 3" not in text)


def test_a_share_of_the_steps_to_log_is_none_to_measure(load):
    _, notes = load(OLD + "eval_strategy: steps\nlogging_steps: 0.1\n")
    assert "a share of the steps" in find_notes(notes, "eval_steps (not in the file)")[0]


@pytest.mark.parametrize(
    ("config", "modules", "why"),
    [
        ('{"model_type": "llama"}', ("q_proj", "v_proj"), "PEFT's default for llama"),
        ('{"model_type": "gpt2"}', ("c_attn",), "PEFT's default for gpt2"),
        ('{"model_type": "novel"}', "all-linear", "there is none for novel"),
        ("{}", "all-linear", "the type is not known"),
        ("{", "all-linear", "the type is not known"),
    ],
)
def test_modules_of_an_adapter_that_names_none_are_those_of_peft(
    load, tmp_path, config, modules, why
):
    (tmp_path / "config.json").write_text(config)
    text = OLD.replace("a/b", str(tmp_path)) + "use_peft: true\n"
    config, notes = load(text)
    assert config.lora_target_modules == modules
    assert [why in note for note in notes if "lora_target_modules" in note] == [True]
    assert load(f"{text}lora_target_modules: [o_proj]\n")[0].lora_target_modules == ("o_proj",)
    assert load(text, "lora_target_modules=all-linear")[0].lora_target_modules == "all-linear"


def test_the_type_of_a_model_on_the_hub_is_looked_up_only_where_it_counts(
    load, tmp_path, monkeypatch
):
    asked = []
    (tmp_path / "config.json").write_text('{"model_type": "mistral"}')
    monkeypatch.setattr(
        training_files,
        "_download",
        lambda *name: asked.append(name) or (tmp_path / "config.json", True),
    )
    load(OLD)
    load(f"{OLD}use_peft: true\nlora_target_modules: all-linear\n")
    assert asked == []
    config, _ = load(f"{OLD}use_peft: true\nmodel_revision: v2\n")
    assert asked == [("a/b", "config.json", "v2")]
    assert config.lora_target_modules == ("q_proj", "v_proj")


def test_the_modules_are_those_that_peft_has():
    from peft.utils.constants import TRANSFORMERS_MODELS_TO_LORA_TARGET_MODULES_MAPPING as PEFT

    assert {name: tuple(PEFT[name]) for name in LORA_TARGETS} == LORA_TARGETS


@pytest.mark.parametrize(
    ("lines", "key", "expected"),
    [
        ("use_bnb_nested_quant: true", "use_bnb_nested_quant", "ignored: so it is here"),
        ("use_bnb_nested_quant: false", "use_bnb_nested_quant", "not honoured: scales"),
        ("", "use_bnb_nested_quant (not in the file, and so off)", "not honoured: scales"),
        ("bnb_4bit_quant_type: nf4", "bnb_4bit_quant_type", "ignored: so it is here"),
        ("bnb_4bit_quant_type: fp4", "bnb_4bit_quant_type", "not honoured: always NF4"),
    ],
)
def test_weights_in_4_bits_have_one_form(gpu, load, lines, key, expected):
    qlora = f"{OLD}use_peft: true\nlora_target_modules: all-linear\nload_in_4bit: true\n{lines}\n"
    assert [expected in note for note in find_notes(load(qlora)[1], key)] == [True]
    plain = find_notes(load(f"{OLD}{lines}\n")[1], key)
    assert all("ignored" in note for note in plain)


def test_the_best_checkpoint_is_kept_where_something_is_measured(load):
    lines = "load_best_model_at_end: true\nmetric_for_best_model: loss\ngreater_is_better: false\n"
    config, _ = load(f"{OLD}{lines}eval_strategy: steps\n")
    assert (config.metric_for_best_model, config.greater_is_better) == ("eval_loss", False)
    assert load(OLD + lines)[0].metric_for_best_model is None


def test_other_places_of_a_key(load):
    config, _ = load(f"{OLD}ddp_timeout: 60\nuse_flash_attention_2: true\nuse_cpu: true\n")
    assert config.resources.timeout_seconds == 60
    assert config.resources.attn_implementation == "sdpa"
    assert config.resources.num_gpus == 0


@pytest.mark.parametrize(
    ("template", "auto", "inserted"),
    [
        ("system", None, True),
        ("system", "true", True),
        ("system", "false", False),
        ("x", None, False),
    ],
)
def test_the_empty_system_message(load, template, auto, inserted):
    text = f"{OLD}chat_template: '{{# {template} #}}{{{{ messages }}}}'\n"
    text += f"auto_insert_empty_system_msg: {auto}\n" if auto else ""
    assert load(text)[0].chat_template.startswith(EMPTY_SYSTEM) is inserted


def test_the_empty_system_message_is_rendered_once():
    from jinja2 import Environment

    template = Environment().from_string(
        EMPTY_SYSTEM + "{% for m in messages %}<{{ m.role }}>{{ m.content }}{% endfor %}"
    )
    user = {"role": "user", "content": "hi"}
    system = {"role": "system", "content": "be kind"}
    assert template.render(messages=[user]) == "<system><user>hi"
    assert template.render(messages=[system, user]) == "<system>be kind<user>hi"


def test_the_empty_system_message_is_encoded_as_the_handbook_does():
    from alignray.chat import ChatTokenizer

    template = yaml.safe_load((FILES / "sft_full.yaml").read_text())["chat_template"]
    dialogue = [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "yes"}]
    empty = [{"role": "system", "content": ""}, *dialogue]
    ours = ChatTokenizer.load("pocket-base", chat_template=EMPTY_SYSTEM + template)
    theirs = ChatTokenizer.load("pocket-base", chat_template=template)
    assert ours.encode_dialogue(dialogue) == theirs.encode_dialogue(empty)
    assert ours.encode_dialogue(empty) == theirs.encode_dialogue(empty)
    assert ours.encode_dialogue(dialogue) != theirs.encode_dialogue(dialogue)


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (
            "max_seq_lenght: 1",
            r"recipe.yaml:6: unknown key `max_seq_lenght`; did you mean `max_seq_length`",
        ),
        ("max_prompt_length: 512", "not a key of .*SFT recipes: `alignray dpo` reads those"),
        ("loss_on: all", "but of alignray: give it as an argument"),
        ("zzzz: 1", "not a key of alignment-handbook's SFT recipes"),
        ("per_device_train_batch_size: 0", "`per_device_train_batch_size` is 0; expected a number"),
        ("per_device_eval_batch_siz: 1", "did you mean `per_device_eval_batch_size`"),
        ("gradient_accumulation_steps: auto", "`gradient_accumulation_steps` is 'auto'"),
        ("dataset_configs: [a]", "has 1 values; expected 2: one per data set of dataset_mixer"),
        (
            "learning_rate: fast",
            "recipe.yaml:6: `learning_rate` is 'fast'; expected float, above 0",
        ),
        ("lr_scheduler_type: steep", r"expected linear \| cosine"),
    ],
)
def test_errors(load, lines, expected):
    with pytest.raises(ConfigError, match=expected):
        load(f"{OLD}{lines}\n")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (OLD.replace("0.5", "1.5"), r"recipe.yaml:3: `dataset_mixer.o/n` is 1.5; expected a share"),
        (OLD.replace("test_x", "other"), "has 'other'; expected names with `train` or `test`"),
        (OLD.replace("train_x, ", ""), "has no split to train on"),
        (LIST.replace("id: o/n, split", "name: o/n, split"), "datasets.0` has no id"),
        (LIST.replace("weight", "wieght"), "unknown key `.*wieght`; did you mean `weight`"),
        (LIST.replace("weight: 0.5", "weight: -1"), "datasets.0.weight` is -1; expected a share"),
        (LIST.replace("  datasets", "  sed: 1\n  datasets"), "did you mean `seed`"),
        ("{torch_dtype: auto, output_dir: o}", "no data set; expected dataset_mixer"),
    ],
)
def test_errors_of_data_sets(load, text, expected):
    with pytest.raises(ConfigError, match=expected):
        load(text)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ({"dataset_mixer": {}}, True),
        ({"dataset_mixture": {"a": 1}}, True),
        ({"dataset_mixture": {"datasets": []}}, True),
        ({"torch_dtype": "auto"}, True),
        ({"gradient_accumulation_steps": 1, "beta": 0.1}, True),
        ({"dataset_mixture": [{"dataset": "a"}]}, False),
        ({"dataset": "a", "per_device_train_batch_size": 4}, False),
        ({"dataset_mixture": [], "torch_dtype": "auto"}, False),
        ({"train_batch_size": 4, "learning_rate": 1}, False),
        ({}, False),
    ],
)
def test_a_recipe_is_known_by_its_keys(content, expected):
    assert is_handbook(content) is expected


def test_our_own_files_are_read_as_before(load):
    text = "{model_name_or_path: a/b, dataset: d.jsonl, output_dir: o, learning_rate: 1e-3}"
    config, notes = load(text)
    assert (notes, config.use_peft, config.learning_rate) == ([], True, 1e-3)
    with pytest.raises(ConfigError, match=r"did you mean `resources.per_device_train_batch_size`"):
        load(text.replace("}", ", per_device_train_batch_size: 4}"))


def test_a_launch_file_with_our_own_configuration(load):
    text = "{model_name_or_path: a/b, dataset: d, output_dir: o, train_batch_size: 64}"
    config, notes = load(text, launch=str(FILES / "deepspeed_zero3.yaml"))
    resources = config.resources
    assert (resources.num_workers, resources.strategy, resources.offload) == (8, "zero3", "none")
    assert (resources.per_device_train_batch_size, resources.num_gpus) == (8, 0)
    assert config.use_peft is True
    assert "deepspeed_zero3.yaml: num_processes -> resources.num_workers=8" in notes
    config, _ = load(text, "resources.num_workers=4", launch=str(FILES / "fsdp.yaml"))
    assert (config.resources.num_workers, config.resources.strategy) == (4, "zero3")


def test_a_launch_file_alone():
    overrides = ["model_name_or_path=a/b", "dataset=d", "output_dir=o", "train_batch_size=64"]
    launch = str(FILES / "multi_gpu.yaml")
    config, _ = load_training_config(SFTStageConfig, (None, launch), overrides)
    assert (config.resources.num_workers, config.resources.strategy) == (8, "replicated")


def test_a_deepspeed_configuration_in_json(load, tmp_path):
    path = tmp_path / "ds.json"
    path.write_text('{\n\t"zero_optimization": {"stage": 2}, "train_batch_size": "auto"}')
    config, _ = load(OLD, launch=str(path))
    assert (config.resources.strategy, config.resources.num_workers) == ("zero2", 1)
    path.write_text("{")
    with pytest.raises(ConfigError, match=r"ds.json: not JSON"):
        load(OLD, launch=str(path))
    with pytest.raises(ConfigError, match="no such file"):
        load(OLD, launch=str(tmp_path / "none.json"))


def test_no_key_is_in_two_tables():
    tables = [
        set(handbook_keys.SAME), set(handbook_keys.SAME_IN_DPO), set(handbook_keys.RENAMED),
        set(handbook_keys.RENAMED_IN_SFT), set(handbook_keys.IGNORED), set(handbook_keys.REFUSED),
        set(handbook_keys.REFUSED_IN_DPO), set(handbook_keys.DATA), set(RULES),
        set(RULES_OF["sft"]), set(RULES_OF["dpo"]),
    ]  # fmt: skip
    assert sum(map(len, tables)) == len(set().union(*tables))
