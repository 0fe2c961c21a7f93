"""Pushing to a real HTTP server: what arrives, with which token, and what a failure leaves."""

import hashlib
import json

import huggingface_hub.constants
import pytest

from alignray.config.sft import SFTStageConfig
from alignray.errors import EXIT_BAD_INPUT, ConfigError, HubError
from alignray.training.outputs.card import build_model_card
from alignray.training.outputs.hub import check_hub, publish_model
from tests.training.hub_server import TOKEN


def make(out, **fields):
    return SFTStageConfig(
        output_dir=str(out),
        model_name_or_path="owner/base",
        dataset="pocket:train",
        **{"push_to_hub": True, "hub_model_id": "me/tuned", **fields},
    )


@pytest.fixture
def stage(tmp_path):
    """A finished stage with what a trainer leaves, wanted and not."""
    config = make(tmp_path / "sft")
    model = tmp_path / "sft" / "model"
    model.mkdir(parents=True)
    card = build_model_card(
        config, "sft", "Supervised fine-tuning", {"loss": 0.5, "loss_steps": [1, 4]}
    )
    (model / "README.md").write_text(card)
    (model / "adapter_config.json").write_text('{"r": 8}')
    (model / "adapter_model.safetensors").write_bytes(b"\x00\x01weights" * 1000)
    (model / "chat_template.jinja").write_text("{{ messages }}")
    (model / "tokenizer.json").write_text("{}")
    for name in ("training_args.bin", "optimizer.pt", "trainer_state.json", ".secret"):
        (model / name).write_text("not for the hub")
    (model / "global_step2").mkdir()
    (model / "global_step2" / "optim_states.pt").write_text("not for the hub")
    outputs = {
        f"model/{path.relative_to(model)}": hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(model.rglob("*"))
        if path.is_file()
    }
    return config, tmp_path / "sft", {"outputs": outputs, "fingerprint": "f" * 32}


def test_the_files_on_the_hub_are_those_on_disk(hub, stage):
    config, path, record = stage
    publish_model(config, path, record)
    pushed = hub.repositories["me/tuned"]
    wanted = {
        "README.md",
        "adapter_config.json",
        "adapter_model.safetensors",
        "chat_template.jinja",
        "tokenizer.json",
    }
    assert set(pushed) == wanted
    for name, content in pushed.items():
        assert content == (path / "model" / name).read_bytes()
    assert hub.private["me/tuned"] is True
    assert len(hub.commits) == 1
    assert hub.unauthorised == 0


def test_no_local_path_is_pushed(hub, stage):
    config, path, record = stage
    model = path / "model"
    base = path.parent / "bases" / "tiny model"
    named = {"base_model_name_or_path": str(base), "r": 8}
    (model / "adapter_config.json").write_text(json.dumps(named))
    (model / "alignray.json").write_text(json.dumps({"base": str(base), "template_digest": "d"}))
    card = (model / "README.md").read_text()
    (model / "README.md").write_text(f"{card}\nOf `{path / 'rows.jsonl'}`.\n")
    before = {p: p.read_bytes() for p in model.iterdir() if p.is_file()}
    publish_model(config, path, record)
    pushed = hub.repositories["me/tuned"]
    assert json.loads(pushed["adapter_config.json"]) == {
        "base_model_name_or_path": "tiny model",
        "r": 8,
    }
    assert json.loads(pushed["alignray.json"])["base"] == "tiny model"
    assert b"Of `rows.jsonl`." in pushed["README.md"]
    for content in pushed.values():
        assert str(path.parent).encode() not in content
    assert {p: p.read_bytes() for p in model.iterdir() if p.is_file()} == before


def test_it_goes_where_the_hub_says_the_repository_is(hub, stage):
    config, path, record = stage
    hub.renamed["me/tuned"] = "me/renamed"
    publish_model(config, path, record)
    assert set(hub.repositories) == {"me/renamed"} and hub.repositories["me/renamed"]


def test_a_second_run_pushes_nothing_and_another_model_again(hub, stage):
    config, path, record = stage
    publish_model(config, path, record)
    calls = len(hub.calls)
    publish_model(config, path, record)
    assert len(hub.calls) == calls
    publish_model(config, path, {**record, "fingerprint": "0" * 32})
    assert len(hub.commits) == 2


def test_the_token_is_written_nowhere(hub, stage):
    config, path, record = stage
    publish_model(config, path, record)
    marker = json.loads((path / "logs" / "hub.json").read_text())
    assert marker["repository"] == "me/tuned"
    assert marker["commit"].startswith(hub.url)
    assert TOKEN not in config.model_dump_json()
    for file in path.rglob("*"):
        assert not file.is_file() or TOKEN.encode() not in file.read_bytes()


def test_a_refusal_is_one_line_and_the_next_run_only_pushes(hub, stage):
    config, path, record = stage
    before = {p: p.stat().st_mtime_ns for p in path.rglob("*")}
    hub.fail_commits = True
    with pytest.raises(HubError, match="not pushed") as caught:
        publish_model(config, path, record)
    text = str(caught.value)
    assert "\n" not in text and TOKEN not in text
    assert text.endswith("run again to push them")
    assert caught.value.exit_code == 1
    assert {p: p.stat().st_mtime_ns for p in path.rglob("*")} == before
    hub.fail_commits = False
    publish_model(config, path, record)
    assert len(hub.commits) == 1


def test_a_wrong_token_is_one_line_without_the_token(hub, stage, monkeypatch):
    config, path, record = stage
    monkeypatch.setenv("HF_TOKEN", "hf_wrong_token")
    with pytest.raises(HubError, match="401") as caught:
        publish_model(config, path, record)
    assert "hf_wrong_token" not in str(caught.value)
    assert hub.unauthorised > 0


def test_a_hub_that_does_not_answer_is_one_line(hub, stage, monkeypatch):
    config, path, record = stage
    hub.close()
    with pytest.raises(HubError, match=r"not pushed .*run again"):
        publish_model(config, path, record)


def test_without_a_token_nothing_starts(monkeypatch, tmp_path):
    monkeypatch.delenv("HF_TOKEN", raising=False)
    with pytest.raises(ConfigError, match=r"\$HF_TOKEN is not set") as caught:
        check_hub(make(tmp_path))
    assert caught.value.exit_code == EXIT_BAD_INPUT
    check_hub(make(tmp_path, push_to_hub=False, hub_model_id=None))


def test_offline_is_said_before_anything_starts(monkeypatch, tmp_path):
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(ConfigError, match="HF_HUB_OFFLINE is set"):
        check_hub(make(tmp_path))
