import json

import pytest

from alignray.artifacts import describe_difference, release_claim
from alignray.fingerprint import compute_data_identity


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "set" / "part").mkdir(parents=True)
    (tmp_path / "set" / "part" / "train.jsonl").write_text(json.dumps({"prompt": "a"}))
    return tmp_path / "set"


def test_parts_splits_and_prefixes_count_by_name_and_content(folder):
    names = [
        f"{folder}",
        f"{folder}@part",
        f"{folder}@part:train",
        f"{folder}/part:train",
        f"hh-rlhf:{folder}@part:train",
        f"pku-saferlhf:{folder}/part",
        f"sharegpt:{folder}/part/train.jsonl",
    ]
    before = [compute_data_identity(name) for name in names]
    assert len(set(before)) == len(names)
    (folder / "part" / "train.jsonl").write_text(json.dumps({"prompt": "b"}))
    after = [compute_data_identity(name) for name in names]
    assert not set(before) & set(after)


def test_the_place_of_the_files_does_not_count(folder):
    before = compute_data_identity(f"shp:{folder}@part:train")
    folder.rename(folder.with_name("moved"))
    assert compute_data_identity(f"shp:{folder.with_name('moved')}@part:train") == before


def test_what_is_not_here_counts_by_name():
    assert compute_data_identity("owner/name@part:test") == "name:owner/name@part:test"
    assert compute_data_identity("pocket:train") == "name:pocket:train"


def test_a_split_of_a_plain_local_name_counts_by_content(folder, monkeypatch):
    monkeypatch.chdir(folder)
    before = compute_data_identity("part:train")
    (folder / "part" / "train.jsonl").write_text(json.dumps({"prompt": "b"}))
    assert compute_data_identity("part:train") != before


def test_a_difference_says_whether_an_input_changed_or_is_another():
    def claim(**inputs):
        named = {
            field: {"name": name, "identity": identity}
            for field, (name, identity) in inputs.items()
        }
        return {"verb": "sft", "config": {}, "inputs": named}

    before = claim(dataset=("a", "1"), eval_dataset=("e", "2"), adapter=("x", "3"))
    after = claim(dataset=("a", "9"), adapter=("y", "4"), tokenizer=("t", "5"))
    assert describe_difference(before, after) == (
        "adapter: x there, y now, content of dataset: a has changed,"
        " eval_dataset: e there, none now, tokenizer: none there, t now"
    )


def test_a_directory_is_given_back_unless_something_was_written(tmp_path):
    for name, files in (("empty", []), ("claimed", ["config.json"]), ("kept", ["data/a.jsonl"])):
        (tmp_path / name / "data").mkdir(parents=True)
        for file in files:
            (tmp_path / name / file).write_text("{}")
        release_claim(tmp_path / name)
    release_claim(tmp_path / "none")
    assert [path.name for path in tmp_path.iterdir()] == ["kept"]
