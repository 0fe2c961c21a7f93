import pytest

from alignray.errors import SourceError
from alignray.evaluation.formats.prompt_values import read_prompt_values


def write(tmp_path, text, name="t.csv"):
    path = tmp_path / name
    path.write_text(text)
    return path


def test_numbers_flags_and_nothing(tmp_path):
    path = write(tmp_path, "prompt_id,score\na,1.5\nb,\nc,TRUE\nd,false\ne,nan\n")
    values = {"a": 1.5, "b": None, "c": 1.0, "d": 0.0, "e": None}
    assert read_prompt_values(path, None, None) == values


def test_named_columns(tmp_path):
    path = write(tmp_path, '{"q": "a", "mine": 3}\n{"q": "b"}\n', "t.jsonl")
    assert read_prompt_values(path, "mine", "q") == {"a": 3.0, "b": None}


@pytest.mark.parametrize(
    ("text", "message"),
    [("id,x\na,1\n", "no value column"), ("x,score\na,1\n", "no id column"),
     ("id,score\na,high\n", "`score` is text"), ("id,score\na,1\na,2\n", "there twice"),
     ("id,score\na,1e200\n", r"at most 1e\+100")],
)  # fmt: skip
def test_what_cannot_be_joined_is_an_error(tmp_path, text, message):
    with pytest.raises(SourceError, match=message):
        read_prompt_values(write(tmp_path, text), None, None)
