"""A trained model without a training: card, record, a push that fails, and the command again."""

import pytest
import yaml

from alignray.artifacts import Counts, open_stage
from alignray.cli import main
from alignray.config.sft import SFTStageConfig
from alignray.durable import read_json, write_json
from alignray.errors import HubError
from alignray.training.outputs.completion import complete_stage, reopen_stage
from alignray.training.sft import SFTMethod
from tests.training.conftest import build_dialogues, write_rows
from tests.training.hub_server import TOKEN


@pytest.fixture
def trained(tiny_model, tmp_path):
    """A stage as it is when the workers are done."""
    rows = write_rows(tmp_path / "rows.parquet", build_dialogues(4))
    fields = {
        "output_dir": str(tmp_path / "sft"),
        "model_name_or_path": str(tiny_model),
        "dataset": str(rows),
        "push_to_hub": True,
        "hub_model_id": "me/tuned",
    }
    stage = open_stage(SFTStageConfig(**fields), "sft")
    (stage.path / "model").mkdir()
    (stage.path / "model" / "adapter_model.safetensors").write_bytes(b"weights")
    (stage.path / "checkpoints").mkdir()
    (stage.path / "merged_base").mkdir()
    (stage.path / "merged_base" / "model.safetensors").write_bytes(b"large")
    write_json(stage.path / "checkpoints" / "summary.json", {"strategy": "zero2"})
    return stage, [f"{name}={value}" for name, value in fields.items()]


def complete(stage):
    metrics = {"loss": 0.5, "loss_steps": [1, 2]}
    return complete_stage(stage, SFTMethod(stage.config), Counts(4, 4), metrics)


def test_the_card_holds_the_lineage_and_the_merged_base_is_gone(hub, trained):
    stage, _ = trained
    record = complete(stage)
    card = (stage.path / "model" / "README.md").read_text()
    assert yaml.safe_load(card.split("---")[1])["license"] == "other"
    for row in (f"| fingerprint | {record['fingerprint']} |", "| strategy | zero2 |"):
        assert row in card
    identity = record["inputs"]["dataset"]["identity"]
    assert f"({identity}) |" in card
    assert not (stage.path / "merged_base").exists()
    assert "model/README.md" in record["outputs"]


def test_a_push_that_fails_leaves_all_else_and_the_command_only_pushes(hub, trained, capsys):
    stage, arguments = trained
    hub.fail_commits = True
    with pytest.raises(HubError, match="run again to push"):
        complete(stage)
    record = read_json(stage.path / "record.json")
    written = (stage.path / "record.json").stat().st_mtime_ns
    assert main(["sft", *arguments]) == 1  # still refused
    error = capsys.readouterr().err
    assert "alignray: error: " in error and "not pushed" in error and TOKEN not in error
    hub.fail_commits = False
    assert main(["sft", *arguments]) == 0
    pushed = hub.repositories["me/tuned"]
    assert pushed["adapter_model.safetensors"] == b"weights"
    local = str(stage.path.parent).encode()
    card = (stage.path / "model" / "README.md").read_bytes()
    assert local in card and local not in pushed["README.md"]
    assert pushed["README.md"].splitlines()[:5] == card.splitlines()[:5]
    assert (stage.path / "record.json").stat().st_mtime_ns == written
    calls = len(hub.calls)
    assert main(["sft", *arguments]) == 0
    assert len(hub.calls) == calls
    assert read_json(stage.path / "record.json") == record


def test_without_a_push_nothing_is_called(hub, trained):
    stage, _ = trained
    quiet = stage.config.model_copy(update={"push_to_hub": False})
    object.__setattr__(stage, "config", quiet)
    record = complete(stage)
    assert reopen_stage(stage) == record
    assert hub.calls == []


def test_the_command_without_a_token_does_nothing(hub, trained, monkeypatch, capsys):
    stage, arguments = trained
    monkeypatch.delenv("HF_TOKEN")
    (stage.path / "model" / "adapter_model.safetensors").unlink()
    assert main(["sft", *arguments]) == 2
    assert "$HF_TOKEN is not set" in capsys.readouterr().err
