"""Answers against a gold."""

import json

import pytest

from alignray.config.benchmarks import find_row
from alignray.errors import EvaluationError
from alignray.evaluation.benchmarks.grading import (
    Graded,
    choose_label,
    find_label,
    grade_answer,
    grade_number,
)

LABELS = ("A", "B", "C", "D")
MMLU, GSM8K = find_row("mmlu").spec, find_row("gsm8k").spec


def test_the_likeliest_label_the_first_of_equals():
    assert choose_label({"A": -2.0, "B": -0.5, "C": -0.5, "D": -9}, LABELS) == "B"


@pytest.mark.parametrize("logps", [{}, {"A": -1.0}, {"A": -1, "B": -1, "C": -1, "D": float("nan")}])
def test_a_label_without_number_is_no_choice(logps):
    assert choose_label(logps, LABELS) is None


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
    ],
)
def test_the_letter_that_is_written(text, label):
    assert find_label(text, LABELS) == label


def test_choice_by_logps_then_by_text():
    row = json.dumps({"question": "q", "answer": "B"})
    logps = dict(zip(LABELS, (-3.0, -0.1, -4.0, -5.0), strict=True))
    assert grade_answer(MMLU, row, "A", logps) == Graded(True, "B")
    assert grade_answer(MMLU, row, "A", {}) == Graded(False, "A")
    assert grade_answer(MMLU, row, "hm", {}) == Graded(False, None)
    assert grade_answer(MMLU, row, None, {}) is None


@pytest.mark.parametrize(
    ("text", "graded"),
    [
        ("9 * 2 = 18\n#### 18", Graded(True, "18")),
        ("so she has $1,018.00 and #### 1,018", Graded(False, "1018")),
        ("It is 18.", Graded(True, "18")),
        ("#### 18.00", Graded(True, "18.00")),
        ("#### 18 of 20", Graded(True, "18")),
        ("no idea", Graded(False, None)),
        ("", Graded(False, None)),
    ],
)
def test_numbers(text, graded):
    assert grade_answer(
        GSM8K, json.dumps({"question": "q", "answer": "9*2\n#### 18"}), text, {}
    ) == (graded)


def test_without_an_answer_there_is_no_grade():
    assert grade_answer(GSM8K, json.dumps({"answer": "#### 18"}), None, {}) is None


def test_a_gold_without_number_is_an_error():
    with pytest.raises(EvaluationError, match="a gold without a number"):
        grade_number("none", "18")


def test_other_kinds_have_no_gold():
    with pytest.raises(EvaluationError, match="kind mixed; expected choice or number"):
        grade_answer(find_row("xstest").spec, "{}", "x", {})
