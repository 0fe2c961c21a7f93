"""A dry run refuses what the run would, in the same words, and writes nothing."""

import json

import pytest

from alignray.cli import main
from tests.training.conftest import build_dialogues, build_model, build_pairs, write_rows
from tests.training.made_adapters import write_random_adapter

BATCH = ["train_batch_size=8", "resources.per_device_train_batch_size=8"]


@pytest.fixture
def rows(tmp_path):
    """A file of dialogues, a directory of pairs with the splits train and test."""
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in build_dialogues(12)))
    write_rows(tmp_path / "pairs" / "train.parquet", build_pairs(12))
    write_rows(tmp_path / "pairs" / "test.parquet", build_pairs(3))
    return tmp_path


def run_both(capsys, tmp_path, *arguments) -> str:
    """The line that both the dry run and the run end with; nothing is left."""
    lines = []
    given = [*arguments, f"output_dir={tmp_path / 'out'}"]
    for option in (["--dry-run"], []):
        assert main([*given, *option]) == 2
        shown = capsys.readouterr()
        lines.append(shown.err.strip())
        if option:
            assert f"# would be refused: {lines[0].removeprefix('alignray: error: ')}" in shown.out
    assert lines[0] == lines[1] and "\n" not in lines[0]
    assert not (tmp_path / "out").exists()
    return lines[0]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["sft", "dataset=rows.jsonl:train"], "a split of a file"),
        (["dpo", "dataset=pairs:validation"], "splits: test, train; expected validation"),
        (["dpo", "dataset=pairs", "eval_dataset=pairs:dev"], "splits: test, train; expected dev"),
        (["dpo", "dataset=pairs:test"], "3 of 3 rows can be trained on; expected at least one"),
        (["sft", "dataset=rows.jsonl", "max_length=9"], "0 of 12 rows can be trained on (12 too"),
        (["sft", "dataset=rows.jsonl", "packing=true"], "12 of 12 rows can be trained on in 3 pac"),
        (["sft", "dataset=rows.jsonl", "lora_target_modules=[q_prj]"], "mean `q_proj`"),
        (["sft", "dataset=rows.jsonl", "load_in_4bit=true"], "load_in_4bit=true: "),
        (["sft", "dataset=pocket:trian"], "pocket:trian: no such split"),
    ],
)
def test_what_the_run_refuses(capsys, tiny_model, rows, monkeypatch, arguments, expected):
    monkeypatch.chdir(rows)
    verb, *rest = arguments
    model = f"model_name_or_path={tiny_model}"
    assert expected in run_both(capsys, rows, verb, model, *BATCH, *rest)


def test_an_adapter_of_another_base(capsys, tiny_model, rows):
    build_model(259, seed=7).save_pretrained(rows / "other")
    adapter = write_random_adapter(rows / "other", rows / "adapter")
    given = [f"model_name_or_path={tiny_model}", f"adapter_name_or_path={adapter}"]
    capsys.readouterr()
    given += ["lora_r=4", "lora_alpha=8", f"dataset={rows / 'rows.jsonl'}"]
    assert f"adapter of {rows / 'other'}; expected one of" in run_both(capsys, rows, "sft", *given)


def test_what_would_run_is_approved_and_encodes_only_what_tells(
    capsys, tiny_model, rows, monkeypatch
):
    from alignray.training.sft import SFTMethod

    seen = []
    whole = SFTMethod.encode
    monkeypatch.setattr(SFTMethod, "encode", lambda *given: seen.append(0) or whole(*given))
    given = ["sft", f"model_name_or_path={tiny_model}", *BATCH, f"output_dir={rows / 'out'}"]
    assert main([*given, f"dataset={rows / 'rows.jsonl'}", "--dry-run"]) == 0
    assert "# would run: the directory is new" in capsys.readouterr().out
    assert len(seen) == 8
    assert not (rows / "out").exists()


def test_what_is_on_the_hub_is_not_fetched_but_all_else_is_checked(capsys, tiny_model, rows):
    far = ["sft", "model_name_or_path=owner/model", f"output_dir={rows / 'out'}", "--dry-run"]
    assert main([*far, "dataset=owner/set"]) == 0
    assert "# not looked into, as on the hub: owner/model, owner/set\n" in capsys.readouterr().out
    assert main([*far, f"dataset={rows / 'rows.jsonl'}:train"]) == 2
    assert "a split of a file" in capsys.readouterr().err
    near = ["sft", f"model_name_or_path={tiny_model}", *far[2:], "dataset=owner/set"]
    assert main(near) == 0
    assert main([*near, "lora_target_modules=[q_prj]"]) == 2
