from __future__ import annotations

import json
from pathlib import Path

import pytest

from alignray.errors import SourceError
from alignray.evaluation.formats.gsm8k import read_gold, read_replies

ANSWER = "Two and 16.\n#### 18"


def write(folder: Path, *rows: object, name: str = "sft.jsonl") -> Path:
    path = folder / name
    path.write_text("\n".join(json.dumps(row) for row in rows), encoding="utf-8")
    return path


def test_rows_under_usual_names(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        {"question": "Q", "answer": ANSWER, "response": "#### 18"},
        {"question": "Q", "ground_truth": "1,800", "answer": "It is 7"},
        {"question": "Q", "gold": 18, "completion": None, "model": "m"},
    )
    assert [(r.model, r.gold, r.text) for r in read_replies(path)] == [
        ("sft", "18", "#### 18"),
        ("sft", "1800", "It is 7"),
        ("m", "18", None),
    ]


def test_samples_count_once_for_all_filters(tmp_path: Path) -> None:
    doc = {"question": "Q", "answer": ANSWER}
    rows = [
        {"doc_id": n, "doc": doc, "resps": [["so #### 18"]], "filter": name}
        for name in ("strict-match", "flexible-extract")
        for n in (0, 1)
    ]
    replies = read_replies(write(tmp_path, *rows, name="samples_gsm8k_x.jsonl"))
    assert [reply.text for reply in replies] == ["so #### 18"] * 2
    assert {reply.model for reply in replies} == {tmp_path.name}


def test_released_solutions_of_several_models(tmp_path: Path) -> None:
    row = {"question": "Q", "ground_truth": "x\nA: 18"}
    row |= {m: {"is_correct": m == "b", "solution": "y\nA: 18"} for m in "ab"}  # type: ignore[misc]
    replies = read_replies(write(tmp_path, row))
    assert [(r.model, r.gold, r.published) for r in replies] == [
        ("a", "18", False),
        ("b", "18", True),
    ]


def test_gold_of_another_file(tmp_path: Path) -> None:
    gold = read_gold(write(tmp_path, {"question": " Q ", "answer": ANSWER}, name="test.jsonl"))
    path = write(tmp_path, {"question": "Q", "answer": "#### 17"})
    assert [(r.gold, r.text) for r in read_replies(path, gold)] == [("18", "#### 17")]
    with pytest.raises(SourceError, match="does not have"):
        read_replies(write(tmp_path, {"question": "R", "answer": "#### 17"}), gold)
    with pytest.raises(SourceError, match="no question and answer"):
        read_gold(write(tmp_path, {"answer": ANSWER}))


@pytest.mark.parametrize(
    ("row", "found"),
    [
        ({"question": "Q", "response": "18"}, "no gold answer"),
        ({"question": "Q", "answer": ANSWER}, "no reply"),
        ({"answer": "eighteen", "response": "18"}, "without number"),
        ({"answer": None, "response": "18"}, "without number"),
        ({"answer": True, "response": "18"}, "without number"),
        ({"answer": ANSWER, "response": 18}, "`response` is int"),
        ({"doc": {"answer": ANSWER}, "resps": [[3]]}, "`resps` holds no text"),
    ],
)
def test_other_rows_are_refused(tmp_path: Path, row: object, found: str) -> None:
    with pytest.raises(SourceError, match=found):
        read_replies(write(tmp_path, row))
