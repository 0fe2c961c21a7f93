"""Requests as an OpenAI-compatible server wants them."""

import re
from typing import Any

import pytest

from alignray.config.inference import OpenAIEngineConfig, SamplingParams
from alignray.inference.engine import Constraint, Request
from alignray.inference.openai_request import build_body, is_wrapped

MESSAGES: Any = [{"role": "user", "content": "Hi"}]


def build(request: Request, **config: Any) -> dict[str, Any]:
    return build_body(request, OpenAIEngineConfig(model="judge", **config))


def test_defaults_are_left_to_the_server() -> None:
    request = Request("r", MESSAGES, SamplingParams(temperature=0, max_tokens=8), seed=5)
    assert build(request) == {
        "model": "judge",
        "messages": MESSAGES,
        "temperature": 0,
        "max_tokens": 8,
    }


def test_everything_set_is_sent() -> None:
    sampling = SamplingParams(
        n=5,
        temperature=0.7,
        top_p=0.95,
        top_k=40,
        repetition_penalty=1.1,
        stop=("\n\n",),
        logprobs=True,
        max_tokens=9,
    )
    request = Request("r", MESSAGES, sampling, seed=5, adapter="sft")
    assert build(request, token_limit_field="max_completion_tokens") == {
        "model": "sft",
        "messages": MESSAGES,
        "temperature": 0.7,
        "max_completion_tokens": 9,
        "n": 5,
        "seed": 5,
        "top_p": 0.95,
        "stop": ["\n\n"],
        "logprobs": True,
        "extra_body": {"top_k": 40, "repetition_penalty": 1.1},
    }


def ask(**fields: Any) -> Request:
    return Request("r", MESSAGES, SamplingParams(temperature=0, max_tokens=8), seed=0, **fields)


SCHEMA = {"type": "object", "properties": {"order": {"type": "array"}}}


@pytest.mark.parametrize(
    ("constraint", "structured"),
    [
        (Constraint(choice=("1 2", "2 1")), {"choice": ["1 2", "2 1"]}),
        (Constraint(regex="[1-5]"), {"regex": "[1-5]"}),
        (Constraint(json_schema=SCHEMA), {"json": SCHEMA}),
    ],
)
def test_vllm_style_sends_constraints_as_they_are(
    constraint: Constraint, structured: dict[str, Any]
) -> None:
    body = build(ask(constraint=constraint), constraint_style="vllm")
    assert body["extra_body"] == {"structured_outputs": structured}
    assert body["max_tokens"] == 8 and "response_format" not in body


def test_json_schema_style_wraps_choice_and_regex_in_an_object() -> None:
    body = build(ask(constraint=Constraint(choice=("a", "b"))))
    sent = body["response_format"]["json_schema"]
    assert sent["strict"] is True
    assert sent["schema"] == {
        "type": "object",
        "properties": {"answer": {"type": "string", "enum": ["a", "b"]}},
        "required": ["answer"],
        "additionalProperties": False,
    }
    assert body["max_tokens"] == 24  # 8 for the answer and 16 for its wrapping
    body = build(ask(constraint=Constraint(regex="1|2")))
    pattern = body["response_format"]["json_schema"]["schema"]["properties"]["answer"]["pattern"]
    assert re.search(pattern, "2") and not re.search(pattern, "12")


def test_json_schema_style_sends_a_schema_as_it_is() -> None:
    request = ask(constraint=Constraint(json_schema=SCHEMA))
    body = build(request)
    assert body["response_format"]["json_schema"]["schema"] == SCHEMA
    assert body["max_tokens"] == 8
    assert not is_wrapped(request, OpenAIEngineConfig(model="judge"))


def test_labels_ask_for_one_token_and_its_alternatives() -> None:
    body = build(ask(label_tokens=("1", "2")))
    assert (body["max_tokens"], body["logprobs"], body["top_logprobs"]) == (1, True, 20)
    assert "response_format" not in body
    body = build(ask(label_tokens=("1", "2")), constraint_style="vllm")
    assert body["extra_body"] == {"structured_outputs": {"choice": ["1", "2"]}}
