"""Cards: front matter that the hub accepts, and lineage."""

import yaml

from alignray.config.dpo import DPOStageConfig
from alignray.training.outputs.card import Lineage, build_model_card, name_on_hub, read_card
from tests.training.hub_server import FakeHub


def make(**fields):
    given = {"output_dir": "runs/x/dpo", "model_name_or_path": "owner/base", "dataset": "owner/set"}
    return DPOStageConfig(**given | fields)


def read_front(card):
    return yaml.safe_load(card.split("---")[1])


def build(config, metrics=None, lineage=None):
    return build_model_card(config, "dpo", "Direct preference optimization", metrics or {}, lineage)


def accepts(card) -> bool:
    return FakeHub.check_card(None, {"content": card})[0] == 200


def test_names_of_the_hub_are_linked():
    card = build(make(dataset="Anthropic/hh-rlhf@harmless-base:train"))
    assert read_front(card) == {
        "base_model": "owner/base",
        "base_model_relation": "adapter",
        "library_name": "peft",
        "pipeline_tag": "text-generation",
        "license": "other",
        "tags": ["alignray", "trl", "dpo", "lora"],
        "datasets": ["Anthropic/hh-rlhf"],
    }
    assert accepts(card)


def test_paths_are_not_given_to_the_hub_as_names(tiny_model, tmp_path):
    data = tmp_path / "rows.parquet"
    data.write_bytes(b"")
    card = build(make(model_name_or_path=str(tiny_model), dataset=str(data)))
    front = read_front(card)
    assert "base_model" not in front and "datasets" not in front
    assert f"`{tiny_model}`" in card and f"`{data}`" in card
    assert accepts(card)


def test_a_mixture_names_all_its_sets():
    mixture = [{"dataset": "a/b"}, {"dataset": "pocket:train"}, {"dataset": "a/b"}]
    card = build(make(dataset=None, dataset_mixture=mixture))
    assert read_front(card)["datasets"] == ["a/b"]
    assert "`a/b` + `pocket:train`" in card


def test_the_card_of_the_base_says_licence_and_ancestor(tiny_model, tmp_path):
    import shutil

    base = shutil.copytree(tiny_model, tmp_path / "base")
    text = "---\nlicense: apache-2.0\nbase_model: owner/first\n---\n# Base\n"
    (base / "README.md").write_text(text)
    front = read_front(build(make(model_name_or_path=str(base), use_peft=False)))
    assert front["license"] == "apache-2.0"
    assert front["base_model"] == "owner/first"
    assert front["base_model_relation"] == "finetune"
    assert front["library_name"] == "transformers"


def test_a_card_that_is_no_card_says_nothing(tiny_model, tmp_path):
    import shutil

    base = shutil.copytree(tiny_model, tmp_path / "base")
    for text in ("no front matter", "---\n: : [\n---\n", "---\n- a list\n---\n"):
        (base / "README.md").write_text(text)
        assert read_card(str(base)) == {}


def test_lineage_and_measurements_are_told():
    inputs = {"dataset": {"name": "owner/set", "identity": "abc123"}}
    lineage = Lineage("f00d", inputs, "d1gest", "zero3")
    config = make(adapter_name_or_path="owner/adapter", adapter_mode="stack", seed=7)
    metrics = {"loss": 0.25, "loss_steps": [1081, 1200], "steps": 1200, "result_step": 300}
    metrics |= {"eval_perplexity": 12.5, "eval_step": 300}
    card = build(config, metrics, lineage)
    rows = [
        "| adapter built on | owner/adapter (stack, merged first) |",
        "| dataset (content) | owner/set (abc123) |",
        "| chat template (digest) | d1gest |",
        "| seed | 7 |",
        "| strategy | zero3 |",
        "| fingerprint | f00d |",
        "| training loss (mean of steps 1081 to 1200) | 0.25 |",
        "| perplexity on eval_dataset (step 300) | 12.5 |",
        "| step of these weights | 300 |",
        "| optimizer steps | 1,200 |",
    ]
    assert [row for row in rows if row not in card] == []
    assert "code version | alignray " in card


def test_merged_results_are_full_weights():
    config = make(adapter_name_or_path="owner/adapter", adapter_mode="merge")
    card = build(config)
    assert "Full weights." in card
    assert read_front(card)["library_name"] == "transformers"


def test_a_template_of_several_lines_stays_in_its_cell():
    card = build(make(chat_template="{% for m in messages %}\n{{ m | trim }}{% endfor %}"))
    assert "{{ m \\| trim }}{% endfor %} |" in card


def test_names_on_the_hub(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "pairs").mkdir()
    assert name_on_hub("owner/set:test") == "owner/set"
    assert name_on_hub("runs/pairs") is None
    assert name_on_hub("pocket:train") is None
    assert name_on_hub("data/rows.jsonl") is None
