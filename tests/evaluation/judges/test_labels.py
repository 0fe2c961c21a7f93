from __future__ import annotations

import math

import pytest

from alignray.evaluation.judges.labels import (
    LabelVerdict,
    build_label_request,
    count_tokens,
    normalize_shares,
    read_choice,
    read_shares,
)
from alignray.inference.engine import Output, Result
from tests.evaluation.judges.answers import weigh, write

LABELS = ("A", "B")


def with_logps(**logps: float) -> Result:
    return Result([Output("A", "length", 1, None, logps)], 10)


def test_a_request_is_one_token_of_the_labels() -> None:
    by_choice = build_label_request("r", "text", LABELS, "choice", 3)
    assert by_choice.constraint is not None
    assert by_choice.constraint.choice == LABELS
    assert by_choice.label_tokens == ()
    by_logprobs = build_label_request("r", "text", LABELS, "logprobs", 3)
    assert (by_logprobs.constraint, by_logprobs.label_tokens) == (None, LABELS)
    for request in (by_choice, by_logprobs):
        sampling = request.sampling
        assert (sampling.n, sampling.max_tokens, sampling.temperature) == (1, 1, 0)
        assert request.messages == [{"role": "user", "content": "text"}]


def test_shares_are_renormalised_over_the_labels() -> None:
    assert read_shares(weigh(A=0.3, B=0.1), LABELS).shares == pytest.approx({"A": 0.75, "B": 0.25})
    assert read_shares(weigh(B=0.4), LABELS).shares == {"A": 0.0, "B": 1.0}
    assert normalize_shares({"A": -50.0, "B": -50.0}, LABELS) == {"A": 0.5, "B": 0.5}


@pytest.mark.parametrize(
    "result",
    [
        weigh(A=0.04, B=0.05),
        weigh(C=0.9),
        with_logps(A=math.nan),
        with_logps(A=0.5),
        with_logps(A=-math.inf, B=-math.inf),
        write("A"),
        write(""),
    ],
    ids=["little mass", "other label", "nan", "above 1", "all 0", "no log-probabilities", "empty"],
)
def test_what_is_no_probability_is_unreadable(result: Result) -> None:
    verdict = read_shares(result, LABELS)
    assert (verdict.shares, verdict.reason) == ({}, "unreadable")


@pytest.mark.parametrize("text", ["2", " 2\n"])
def test_a_label_that_is_written_alone_is_the_choice(text: str) -> None:
    assert read_choice(write(text), ("1", "2")).shares == {"1": 0.0, "2": 1.0}


@pytest.mark.parametrize(
    ("text", "finish", "reason"),
    [
        ("2.", "stop", "unreadable"),
        ("the verdict is 1", "stop", "unreadable"),
        ("12", "stop", "unreadable"),
        ("\u0662", "stop", "unreadable"),
        ("", "stop", "unreadable"),
        ("Level", "length", "truncated"),
        ("I'm sorry, I can't judge this.", "stop", "refused"),
    ],
)
def test_anything_else_is_no_choice(text: str, finish: str, reason: str) -> None:
    assert read_choice(write(text, finish), ("1", "2")).reason == reason


def test_a_request_that_could_not_be_taken_keeps_its_reason() -> None:
    lost = Result([], 0, rejected="prompt_too_long: 9 tokens")
    for read in (read_shares, read_choice):
        assert read(lost, LABELS).reason == "prompt_too_long: 9 tokens"
    assert count_tokens([lost, weigh(A=1.0)]) == {"prompt_tokens": 10, "completion_tokens": 1}


def test_a_verdict_has_shares_or_a_reason() -> None:
    for shares, reason in (({}, None), ({"A": 1.0}, "unreadable")):
        with pytest.raises(ValueError, match="either"):
            LabelVerdict(shares, reason)
