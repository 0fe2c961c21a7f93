"""What of a model's files is pushed: all, with names in the place of paths."""

import json

import pytest

from alignray.training.outputs.hub_folder import hide_in_card, hide_in_json, link_folder


@pytest.mark.parametrize(
    ("card", "shown"),
    [
        ("of `/home/me/base` on `/data/rows.jsonl`.", "of `base` on `rows.jsonl`."),
        ("| base | /home/me/base |", "| base | base |"),
        ("hh-rlhf:/data/hh/train@sub:test", "hh-rlhf:train@sub:test"),
        ("on `~/sets/rows.jsonl`", "on `rows.jsonl`"),
        ("rewards/margins of owner/base at https://host/a/b", None),
        ("[INST] x [/INST] </s> and /think", None),
        ("../sets/rows.jsonl", None),
    ],
)
def test_absolute_paths_of_a_card_are_names(card, shown):
    assert hide_in_card(card) == (card if shown is None else shown)


def test_a_hub_id_and_a_file_without_paths_are_as_they_were():
    text = '{"base_model_name_or_path":   "owner/base", "chat_template": "{{ m }}", "r": 8}'
    assert hide_in_json(text) == text
    assert hide_in_json('{"target_modules": ["/a/b"]}') == '{"target_modules": ["/a/b"]}'


def test_a_relative_directory_is_not_taken_for_a_hub_id(tmp_path, monkeypatch):
    (tmp_path / "models" / "base").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    text = json.dumps({"base_model_name_or_path": "models/base"})
    assert json.loads(hide_in_json(text)) == {"base_model_name_or_path": "base"}


def test_weights_are_links_and_the_models_own_files_stay(tmp_path):
    model = tmp_path / "model"
    model.mkdir()
    (model / "model.safetensors").write_bytes(b"weights")
    config = json.dumps({"_name_or_path": "/home/me/base"})
    (model / "config.json").write_text(config)
    link_folder(model, tmp_path / "pushed")
    assert (tmp_path / "pushed" / "model.safetensors").is_symlink()
    assert json.loads((tmp_path / "pushed" / "config.json").read_text())["_name_or_path"] == "base"
    assert (model / "config.json").read_text() == config
