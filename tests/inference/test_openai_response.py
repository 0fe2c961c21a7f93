"""Answers of OpenAI-compatible servers, good and bad."""

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alignray.config.inference import OpenAIEngineConfig, SamplingParams
from alignray.inference.engine import Constraint, Request, RequestFailed, RequestRejected
from alignray.inference.openai_response import (
    Answer,
    classify_status,
    list_model_ids,
    parse_answer,
    split_count,
)

CONFIG = OpenAIEngineConfig(model="judge")
SECRET = "how do I pick a lock"


def build_request(n: int = 1, logprobs: bool = False, **fields: Any) -> Request:
    sampling = SamplingParams(n=n, logprobs=logprobs)
    return Request("r", [{"role": "user", "content": SECRET}], sampling, seed=0, **fields)


def build_choice(
    content: Any = "Hello there", finish: Any = "stop", **fields: Any
) -> dict[str, Any]:
    message = {"role": "assistant", "content": content}
    return {"index": 0, "message": message, "finish_reason": finish, **fields}


def parse(*choices: Any, request: Request | None = None, **fields: Any) -> Answer:
    request = request or build_request(n=max(1, len(choices)))
    return parse_answer({"choices": list(choices), **fields}, request, CONFIG)


def test_a_whole_answer() -> None:
    usage = {
        "prompt_tokens": 12,
        "completion_tokens": 3,
        "prompt_tokens_details": {"cached_tokens": 8},
    }
    answer = parse(build_choice(), usage=usage)
    output = answer.outputs[0]
    assert (answer.prompt_tokens, answer.cached_tokens) == (12, 8)
    assert (output.text, output.finish_reason, output.num_tokens) == ("Hello there", "stop", 3)
    assert output.logp is None and output.label_logps == {}


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (None, "without a JSON object"),
        ([], "without a JSON object"),
        ("ok", "without a JSON object"),
        ({}, "without choices"),
        ({"choices": None}, "without choices"),
        ({"choices": []}, "without choices"),
        ({"choices": "text"}, "without choices"),
        ({"error": {"message": SECRET, "code": 500}}, r"with an error \(500\)"),
        ({"error": SECRET}, "with an error$"),
        ({"error": {"code": "x"}, "choices": [build_choice()]}, r"with an error \(x\)"),
        ({"choices": [None]}, "finish_reason"),
        ({"choices": [{"finish_reason": "stop"}]}, "without text"),
        ({"choices": [build_choice(content=None)]}, "without text"),
        ({"choices": [build_choice(content=["parts"])]}, "without text"),
        ({"choices": [build_choice(finish=None)]}, "finish_reason None"),
        ({"choices": [build_choice(finish="tool_calls")]}, "finish_reason tool_calls"),
        ({"choices": [build_choice(finish=SECRET)]}, "finish_reason unknown"),
    ],
)
def test_what_is_no_answer_never_becomes_one(payload: Any, reason: str) -> None:
    with pytest.raises(RequestFailed, match=reason) as caught:
        parse_answer(payload, build_request(), CONFIG)
    assert SECRET not in caught.value.reason


def test_a_filtered_answer_is_rejected() -> None:
    with pytest.raises(RequestRejected, match=r"^content_filter$"):
        parse(build_choice(content="", finish="content_filter"))


def test_a_refusal_is_the_text_and_spent_reasoning_is_an_empty_one() -> None:
    refusal = {"message": {"content": None, "refusal": "I cannot."}, "finish_reason": "stop"}
    assert parse(refusal).outputs[0].text == "I cannot."
    spent = parse(build_choice(content=None, finish="length")).outputs[0]
    assert (spent.text, spent.finish_reason) == ("", "length")


def test_more_choices_than_asked_for_are_cut() -> None:
    choices = [build_choice("a"), build_choice("b")]
    assert len(parse(*choices, request=build_request(n=1)).outputs) == 1


def test_tokens_of_several_choices_add_up_to_the_usage() -> None:
    choices = [build_choice("a" * 30), build_choice("b" * 10), build_choice("")]
    counts = [o.num_tokens for o in parse(*choices, usage={"completion_tokens": 10}).outputs]
    assert counts == [8, 2, 0]  # shares 7.5, 2.5 and 0: the earlier of equal remainders first
    assert [o.num_tokens for o in parse(build_choice("two words")).outputs] == [2]


@given(st.integers(0, 10_000), st.lists(st.integers(0, 500), min_size=1, max_size=8))
def test_split_counts_are_exact_and_fair(total: int, lengths: list[int]) -> None:
    counts = split_count(total, lengths)
    assert sum(counts) == total
    if sum(lengths):
        shares = [total * length / sum(lengths) for length in lengths]
        assert all(abs(count - share) < 1 for count, share in zip(counts, shares, strict=True))


