import json

import pytest

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
