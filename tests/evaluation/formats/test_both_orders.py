import json

import pytest

from alignray.errors import SourceError
from alignray.evaluation.formats.both_orders import (
    read_llmbar,
    read_reviews,
    read_swapped_rows,
    read_two_columns,
)
from alignray.evaluation.formats.labels import read_table
from alignray.evaluation.scoring.judge_quality import BothOrders


def table(tmp_path, rows, name="t.json"):
    (tmp_path / name).write_text(json.dumps(rows))
    return read_table(tmp_path / name)


def llmbar(first, second, **more):
    last = {"swap = False": {"winner": first}, "swap = True": {"winner": second}, **more}
    return {"label": 1, "results": [["a metric", "stop"], last]}


def test_the_last_result_counts_and_null_is_unread(tmp_path):
    rows = read_llmbar(table(tmp_path, [llmbar("1", None)]))
    assert rows[0].verdicts == BothOrders("t[0]", "1", None)
    assert (rows[0].label, rows[0].rated) == ("1", False)


@pytest.mark.parametrize(
    ("said", "first"), [("4", "1"), ("four", None), ("", None), ("9" * 99, None)]
)
def test_a_rating_that_was_not_read_is_no_win(tmp_path, said, first):
    row = llmbar("1", "2", score_1=[said, "stop"], score_2=["3", "stop"])
    found = read_llmbar(table(tmp_path, [row]))[0]
    assert (found.verdicts.first, found.published, found.rated) == (first, ("1", "2"), True)


@pytest.mark.parametrize(
    "row",
    [{"label": 1, "results": []}, {"label": 3, "results": llmbar("1", "1")["results"]},
     {"label": 1, "results": [{"swap = False": {"winner": "1"}}]}, llmbar("3", "1"),
     {"label": 1, "results": None}],
)  # fmt: skip
def test_a_row_of_another_shape_is_named(tmp_path, row):
    with pytest.raises(SourceError, match=r"t.json\[1\]"):
        read_llmbar(table(tmp_path, [llmbar("1", "1"), row]))


def review(question, first, second, score):
    return {"question_id": question, "answer1_id": first, "answer2_id": second, "score": score}


def test_reviews_of_both_orders_meet_by_their_answers(tmp_path):
    there = table(tmp_path, [review(1, "A", "B", [9, 7]), review(2, "C", "D", [5, 5])], "x.json")
    back = table(tmp_path, [review(1, "B", "A", [8, 6]), review(3, "E", "F", [-1, -1])], "y.json")
    rows, alone = read_reviews([there, back])
    assert rows == [BothOrders("1:A:B", "1", "2")]  # the one shown first wins both times
    assert alone == 2


def test_scores_that_were_not_read_are_no_verdict(tmp_path):
    rows, _ = read_reviews(
        [table(tmp_path, [review(1, "A", "B", [-1, -1]), review(1, "B", "A", [3, 4])])]
    )
    assert rows == [BothOrders("1:A:B", None, "1")]


@pytest.mark.parametrize("score", [None, [1], "9 7", [1, 2, 3]])
def test_reviews_without_a_pair_of_scores_are_errors(tmp_path, score):
    with pytest.raises(SourceError, match="no pair"):
        read_reviews([table(tmp_path, [review(1, "A", "B", score)])])


def test_two_columns_and_swapped_rows(tmp_path):
    two = table(tmp_path, [{"id": "a", "x": "1", "y": "Tie"}, {"id": "b", "x": 2, "y": None}])
    assert read_two_columns(two, "x", "y") == [
        BothOrders("a", "1", "tie"),
        BothOrders("b", "2", None),
    ]
    swapped = [
        {"id": "q/swap = False", "swapped": False, "winner": "1"},
        {"id": "q/swap = True", "swapped": True, "winner": "2"},
    ]
    assert read_swapped_rows(table(tmp_path, swapped)) == [BothOrders("q", "1", "2")]
    with pytest.raises(SourceError, match="no verdict"):
        read_two_columns(table(tmp_path, [{"id": "a", "x": "yes", "y": "1"}]), "x", "y")
