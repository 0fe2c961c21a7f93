import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from alignray.errors import SourceError
from alignray.evaluation.formats.responses import read_responses


def write(path: Path, content: object) -> Path:
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def test_the_same_rows_in_four_forms(tmp_path):
    rows = [{"prompt": "p", "response": "Sure."}, {"prompt": "q", "response": "No."}]
    files = [
        write(tmp_path / "a.json", rows),
        write(tmp_path / "a.jsonl", "\n".join(json.dumps(row) for row in rows)),
        write(tmp_path / "a.csv", "prompt,response\np,Sure.\nq,No.\n"),
        tmp_path / "a.parquet",
    ]
    pq.write_table(pa.Table.from_pylist(rows), files[-1])
    for file in files:
        assert [(r.model, r.text) for r in read_responses(file)] == [("a", "Sure."), ("a", "No.")]


def test_columns_by_their_usual_names_or_by_option(tmp_path):
    for name in ("answer", "completion", "output"):
        file = write(tmp_path / f"{name}.json", [{name: "x", "generator": "g"}])
        assert [(r.model, r.text) for r in read_responses(file)] == [("g", "x")]
    file = write(tmp_path / "odd.json", [{"says": "x"}])
    assert read_responses(file, "says")[0].text == "x"
    with pytest.raises(SourceError, match="give column=NAME"):
        read_responses(file)
    with pytest.raises(SourceError, match="no `said` among says"):
        read_responses(file, "said")


def test_a_list_of_generations_is_that_many_responses(tmp_path):
    file = write(tmp_path / "a.json", [{"generations": ["x", "y"]}, {"generations": []}])
    found = [(response.text, response.submitted) for response in read_responses(file)]
    assert found == [("x", True), ("y", True), (None, True)]  # an empty list is a missing one


def test_behaviours_of_an_artifact(tmp_path):
    rows = [{"response": "x"}, {"response": None}]
    responses = read_responses(write(tmp_path / "m.json", {"parameters": {}, "jailbreaks": rows}))
    assert [(r.text, r.submitted) for r in responses] == [("x", True), (None, False)]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ([{"response": 3}], "`response` is int"),
        ([{"response": "x"}, {"answer": "y"}], "a.json[1]: no `response` among answer"),
        ({"jailbreaks": ["x"]}, "jailbreaks[0]: str"),
        ([], "an empty list"),
        ("{", "not JSON"),
    ],
)
def test_other_files_are_named(content, words, tmp_path):
    with pytest.raises(SourceError) as caught:
        read_responses(write(tmp_path / "a.json", content))
    assert words in str(caught.value)


def test_a_file_that_is_no_parquet_is_named(tmp_path):
    with pytest.raises(SourceError, match="not parquet"):
        read_responses(write(tmp_path / "a.parquet", "x"))
