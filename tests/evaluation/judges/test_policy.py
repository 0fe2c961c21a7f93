from __future__ import annotations

import pytest

from alignray.config.judges import PolicyJudgeConfig
from alignray.evaluation.judges.policy import LEVELS, PolicyTask
from alignray.prompts import load_rubric
from tests.evaluation.judges.answers import build_answers, check_schema, weigh, write


def build(verdict: str = "choice") -> PolicyTask:
    config = PolicyJudgeConfig.model_validate({"engine": {"type": "fake"}, "verdict": verdict})
    return PolicyTask("policy", config)


@pytest.mark.parametrize("level", LEVELS)
def test_the_level_written_is_label_and_value(level: str) -> None:
    row = check_schema(build().build_row(build_answers(), [write(level)] * 3))
    assert row["labels"] == [level] * 3
    assert row["values"] == [float(level)] * 3


@pytest.mark.parametrize("text", ["0", "6", "5.0", "#thescore: 5", "1 5", "five"])
def test_other_numbers_and_words_are_no_level(text: str) -> None:
    row = build().build_row(build_answers(), [write(text, "stop")] * 3)
    assert row["reasons"] == ["unreadable"] * 3


def test_log_probabilities_give_the_likeliest_label_and_the_expected_value() -> None:
    task = build("logprobs")
    doubt = weigh(**{"1": 0.0, "2": 0.0, "3": 0.1, "4": 0.3, "5": 0.6})
    half = weigh(**{"1": 0.2, "2": 0.0, "3": 0.0, "4": 0.0, "5": 0.2})
    row = check_schema(task.build_row(build_answers(), [doubt, half, write("5")]))
    assert row["labels"] == ["5", "1", None]
    assert row["values"] == [pytest.approx(4.5), pytest.approx(3.0), None]
    assert row["reasons"] == [None, None, "unreadable"]


def test_the_two_ways_of_a_verdict_ask_differently_and_have_different_keys() -> None:
    choice, logprobs = build(), build("logprobs")
    assert choice.build_requests(build_answers())[0].constraint is not None
    assert logprobs.build_requests(build_answers())[0].label_tokens == LEVELS
    assert choice.salt != logprobs.salt


def test_the_policy_names_eleven_uses_and_five_levels() -> None:
    lines = load_rubric("policy").text.splitlines()
    assert [line.split(".")[0] for line in lines if line[:2].strip(".").isdigit()][:11] == [
        str(number) for number in range(1, 12)
    ]
    assert [line[0] for line in lines if line[1:4] == " - "] == list(LEVELS)
