import json
import math
from pathlib import Path

import pytest

from alignray.errors import SourceError
from alignray.evaluation.formats.alpaca_eval import (
    Annotation,
    ModelOutput,
    read_annotations,
    read_model_outputs,
    write_annotations,
    write_model_outputs,
)
from tests.sources.real_data import find_data

RUNS = "alpaca_eval/results"


def write(path: Path, content: object) -> Path:
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


@pytest.mark.parametrize("run", ["alpaca-7b", "text_davinci_001"])
def test_every_field_of_a_published_file_comes_back(run, tmp_path):
    source = Path(find_data(f"{RUNS}/{run}/alpaca_eval_gpt4/annotations.json"))
    annotations = read_annotations(source)
    write_annotations(tmp_path / "a.json", annotations)
    assert json.loads((tmp_path / "a.json").read_text()) == json.loads(source.read_text())
    assert read_annotations(tmp_path / "a.json") == annotations


@pytest.mark.parametrize("name", ["alpaca-7b", "text_davinci_003"])
def test_every_field_of_published_outputs_comes_back(name, tmp_path):
    source = Path(find_data(f"{RUNS}/{name}/model_outputs.json"))
    outputs = read_model_outputs(source)
    write_model_outputs(tmp_path / "o.json", outputs)
    assert json.loads((tmp_path / "o.json").read_text()) == json.loads(source.read_text())
    assert read_model_outputs(tmp_path / "o.json") == outputs


def test_what_is_written_is_read(tmp_path):
    annotations = [
        Annotation("Hi", "Hello.", "Yo.", "ref", "model", "judge", 2, {"index": 0}),
        Annotation("Bye", None, None, None, None, 7, None, {"raw": {"text": "?"}}),
    ]
    write_annotations(tmp_path / "a.json", annotations)
    assert read_annotations(tmp_path / "a.json") == annotations
    outputs = [ModelOutput("Hi", "Hello.", "model", {"dataset": "d"})]
    write_model_outputs(tmp_path / "o.json", outputs)
    assert read_model_outputs(tmp_path / "o.json") == outputs


@pytest.mark.parametrize("value", [0, 1, 2, 1.5, 1.0000017, 1.97, None])
def test_preferences_that_are_read(value, tmp_path):
    rows = read_annotations(write(tmp_path / "a.json", [{"preference": value}]))
    assert rows[0].preference == value


def test_a_nan_is_an_unread_judgement_and_is_written_as_null(tmp_path):
    rows = [{"preference": math.nan, "time_per_example": math.nan}]
    annotations = read_annotations(write(tmp_path / "a.json", rows))
    assert annotations[0].preference is None
    write_annotations(tmp_path / "b.json", annotations)
    assert json.loads((tmp_path / "b.json").read_text()) == [
        {"preference": None, "time_per_example": None}
    ]


def test_jsonl_and_csv_are_read_too(tmp_path):
    lines = '{"instruction": "a", "preference": 2}\n{"instruction": "b", "preference": null}\n'
    table = "\ufeffinstruction,preference\r\na,2.0\r\nb,\r\n"
    for path in (write(tmp_path / "a.jsonl", lines), write(tmp_path / "a.csv", table)):
        rows = read_annotations(path)
        assert [(row.instruction, row.preference) for row in rows] == [("a", 2), ("b", None)]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ([{"preference": 3}], "preference 3"),
        ([{"preference": 0.3}], "preference 0.3"),
        ([{"preference": -1}], "preference -1"),
        ([{"preference": True}], "preference True"),
        ([{"preference": math.inf}], "preference inf"),
        ([{"preference": "model"}], "preference 'model'"),
        ([{"preference": [2]}], "preference [2]"),
        ([{"instruction": "a", "output": "b"}], "no `preference` among instruction, output"),
        ([{"preference": 1, "generator_1": 4}], "`generator_1` is int"),
        ([], "an empty list"),
        ([[1]], "list; expected an object"),
        ("[{", "not JSON"),
        ("", "the file is empty"),
    ],
)
def test_other_files_are_named(content, words, tmp_path):
    with pytest.raises(SourceError) as caught:
        read_annotations(write(tmp_path / "a.json", content))
    assert words in str(caught.value)


def test_outputs_need_text_and_the_file_names_the_generator(tmp_path):
    path = write(tmp_path / "my-model.json", [{"instruction": "a", "output": "b"}])
    assert read_model_outputs(path)[0].generator == "my-model"
    with pytest.raises(SourceError, match="no `output`"):
        read_model_outputs(write(tmp_path / "x.json", [{"instruction": "a"}]))
