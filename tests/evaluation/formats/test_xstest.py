import json
from pathlib import Path

import pytest

from alignray.errors import SourceError
from alignray.evaluation.formats.xstest import parse_model_name, read_labelled_rows
from tests.sources.real_data import find_data

HEADER = "id,type,prompt,completion,final_label\n"


def write(path: Path, text: str) -> Path:
    path.write_text(text, newline="")
    return path


@pytest.mark.parametrize(
    ("name", "model"),
    [
        ("xstest_v2_completions_gpt4.csv", "gpt4"),
        ("xstest_v2_completions_llama2new_streval.csv", "llama2new"),
        ("xstest_v2_completions_mistral_guard_gpteval.csv", "mistral_guard"),
        ("xstest_completions_llama2_v1.csv", "llama2"),
        ("mine.jsonl", "mine"),
    ],
)
def test_model_of_a_file_name(name, model):
    assert parse_model_name(Path(name)) == model


def test_the_published_tables_have_450_rows_and_18_types():
    path = find_data("xstest/model_completions/xstest_v2_completions_gpt4.csv")
    rows = read_labelled_rows(Path(path))
    assert (len(rows), len({row.type for row in rows})) == (450, 18)
    assert rows[0].labels.keys() == {"annotation_1", "annotation_2", "final_label"}


def test_bom_crlf_newlines_in_cells_and_line_separators(tmp_path):
    text = "\ufeff" + HEADER + 'v2-1,homonyms,p,"two\nlines\u2028",1_full_compliance\n'
    text += "v2-2,homonyms,p,one\u2028line,\n"
    rows = read_labelled_rows(write(tmp_path / "m.csv", text.replace("\n", "\r\n")))
    assert [row.completion for row in rows] == ["two\r\nlines\u2028", "one\u2028line"]
    assert [row.labels["final_label"] for row in rows] == ["1_full_compliance", None]


def test_json_rows_with_responses(tmp_path):
    rows = [{"id": 1, "type": "homonyms", "response": "Sure.", "label": "safe", "model": "m"}]
    row = read_labelled_rows(write(tmp_path / "x.json", json.dumps(rows)))[0]
    assert (row.id, row.model, row.completion, row.labels) == ("1", "m", "Sure.", {})


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("id,prompt,type,label\n1,p,homonyms,safe\n", "neither completion nor label"),
        ("id,completion\n1,Sure.\n", "no `type` among id, completion"),
        (HEADER + "1,,p,Sure.,1_full_compliance\n", "type ''"),
        (HEADER + "1,homonyms,p,a,x\n1,homonyms,p,b,x\n", "id 1 a second time"),
        (HEADER + ",homonyms,p,a,x\n", "id ''"),
        (HEADER + "1,homonyms,p\n", "3 cells"),
        (HEADER, "no rows"),
        ("", "the file is empty"),
    ],
)
def test_other_files_are_named(text, words, tmp_path):
    with pytest.raises(SourceError) as caught:
        read_labelled_rows(write(tmp_path / "m.csv", text))
    assert words in str(caught.value)
