"""Answers against a gold."""

import json

import pytest

from alignray.config.benchmarks import find_row
from alignray.errors import EvaluationError
from alignray.evaluation.benchmarks.grading import (
    Graded,
    find_label,
    grade_answer,
    grade_number,
)

LABELS = ("A", "B", "C", "D")
MMLU, GSM8K = find_row("mmlu").spec, find_row("gsm8k").spec


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("B", "B"),
        (" B\n", "B"),
        ("(C) because", "C"),
        ("D. 42", "D"),
        ("**A**", "A"),
        ("The answer is B.", "B"),
        ("The correct option is (C)", "C"),
        ("Answer: D", "D"),
        ("The answer is A. No, the answer is B", "B"),
        ("A cat sat", None),
        ("B or C", None),
        ("Because", None),
        ("the answer is clear", None),
        ("", None),
        ("E", None),
        ("Dogs", None),
        ("A's", None),
        ("The answer is A or B", None),
        ("The answer is (A) or (B).", None),
        ("The answer is A, B, or C.", None),
        ("The answer is A/B", None),
        ("Answer: A, C", None),
        ("A, B or C", None),
        ("(A) or (B)", None),
        ("Answer: A cat", None),
        ("Answer: (A) cat", "A"),
        ("Answer: A. cat", "A"),
        ("**Answer:** C", "C"),
        ("The answer is B. Option A is wrong.", "B"),
        ("The answer is B, A is wrong.", "B"),
        ("The answer is B because A is wrong.", "B"),
        ("B. Option A is wrong.", "B"),
        ("The answer is $B$", "B"),
        ("The answer is $\\boxed{\\text{B}}$.", "B"),
        ("the answer is 'B'", "B"),
        ("The answer is option C", "C"),
        ("Option D is correct", "D"),
        ("Option A: a cat. Option B: a dog.", None),
        ("The answer is not A", None),
    ],
)
def test_the_letter_that_is_written(text, label):
    assert find_label(text, LABELS) == label


def test_a_choice_is_right_wrong_unread_or_not_there():
    row = json.dumps({"question": "q", "answer": "B"})
    assert grade_answer(MMLU, row, "B") == Graded(True, "B")
    assert grade_answer(MMLU, row, "A") == Graded(False, "A")
    assert grade_answer(MMLU, row, "hm") == Graded(False, None)
    assert grade_answer(MMLU, row, None) is None


@pytest.mark.parametrize(
    ("text", "graded"),
    [
        ("9 * 2 = 18\n#### 18", Graded(True, "18")),
        ("so she has $1,018.00 and #### 1,018", Graded(False, "1018")),
        ("It is 18.", Graded(True, "18")),
        ("#### 18.00", Graded(True, "18.00")),
        ("#### 18 of 20", Graded(True, "18")),
        ("no idea", Graded(False, None)),
        ("18 dollars...", Graded(True, "18")),
        ("it is 18, i.e., so", Graded(True, "18")),
        ("18...", Graded(True, "18")),
        ("#### .. it is 18", Graded(True, "18")),
        ("#### 18.", Graded(True, "18")),
        ("it is ...", Graded(False, None)),
        ("1 + .5 is $1,018.50", Graded(False, "1018.50")),
        ("\N{MINUS SIGN}18", Graded(False, "-18")),
        ("", Graded(False, None)),
    ],
)
def test_numbers(text, graded):
    row = json.dumps({"question": "q", "answer": "9*2\n#### 18"})
    assert grade_answer(GSM8K, row, text) == graded


@pytest.mark.parametrize("text", ["-18", "\N{MINUS SIGN}18", "#### \N{MINUS SIGN}18"])
def test_a_minus_may_be_the_typographic_one(text):
    assert grade_number("\N{MINUS SIGN}18", text) == Graded(True, "-18")


def test_without_an_answer_there_is_no_grade():
    assert grade_answer(GSM8K, json.dumps({"answer": "#### 18"}), None) is None


def test_a_gold_without_number_is_an_error():
    with pytest.raises(EvaluationError, match="a gold without a number"):
        grade_number("none", "18")


def test_other_kinds_have_no_gold():
    with pytest.raises(EvaluationError, match="kind mixed; expected choice or number"):
        grade_answer(find_row("xstest").spec, "{}", "x")
