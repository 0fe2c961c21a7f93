from __future__ import annotations

import json
from pathlib import Path

import pytest

from alignray.errors import SourceError
from alignray.evaluation.formats.mmlu import find_subject, read_predictions, read_questions


def write(folder: Path, text: str, name: str = "anatomy_result.csv") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def read(path: Path) -> list[bool | None]:
    return [row.right for row in read_predictions(path)]


def test_letters_against_positions(tmp_path: Path) -> None:
    text = ",question,choice0,choice1,choice2,choice3,answer,prediction,completion\n"
    text += '0,Q,a,b,c,d,0,A,x\n1,Q,a,b,c,d,1,A,x\n2,Q,a,b,c,d,2," C\n",x\n'
    text += "3,Q,a,b,c,d,3,\uff24,x\n4,Q,a,b,c,d,3,,x\n5,Q,a,b,c,d,3,D or C,x\n6,Q,a,b,c,d,3,d,x\n"
    path = write(tmp_path, text)
    assert read(path) == [True, False, True, None, None, None, None]
    first = read_predictions(path)[0]
    assert (first.model, first.subject) == (tmp_path.name, "anatomy")


def test_byte_order_mark_line_ends_and_other_columns(tmp_path: Path) -> None:
    path = write(
        tmp_path, "\ufeffsubject,model,target,pred\r\nvirology,m,B,B\r\nvirology,m,C,x\r\n"
    )
    rows = read_predictions(path)
    assert [(row.model, row.subject, row.right) for row in rows] == [
        ("m", "virology", True),
        ("m", "virology", None),
    ]


def test_positions_against_positions_in_json(tmp_path: Path) -> None:
    rows = [
        {"answer": a, "prediction": p} for a, p in [(0, 0), (1, 2), (3, None), (3, 3.0), (2, 7)]
    ]
    path = write(tmp_path, json.dumps(rows), "high_school_us_history.json")
    assert read(path) == [True, False, None, True, None]
    assert {row.subject for row in read_predictions(path)} == {"high_school_us_history"}


def test_a_position_among_letters_is_unreadable(tmp_path: Path) -> None:
    path = write(tmp_path, "answer,prediction\nA,A\nA,0\nB,1\n")
    assert read(path) == [True, None, None]


def test_results_with_probabilities(tmp_path: Path) -> None:
    header = "0,1,2,3,4,5,org/m_correct," + ",".join(f"org/m_choice{x}_probs" for x in "ABCD")
    text = f"{header}\nQ,a,None,NA,d,A,True,.7,.1,.1,.1\nQ,a,b,c,d,B,False,.7,.1,.1,.1\n"
    text += "Q,a,b,c,d,C,,.2,.2,.2,.4\nQ,a,b,c,d,C,False,nan,nan,nan,nan\n"
    rows = read_predictions(write(tmp_path, text, "anatomy.csv"))
    assert [row.right for row in rows] == [True, False, None, None]
    assert {row.model for row in rows} == {"m"}


def test_samples_of_the_harness(tmp_path: Path) -> None:
    docs = [{"question": "Q", "subject": "anatomy", "answer": 1}] * 2
    lines = [json.dumps({"doc": doc, "acc": acc}) for doc, acc in zip(docs, (1.0, 0), strict=True)]
    assert read(write(tmp_path, "\n".join(lines), "samples_mmlu_anatomy_x.jsonl")) == [True, False]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("question,prediction\nQ,A\n", "no column of answers"),
        ("question,answer\nQ,A\n", "no column of predictions"),
        ("answer,prediction\n7,A\n", "no answer key"),
        ("answer,prediction\nA,A\n1,B\n", "no answer key"),
        ("answer,prediction\n,A\n", "no answer key"),
        ("answer,prediction\nA,A,A\n", "3 cells"),
        ("answer,prediction\n", "no rows"),
        ("", "empty"),
    ],
)
def test_other_files_are_refused(tmp_path: Path, text: str, found: str) -> None:
    with pytest.raises(SourceError, match=found):
        read_predictions(write(tmp_path, text))


def test_questions_without_header(tmp_path: Path) -> None:
    path = write(tmp_path, '"Q, or\nnot?",None,NA,,d,B\n', "anatomy_test.csv")
    (question,) = read_questions(path)
    assert question.text == "Q, or\nnot?"
    assert question.choices == ("None", "NA", "", "d")
    assert question.answer == 1
    for bad in ("Q,a,b,c,d\n", "Q,a,b,c,d,E\n"):
        with pytest.raises(SourceError):
            read_questions(write(tmp_path, bad))


@pytest.mark.parametrize(
    ("name", "subject"),
    [
        ("anatomy_result.csv", "anatomy"),
        ("philosophy.csv", "philosophy"),
        ("samples_mmlu_college_physics_2024.jsonl", "college_physics"),
        ("high_school_us_history_test.csv.gz", "high_school_us_history"),
        ("cooking_result.csv", "cooking"),
    ],
)
def test_subjects_in_file_names(name: str, subject: str) -> None:
    assert find_subject(Path(name)) == subject
