import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from alignray.errors import SourceError
from alignray.sources.rows import open_rows


def lines(path, *texts):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps({"prompt": text}) + "\n" for text in texts))
    return path


def prompts(name, **options):
    return [row.values["prompt"] for row in open_rows(str(name), **options)]


def test_rows_know_where_they_stand(tmp_path):
    path = lines(tmp_path / "deep" / "a.jsonl", "x", "y")
    rows = list(open_rows(str(path)))
    assert rows[1].where == f"{path}:2"
    assert rows[1].source == "a.jsonl:2"


def test_bare_texts_and_lists_are_prompts_and_conversations(tmp_path):
    path = tmp_path / "a.json"
    path.write_text('["hello", [{"role": "user", "content": "x"}]]')
    assert [dict(row.values) for row in open_rows(str(path))] == [
        {"prompt": "hello"},
        {"messages": [{"role": "user", "content": "x"}]},
    ]
    path.write_text("[1]")
    with pytest.raises(SourceError, match="row 0: a bare int"):
        list(open_rows(str(path)))


def test_a_directory_is_its_files_in_order(tmp_path):
    lines(tmp_path / "b.jsonl", "2")
    lines(tmp_path / "a.jsonl", "0", "1")
    (tmp_path / "README.md").write_text("not data")
    (tmp_path / ".hidden.jsonl").write_text("not data")
    assert prompts(tmp_path) == ["0", "1", "2"]
    assert [row.source for row in open_rows(str(tmp_path))] == [
        "a.jsonl:1",
        "a.jsonl:2",
        "b.jsonl:1",
    ]


def test_a_stage_output_is_its_data(tmp_path):
    (tmp_path / "data").mkdir()
    for part in range(2):
        table = pa.table({"prompt": [f"{part}"]})
        pq.write_table(table, tmp_path / "data" / f"part-0000{part}.parquet")
    (tmp_path / "record.json").write_text("{}")
    (tmp_path / "config.json").write_text("{}")
    assert prompts(tmp_path) == ["0", "1"]
    assert [row.source for row in open_rows(str(tmp_path))][1] == "data/part-00001.parquet:row 0"


def test_splits_are_never_mixed(tmp_path):
    lines(tmp_path / "test-00000-of-00001.jsonl", "secret")
    lines(tmp_path / "train-00001-of-00002.jsonl", "b")
    lines(tmp_path / "train-00000-of-00002.jsonl", "a")
    assert prompts(tmp_path) == ["a", "b"]
    assert prompts(f"{tmp_path}:test") == ["secret"]
    with pytest.raises(SourceError, match=r"splits: test, train; expected dev; name one"):
        prompts(f"{tmp_path}:dev")
    with pytest.raises(SourceError, match="PATH:SPLIT"):
        prompts(tmp_path, prefer=("sft",))


def test_a_split_with_a_longer_name_is_found_by_it(tmp_path):
    lines(tmp_path / "data/train_sft-00000-of-00001.jsonl", "a")
    lines(tmp_path / "data/train_gen-00000-of-00001.jsonl", "b")
    assert prompts(f"{tmp_path}:train_sft") == ["a"]
    with pytest.raises(SourceError, match="splits: train"):
        prompts(f"{tmp_path}:train_prefs")


def test_the_only_split_is_taken(tmp_path):
    lines(tmp_path / "test.jsonl", "a")
    assert prompts(tmp_path) == ["a"]


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("nowhere.jsonl", "no such file or directory"),
        ("some/where.jsonl", "no such file or directory"),
        ("nowhere", "no such file or directory"),
        ("/no/where/at/all", "no such file or directory"),
    ],
)
def test_missing(name, found):
    with pytest.raises(SourceError, match=found):
        prompts(name)


def test_other_faults(tmp_path):
    path = lines(tmp_path / "a.jsonl", "x")
    with pytest.raises(SourceError, match="a split of a file"):
        prompts(f"{path}:train")
    (tmp_path / "a.xlsx").write_text("x")
    with pytest.raises(SourceError, match=r"unknown file type `.xlsx`"):
        prompts(tmp_path / "a.xlsx")
    (tmp_path / "void.jsonl").write_text("\n\n")
    with pytest.raises(SourceError, match=r"void.jsonl: an empty file"):
        prompts(tmp_path / "void.jsonl")
    (tmp_path / "empty").mkdir()
    with pytest.raises(SourceError, match="no data files"):
        prompts(tmp_path / "empty")
    (tmp_path / "b.csv").write_text("prompt\nx\n")
    with pytest.raises(SourceError, match="files of CSV and JSONL"):
        prompts(tmp_path)


def test_a_subdirectory_is_named_as_on_the_hub(tmp_path):
    for part in ("helpful-base", "harmless-base"):
        (tmp_path / "hh" / part).mkdir(parents=True)
        for split in ("train", "test"):
            lines(tmp_path / "hh" / part / f"{split}.jsonl", part + split)

    def first(name):
        return next(iter(open_rows(name))).values["prompt"]

    assert first(f"{tmp_path}/hh@helpful-base") == "helpful-basetrain"
    assert first(f"{tmp_path}/hh@helpful-base:test") == "helpful-basetest"
    assert first(f"{tmp_path}/hh@harmless-base/test.jsonl") == "harmless-basetest"
    with pytest.raises(
        SourceError, match=r"no `helpful` in .*hh; expected one of harmless-base, helpful-base"
    ):
        first(f"{tmp_path}/hh@helpful:test")
    with pytest.raises(SourceError, match=r"name a part: .*hh@SUBDIR, one of harmless-base"):
        first(f"{tmp_path}/hh")


def test_json_and_jsonl_may_lie_together(tmp_path):
    (tmp_path / "a.json").write_text('[{"prompt": "a"}]')
    lines(tmp_path / "b.jsonl", "b")
    assert [row.values["prompt"] for row in open_rows(str(tmp_path))] == ["a", "b"]