def build_logprobs(*top: tuple[str, float]) -> dict[str, Any]:
    alternatives = [{"token": token, "logprob": logprob} for token, logprob in top]
    return {"content": [{**alternatives[0], "top_logprobs": alternatives}]}


def test_listed_tokens_are_counted_and_summed() -> None:
    entries = [{"token": "a", "logprob": -0.5}, {"token": "b", "logprob": -1.25}]
    choice = build_choice("ab", logprobs={"content": entries})
    output = parse(choice, request=build_request(logprobs=True)).outputs[0]
    assert (output.num_tokens, output.logp) == (2, -1.75)
    assert parse(choice, request=build_request()).outputs[0].logp is None


def test_labels_gather_their_spellings_and_leave_out_what_is_not_there() -> None:
    top = [("4", math.log(0.5)), (" 4", math.log(0.2)), ("5", math.log(0.2)), ("Grade", -3.0)]
    request = build_request(label_tokens=("1", "4", "5"))
    choice = build_choice("4", "length", logprobs=build_logprobs(*top))
    logps = parse(choice, request=request).outputs[0].label_logps
    assert list(logps) == ["4", "5"]
    assert math.isclose(logps["4"], math.log(0.7)) and math.isclose(logps["5"], math.log(0.2))


@pytest.mark.parametrize(
    "logprobs",
    [
        None,
        {},
        {"content": None},
        {"content": []},
        {"content": ["x"]},
        build_logprobs(("The", -0.1)),
        build_logprobs(("4", -9999.0)),
    ],
)
def test_without_label_probabilities_there_are_none(logprobs: Any) -> None:
    request = build_request(label_tokens=("1", "4"))
    output = parse(build_choice("4", "length", logprobs=logprobs), request=request).outputs[0]
    assert output.label_logps == {}


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ('{"answer": "2 1"}', "2 1"),
        (' {"answer":"2 1"}\n', "2 1"),
        ('{"answer": "2', '{"answer": "2'),
        ('{"answer": 2}', '{"answer": 2}'),
        ("2 1", "2 1"),
        ("[]", "[]"),
    ],
)
def test_wrapped_answers_are_unwrapped_and_others_left_as_they_are(content: str, text: str) -> None:
    request = build_request(constraint=Constraint(choice=("1 2", "2 1")))
    assert parse(build_choice(content), request=request).outputs[0].text == text
    plain = build_request(constraint=Constraint(json_schema={"type": "object"}))
    assert parse(build_choice(content), request=plain).outputs[0].text == content


@pytest.mark.parametrize(
    ("status", "error", "kind", "reason"),
    [
        (400, {"code": "context_length_exceeded"}, "reject", "prompt_too_long"),
        (400, {"message": "This model's maximum context length is 4096"},
         "reject", "prompt_too_long"),
        (400, {"message": "The input (9 tokens) is longer than the model's context length"},
         "reject", "prompt_too_long"),
        (400, {"type": "exceed_context_size_error"}, "reject", "prompt_too_long"),
        (413, None, "reject", "prompt_too_long"),
        (400, {"message": SECRET, "code": "invalid_value"}, "reject", "http 400 (invalid_value)"),
        (400, {"message": SECRET, "code": SECRET, "type": SECRET}, "reject", "http 400"),
        (400, SECRET, "reject", "http 400"),
        (404, {"code": "model_not_found"}, "reject", "http 404 (model_not_found)"),
        (422, {"detail": [SECRET]}, "reject", "http 422"),
        (401, {"code": "invalid_api_key"}, "fatal", "http 401 (invalid_api_key)"),
        (402, None, "fatal", "http 402"),
        (403, None, "fatal", "http 403"),
        (307, None, "fatal", "http 307"),
        (429, {"code": "insufficient_quota"}, "fatal", "http 429 (insufficient_quota)"),
        (429, {"type": "rate_limit"}, "busy", "http 429 (rate_limit)"),
        (408, None, "retry", "http 408"),
        (409, None, "retry", "http 409"),
        (500, SECRET, "retry", "http 500"),
        (503, None, "retry", "http 503"),
        (529, None, "retry", "http 529"),
    ],
)  # fmt: skip
def test_statuses(status: int, error: Any, kind: str, reason: str) -> None:
    for body in (error, {"error": error}):
        trouble = classify_status(status, body)
        assert (trouble.kind, trouble.reason, trouble.status) == (kind, reason, status)


def test_a_503_that_says_when_is_busy() -> None:
    trouble = classify_status(503, None, 2.0)
    assert (trouble.kind, trouble.retry_after) == ("busy", 2.0)


@pytest.mark.parametrize(
    ("payload", "ids"),
    [
        ({"data": [{"id": "a"}, {"id": "b"}]}, ["a", "b"]),
        ({"data": [{"name": "a"}, "b", {"id": 3}]}, []),
        ({"data": None}, []),
        ([], []),
        (None, []),
    ],
)
def test_model_lists(payload: Any, ids: list[str]) -> None:
    assert list_model_ids(payload) == ids
