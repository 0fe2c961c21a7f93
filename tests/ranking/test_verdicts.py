from __future__ import annotations

import json
import math
import os
from itertools import permutations
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alignray.inference.engine import Output
from alignray.ranking.verdicts import (
    GRADES,
    UnscoredReason,
    Verdict,
    compute_expected_grade,
    parse_grade,
    parse_order,
    read_grade,
)

DATA = Path(os.environ.get("ALIGNRAY_DATA", Path(__file__).parents[3] / "shared" / "data"))


def logps(*probabilities: float) -> dict[str, float]:
    return {
        grade: math.log(p) if p else -math.inf
        for grade, p in zip(GRADES, probabilities, strict=True)
    }


def test_expected_grade_by_hand() -> None:
    assert compute_expected_grade(logps(0, 0, 0, 0.25, 0.75)).value == pytest.approx(4.75)
    assert compute_expected_grade(logps(0.2, 0.2, 0.2, 0.2, 0.2)).value == pytest.approx(3.0)


def test_expected_grade_is_renormalised_over_the_labels() -> None:
    half = compute_expected_grade(logps(0.1, 0, 0, 0, 0.3))
    assert half.value == pytest.approx((0.1 * 1 + 0.3 * 5) / 0.4)


def test_a_judge_that_would_rather_say_something_else_gives_no_grade() -> None:
    assert compute_expected_grade(logps(0.01, 0.01, 0.01, 0.01, 0.01)).reason == "unreadable"


@pytest.mark.parametrize("bad", [{"4": math.nan}, {"4": 0.5}, {"4": math.inf}, {"7": -0.1}, {}])
def test_log_probabilities_that_are_none_give_no_grade(bad: dict[str, float]) -> None:
    assert compute_expected_grade(bad).value is None


@given(st.dictionaries(st.sampled_from(GRADES), st.floats(allow_nan=True)))
def test_expected_grade_is_within_the_grades_or_absent(found: dict[str, float]) -> None:
    verdict = compute_expected_grade(found)
    assert (verdict.value is None) != (verdict.reason is None)
    if verdict.value is not None:
        assert 1 - 1e-9 <= verdict.value <= 5 + 1e-9


def test_grades_written() -> None:
    assert [parse_grade(f" {grade}\n").value for grade in GRADES] == [1, 2, 3, 4, 5]


@pytest.mark.parametrize(
    "text", ["", "0", "6", "45", "4.5", "4/5", "-4", "Grade: 4", "four", "\u0664", "\u00b2", "5 5"]
)
def test_what_is_no_grade_is_none(text: str) -> None:
    assert parse_grade(text) == Verdict(None, UnscoredReason.UNREADABLE)


@settings(max_examples=500)
@given(st.text(max_size=12))
def test_any_text_is_a_grade_only_if_it_is_one(text: str) -> None:
    verdict = parse_grade(text)
    assert (verdict.value is not None) == (text.strip(" \t\r\n") in GRADES)


def test_reasons() -> None:
    assert parse_grade("I'm sorry, but I can't grade this.").reason is UnscoredReason.REFUSED
    assert parse_grade("The response is", "length").reason is UnscoredReason.TRUNCATED
    assert parse_order("3 1", 3, "length").reason is UnscoredReason.TRUNCATED
    assert parse_order("I cannot help with that.", 3).reason is UnscoredReason.REFUSED


def test_one_token_that_is_cut_by_its_limit_is_still_a_grade() -> None:
    assert read_grade(Output("4", "length", 1), "choice").value == 4


def test_a_written_grade_is_no_probability() -> None:
    assert read_grade(Output("4", "length", 1), "logprobs").value is None


@pytest.mark.parametrize("text", ["3 1 2", "3, 1, 2", "3 > 1 > 2", "3>1>2", " 3,1,2\n"])
def test_orders_written(text: str) -> None:
    assert parse_order(text, 3).order == (3, 1, 2)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "3 1",
        "3 1 2 2",
        "1 1 2",
        "0 1 2",
        "1 2 4",
        "312",
        "3 1 2.",
        "best: 3 1 2",
        "3,,1,2",
        "1 2 03",
    ],
)
def test_what_is_no_order_is_none(text: str) -> None:
    assert parse_order(text, 3).order is None


@settings(max_examples=500)
@given(st.text(alphabet="0123456789 ,>-.\n\u0661x", max_size=14), st.integers(1, 6))
def test_any_text_is_an_order_only_if_it_is_a_permutation(text: str, size: int) -> None:
    found = parse_order(text, size)
    assert (found.order is None) != (found.reason is None)
    if found.order is not None:
        assert sorted(found.order) == list(range(1, size + 1))


def test_every_permutation_is_read_back() -> None:
    for order in permutations(range(1, 6)):
        assert parse_order(" ".join(map(str, order)), 5).order == order


def test_a_verdict_is_a_value_or_a_reason() -> None:
    with pytest.raises(ValueError):
        Verdict(None)
    with pytest.raises(ValueError):
        Verdict(3.0, UnscoredReason.ERROR)


def test_real_replies_that_no_parser_could_read_are_never_numbers() -> None:
    path = DATA / "judge-outputs" / "llmbar_unparsed.dev.jsonl"
    if not path.is_file():
        pytest.skip(f"no test data in {path}")
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    assert len(rows) == 113
    for row in rows:
        finish = "length" if row["finish_reason"] == "length" else "stop"
        assert parse_grade(row["completion"], finish).value is None, row["id"]
        assert parse_order(row["completion"], 2, finish).order is None, row["id"]
