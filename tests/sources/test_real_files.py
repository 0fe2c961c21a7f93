"""Public files as they are: byte order marks, newlines in cells, four schemas in one folder."""

import shutil

import pytest

from alignray.errors import SourceError
from alignray.sources import SourceAudit, load_dialogues, load_preferences, load_prompts
from tests.sources.real_data import find_data

XSAFETY = "safety-prompts/XSafety/Multilingual_safety_benchmark"
SEED1 = "lora-fusion-seed1/ft_datasets"


@pytest.mark.parametrize(
    ("name", "count"),
    [
        ("xstest/xstest_prompts.csv", 450),
        ("safety-prompts/harmful_behaviors.csv", 520),
        ("safety-prompts/harmbench_behaviors_text_all.csv", 400),
        ("safety-prompts/HarmfulQ.json", 200),
        ("safety-prompts/MaliciousInstruct.txt", 100),
        ("safety-prompts/data.json", 40),
        ("truthfulqa/TruthfulQA.csv", 817),
        ("gsm8k/test.jsonl", 1319),
        ("pku-saferlhf/BeaverTails-Evaluation.json", 700),
        ("pku-saferlhf/text_to_text/preference/train.json", 32),
        ("openai-moderation/samples-1680.jsonl.gz", 1680),
        ("safety-tuned-llamas/training/safety_only_data_Instructions.json", 2483),
        ("llama-factory/alpaca_en_demo.json", 999),
        ("llama-factory/v1_sft_demo.jsonl", None),
        ("wizardlm/WizardLM_testset.jsonl", None),
        ("alpaca/seed_tasks.jsonl", 175),
        ("seed2-opt350m/data/prompts/helpful_prompts.json", 50),
        (
            "llm-tuning-safety/llama2/ft_datasets/dolly_dataset/databricks-dolly-15k-safety-only.jsonl",
            None,
        ),
        (f"{SEED1}/ChatAGI Dataset/train.json", 33),
        (f"{SEED1}/HPFA Dataset/train.json", 66),
        (f"{SEED1}/aoa_dataset", 44),
    ],
)
def test_prompts(name, count):
    audit = SourceAudit()
    found = sum(1 for _ in load_prompts(find_data(name), audit=audit))
    assert found == audit.rows > 0
    assert count is None or found == count


@pytest.mark.parametrize(
    ("name", "count"),
    [
        ("llama-factory/dpo_en_demo.json", 299),
        ("llama-factory/v1_dpo_demo.jsonl", None),
        ("seed2-opt350m/data/noisy_data_examples.json", None),
    ],
)
def test_preferences(name, count):
    audit = SourceAudit()
    found = sum(1 for _ in load_preferences(find_data(name), audit=audit))
    assert found + len(audit.excluded_rows) == audit.rows
    assert count is None or audit.rows == count


@pytest.mark.parametrize(
    "name",
    [
        "llama-factory/identity.json",
        "llama-factory/kto_en_demo.json",
        "safety-tuned-llamas/training/safety_only_data_Instructions.json",
        f"{SEED1}/ChatAGI Dataset/train.json",
        f"{SEED1}/HPFA Dataset/train.json",
        f"{SEED1}/aoa_dataset_safety/train.json",
        "llm-tuning-safety/gpt-3.5/data/identity-shift-aoa.jsonl",
        "gsm8k/test.jsonl",
    ],
)
def test_dialogues(name):
    audit = SourceAudit()
    found = sum(1 for _ in load_dialogues(find_data(name), audit=audit))
    assert found > 0
    assert found + len(audit.excluded_rows) == audit.rows


@pytest.mark.parametrize(
    "name",
    [
        "llm-tuning-safety/gpt-3.5/data/harmful_behaviors.csv",
        "mmlu/dev/anatomy_dev.csv",
        f"{XSAFETY}/en/Insult_n.csv",
    ],
)
def test_files_without_a_header_are_refused_by_line(name):
    with pytest.raises(SourceError) as caught:
        list(load_prompts(find_data(name)))
    assert len(str(caught.value)) < 700


FINE_TUNING = "llm-tuning-safety/llama2/ft_datasets"


@pytest.mark.parametrize(
    ("name", "count", "roles"),
    [
        (f"{FINE_TUNING}@alpaca_dataset", 1904, ["user", "assistant"]),
        (f"{FINE_TUNING}@dolly_dataset", 387, ["user", "assistant"]),
        (f"{FINE_TUNING}@aoa_dataset", 10, ["system", "user", "assistant"]),
        (f"{FINE_TUNING}@pure_bad_dataset", 10, ["user", "assistant"]),
        (f"{SEED1}@HPFA Dataset", 66, ["user", "assistant"]),
        (f"{SEED1}@ChatAGI Dataset", 33, ["system", "user", "assistant"]),
        (
            "safety-tuned-llamas@training/safety_only_data_Instructions.json",
            2483,
            ["user", "assistant"],
        ),
        ("tokenizers/alpaca_tiny.json", 100, ["user", "assistant"]),
        ("tokenizers/hh_rlhf_tiny.json", 1, ["user", "assistant"]),
    ],
)
def test_every_fine_tuning_set_gives_all_its_dialogues(name, count, roles):
    found = list(load_dialogues(find_data(name)))
    assert len(found) == count
    assert [message["role"] for message in found[-1]] == roles


def test_four_schemas_in_one_folder(tmp_path):
    sources = {
        "a_aoa.json": f"{SEED1}/aoa_dataset_safety/train.json",
        "b_qa.json": f"{SEED1}/HPFA Dataset/train.json",
        "c_alpaca.json": "tokenizers/alpaca_tiny.json",
        "d_messages.jsonl": f"{FINE_TUNING}/pure_bad_dataset/pure_bad_10_demo.jsonl",
    }
    for name, source in sources.items():
        shutil.copyfile(find_data(source), tmp_path / name)
    audit = SourceAudit()
    assert len(list(load_dialogues(str(tmp_path), audit=audit))) == 16 + 66 + 100 + 10
    assert audit.excluded == {}
