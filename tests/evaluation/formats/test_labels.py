import pytest

from alignray.errors import SourceError
from alignray.evaluation.formats.labels import (
    find_label_columns,
    read_ids,
    read_label,
    read_table,
)


def write(tmp_path, name, text):
    path = tmp_path / name
    path.write_text(text, newline="")
    return path


@pytest.mark.parametrize(
    ("cell", "label"),
    [(2, "2"), (2.0, "2"), ("2", "2"), (" 2.0 ", "2"), ("Tie", "tie"), (True, "true"), (0.5, "0.5"),
     (None, None), ("", None), (float("nan"), None), ("NaN", None), ("None of it", "none of it")],
)  # fmt: skip
def test_labels_are_words(cell, label):
    assert read_label("x", {"a": cell}, "a") == label


def test_a_label_that_is_a_list_is_an_error():
    with pytest.raises(SourceError, match="x: `a` is list"):
        read_label("x", {"a": [1]}, "a")


@pytest.mark.parametrize(
    ("header", "columns"),
    [
        ("idx,annotator1,annotator2,response1", ["annotator1", "annotator2"]),
        ("id,annotation_1,annotation_2,agreement,final_label", ["annotation_1", "annotation_2"]),
        ("id,label_0,label_1,label_2", ["label_0", "label_1", "label_2"]),
        ("id,Rater A,Rater B,text", ["Rater A", "Rater B"]),
        ("id,gpt4_label,human_label,prompt", ["gpt4_label", "human_label"]),
    ],
)
def test_columns_of_judges_are_found(tmp_path, header, columns):
    table = read_table(write(tmp_path, "t.csv", f"{header}\n{',' * header.count(',')}\n"))
    assert find_label_columns(table, []) == columns


def test_bom_crlf_and_jsonl(tmp_path):
    text = '\ufeff{"id": 1, "judge_a": "x"}\r\n{"id": 2, "judge_b": null}\r\n'
    table = read_table(write(tmp_path, "t.jsonl", text))
    assert table.columns == ["id", "judge_a", "judge_b"]
    assert read_ids(table) == ["1", "2"]


@pytest.mark.parametrize(
    ("text", "message"),
    [("", "empty"), ("id,a\n", "no rows"), ("id,a\n1,x\n1,y\n", "there twice"),
     ("id,a\n,x\n", "no `id`"), ("id,a\n1\n", "1 cells")],
)  # fmt: skip
def test_broken_tables_are_named(tmp_path, text, message):
    with pytest.raises(SourceError, match=message):
        read_ids(read_table(write(tmp_path, "t.csv", text)))


def test_ids_keep_their_case_and_numbers_are_one(tmp_path):
    table = read_table(write(tmp_path, "t.jsonl", '{"id": "aB"}\n{"id": "AB"}\n{"id": 7.0}\n'))
    assert read_ids(table) == ["aB", "AB", "7"]


def test_a_missing_column_is_named(tmp_path):
    table = read_table(write(tmp_path, "t.csv", "id,a\n1,x\n"))
    with pytest.raises(SourceError, match="no column `b` among id, a"):
        find_label_columns(table, ["b"])
    with pytest.raises(SourceError, match="no label columns among id, a"):
        find_label_columns(table, [])
