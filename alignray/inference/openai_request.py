"""Requests in the words of OpenAI's chat completions API: pure, no network.

Constraints, by `constraint_style`:

- `json_schema`: `response_format={"type": "json_schema", ...}`, which OpenAI, vLLM, SGLang,
  llama.cpp and Ollama take. It knows no bare choice or regex, and strict mode wants an object at
  the top, so these travel as `{"answer": <enum or pattern>}`; `openai_response.py` unwraps them.
- `vllm`: vLLM's own `structured_outputs`, whose choice and regex cost no extra token.

Labels: one token is drawn, with its 20 likeliest alternatives, the most that OpenAI gives.
"""

from __future__ import annotations

from typing import Any

from alignray.config.inference import OpenAIEngineConfig
from alignray.inference.engine import Constraint, Request

TOP_LOGPROBS = 20
ANSWER_FIELD = "answer"
WRAPPER_TOKENS = 16
"""Room for `{"answer": "..."}` around a constrained answer."""


def build_body(request: Request, config: OpenAIEngineConfig) -> dict[str, Any]:
    """The arguments of `chat.completions.create` for a request.

    What a default leaves to the server is not sent, since servers refuse arguments they do not
    know; `top_k` and `repetition_penalty` are sent where set, and refused by OpenAI itself.
    """
    sampling = request.sampling
    extra: dict[str, Any] = {}
    body: dict[str, Any] = {
        "model": request.adapter or config.model,
        "messages": request.messages,
        "temperature": sampling.temperature,
        config.token_limit_field: sampling.max_tokens,
    }
    if sampling.n > 1:
        body["n"] = sampling.n
    if sampling.temperature > 0:
        body["seed"] = request.seed
    if sampling.top_p < 1:
        body["top_p"] = sampling.top_p
    if sampling.stop:
        body["stop"] = list(sampling.stop)
    if sampling.top_k:
        extra["top_k"] = sampling.top_k
    if sampling.repetition_penalty != 1:
        extra["repetition_penalty"] = sampling.repetition_penalty
    if sampling.logprobs:
        body["logprobs"] = True
    if request.label_tokens:
        body |= {config.token_limit_field: 1, "logprobs": True, "top_logprobs": TOP_LOGPROBS}
    constraint = _get_constraint(request, config)
    if constraint is not None and config.constraint_style == "vllm":
        extra["structured_outputs"] = _build_structured_outputs(constraint)
    elif constraint is not None:
        body["response_format"] = _build_response_format(constraint)
        body[config.token_limit_field] += WRAPPER_TOKENS if is_wrapped(request, config) else 0
    return body | ({"extra_body": extra} if extra else {})


def is_wrapped(request: Request, config: OpenAIEngineConfig) -> bool:
    """Whether the answer comes as `{"answer": ...}`: a choice or regex in JSON's clothes."""
    constraint = _get_constraint(request, config)
    return (
        constraint is not None
        and constraint.json_schema is None
        and config.constraint_style == "json_schema"
    )


def _get_constraint(request: Request, config: OpenAIEngineConfig) -> Constraint | None:
    if not request.label_tokens:
        return request.constraint
    return Constraint(choice=request.label_tokens) if config.constraint_style == "vllm" else None


def _build_structured_outputs(constraint: Constraint) -> dict[str, Any]:
    if constraint.choice is not None:
        return {"choice": list(constraint.choice)}
    if constraint.regex is not None:
        return {"regex": constraint.regex}
    return {"json": constraint.json_schema}


def _build_response_format(constraint: Constraint) -> dict[str, Any]:
    schema = constraint.json_schema
    if schema is None:
        allowed: dict[str, Any] = (
            {"enum": list(constraint.choice)}
            if constraint.choice is not None
            else {"pattern": f"^(?:{constraint.regex})$"}
        )
        schema = {
            "type": "object",
            "properties": {ANSWER_FIELD: {"type": "string", **allowed}},
            "required": [ANSWER_FIELD],
            "additionalProperties": False,
        }
    answer_format = {"name": ANSWER_FIELD, "schema": schema, "strict": True}
    return {"type": "json_schema", "json_schema": answer_format}
