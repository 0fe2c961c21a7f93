from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from alignray.errors import EvaluationError
from alignray.evaluation.scoring.gsm8k import (
    RULES,
    Solved,
    extract_number,
    parse_gold,
    score_matches,
)
from alignray.evaluation.scoring.score import Place

DATA = Path(os.environ.get("ALIGNRAY_DATA", Path(__file__).parents[4] / "shared" / "data"))
PLACE = Place("m", "gsm8k")


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("Two and 16.\n#### 18", "18"),
        ("x\n#### 70,000", "70000"),
        ("x\n#### -3\n", "-3"),
        ("x\n#### $5.50", "5.50"),
        ("x\nA: 1,080", "1080"),
        ("18", "18"),
        ("#### 4", "4"),
        ("about 18", None),
        ("x #### 18", None),
        ("#### eighteen", None),
        ("", None),
        ("#### 18 eggs", None),
        ("#### \u0661\u0668", None),
    ],
)
def test_gold(text: str, number: str | None) -> None:
    assert parse_gold(text) == number


@pytest.mark.parametrize(
    ("reply", "strict", "flexible"),
    [
        ("so 9 * 2 = 18\n#### 18", "18", "18"),
        ("#### 1,000.", "1000", "1000"),
        ("She makes $18 every day.", None, "18"),
        ("The answer is 18.", None, "18"),
        ("It is 18. That took 2 steps.", None, "2"),
        ("####18", None, "18"),
        ("#### 5 then #### 6", "5", "6"),
        ("It is -7", None, "-7"),
        ("18.0", None, "18.0"),
        ("No idea", None, None),
        ("", None, None),
        ("#### ", None, None),
    ],
)
def test_replies_by_both_rules(reply: str, strict: str | None, flexible: str | None) -> None:
    assert [extract_number(reply, rule) for rule in RULES] == [strict, flexible]


def test_all_real_answers_have_a_number_that_both_rules_find() -> None:
    path = DATA / "gsm8k/test.jsonl"
    if not path.exists():
        pytest.skip("needs gsm8k in $ALIGNRAY_DATA")
    answers = [json.loads(line)["answer"] for line in path.read_text("utf-8").splitlines()]
    gold = [parse_gold(answer) for answer in answers]
    assert len(gold) == 1319
    assert None not in gold
    assert sorted(n for n in gold if n and not n.isdigit()) == ["-10", "-3"]
    assert sum(float(n or 0) for n in gold) == 9_009_187
    for rule in RULES:
        rows = [Solved(n or "", a) for n, a in zip(gold, answers, strict=True)]
        assert score_matches(PLACE, rows, rule).value == 1.0


def test_a_reply_without_number_is_wrong_and_no_reply_unscored() -> None:
    rows = [Solved("18", "#### 18"), Solved("18", "unknown"), Solved("18", None)]
    score = score_matches(PLACE, rows, "strict-match")
    assert (score.k, score.n, score.unscored) == (1, 2, 1)
    assert score.extra["without_number"] == 1
    assert score.extra["low_bound"] == pytest.approx(1 / 3)


def test_no_reply_at_all_is_an_error() -> None:
    with pytest.raises(EvaluationError):
        score_matches(PLACE, [Solved("18", None)], "strict-match")
