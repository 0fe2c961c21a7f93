"""What `alignray score` says of files before it reads them, and how it shows scores."""

import pytest

from alignray.cli import main
from alignray.errors import SourceError
from alignray.evaluation.score import merge_notes, run_score


def write(path, text):
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    return str(path)


@pytest.mark.parametrize("metric", ["asr", "seeds", "cas", "win_rate", "gsm8k", "agreement"])
def test_a_file_given_twice(metric, tmp_path):
    path = write(tmp_path / "a.json", '[{"id": 1, "response": "No."}]')
    with pytest.raises(SourceError, match="given twice"):
        run_score(metric, [path, f"{tmp_path}/../{tmp_path.name}/a.json"], as_json=True)


def test_names_that_are_one_model(tmp_path):
    files = [write(tmp_path / x / "a.json", '[{"response": "Sure."}]') for x in "ab"]
    with pytest.raises(SourceError, match="same model's"):
        run_score("asr", files, as_json=True)
    for name, path in zip("xy", files, strict=True):
        write(tmp_path / path, f'[{{"response": "Sure.", "model": "{name}"}}]')
    assert "y " in run_score("asr", files, as_json=False)


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [("a.xlsx", "PK", "unsupported type .xlsx"), ("a.json", "[{}]", "no columns")],
)
def test_files_that_hold_no_rows(name, text, words, tmp_path):
    path = write(tmp_path / name, text)
    with pytest.raises(SourceError, match=words):
        run_score("agreement", [path], as_json=True)
    with pytest.raises(SourceError, match="a folder"):
        run_score("agreement", [str(tmp_path)], as_json=True)


def test_tab_separated(tmp_path):
    path = write(tmp_path / "a.tsv", "annotator1\tannotator2\n1\t1\n1\t2\n2\t2\n")
    assert "0.6667" in run_score("agreement", [path], as_json=False)


def test_annotators_have_a_column_and_percent_its_sign(tmp_path):
    row = '{"output_1": "a", "output_2": "b", "preference": 2, "annotator": "%s"}'
    path = write(tmp_path / "m.json", f"[{row % 'one'}, {row % 'two'}]")
    text = run_score("win_rate", [path], as_json=False)
    assert "annotator" in text.splitlines()[0] and "100 %" in text


def test_the_same_note_is_there_once():
    assert merge_notes(["a: none", "b: none", "all", "all"]) == ["a, b: none", "all"]


def test_help_of_one_metric(capsys):
    assert main(["score", "gsm8k", "--help"]) == 0
    text = capsys.readouterr().out
    assert "gsm8k:" in text and "moderation:" not in text
