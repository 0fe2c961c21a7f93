"""What an OpenAI-compatible server's answers mean: pure, no network.

Servers differ in what they leave out, so nothing is taken for granted: a body without choices,
a choice without text or an error inside an HTTP 200 never becomes an output. Nothing here repeats
text of a prompt: servers like to quote it in their errors, so reasons are made of status codes
and error codes alone.

A label's log-probability is the log of the summed probability of its spellings with and without
white space among the alternatives given. Labels that are not among them get no entry; without
any, `label_logps` is empty: a label that was merely written is not a probability.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from alignray.config.inference import OpenAIEngineConfig
from alignray.inference.engine import Output, Request, RequestFailed, RequestRejected
from alignray.inference.openai_request import ANSWER_FIELD, is_wrapped

_STOPS = {"stop", "eos", "eos_token", "stop_sequence", "end_turn"}
_LENGTHS = {"length", "max_tokens", "model_length"}
_CODE = re.compile(r"[A-Za-z0-9_.\-]{1,64}")
_TOO_LONG = re.compile(
    r"context[ _](length|size|window)|maximum (model|input|sequence) len|max_model_len"
    r"|(prompt|input)\b.{0,40}\btoo long",
    re.IGNORECASE,
)

Kind = Literal["retry", "busy", "reject", "fatal"]


@dataclass(frozen=True)
class Answer:
    """One HTTP answer in our terms; fewer outputs than asked for where a server ignores `n`."""

    outputs: list[Output]
    prompt_tokens: int
    cached_tokens: int


@dataclass(frozen=True)
class Trouble:
    """Why a try brought no answer, and what follows.

    `retry`: try again; `busy`: try again, and all slow down; `reject`: the request is at fault;
    `fatal`: every request would end like this one.
    """

    kind: Kind
    reason: str
    retry_after: float | None = None
    """Seconds to wait first, where the server says so."""
    status: int = 0
    """HTTP status; 0 where there was no answer at all."""


def parse_answer(payload: Any, request: Request, config: OpenAIEngineConfig) -> Answer:
    """The outputs in the JSON body of an HTTP 200.

    Raises:
        RequestFailed: the body holds an error, no choices, or a choice without text.
        RequestRejected: `content_filter`.
    """
    if not isinstance(payload, dict):
        raise RequestFailed("http 200 without a JSON object")
    if payload.get("error"):
        raise RequestFailed(f"http 200 with an error{_describe_code(payload)}")
    choices = [_as_dict(choice) for choice in _as_list(payload.get("choices"))]
    if not choices:
        raise RequestFailed("http 200 without choices")
    choices = choices[: request.sampling.n]
    finishes = [_parse_finish(choice) for choice in choices]
    texts = [_parse_text(choice) for choice in choices]
    usage = _as_dict(payload.get("usage"))
    counts = _count_tokens(choices, texts, _get_count(usage, "completion_tokens"))
    outputs = []
    for choice, text, finish, count in zip(choices, texts, finishes, counts, strict=True):
        entries = _get_token_entries(choice)
        output = Output(
            text=_unwrap(text) if is_wrapped(request, config) else text,
            finish_reason=finish,
            num_tokens=count,
            logp=_sum_logprobs(entries) if request.sampling.logprobs else None,
            label_logps=_read_labels(entries, request.label_tokens),
        )
        outputs.append(output)
    cached = _get_count(_as_dict(usage.get("prompt_tokens_details")), "cached_tokens")
    return Answer(outputs, _get_count(usage, "prompt_tokens") or 0, cached or 0)


def classify_status(status: int, body: Any, retry_after: float | None = None) -> Trouble:
    """What an HTTP status other than 2xx means.

    Args:
        status: the status.
        body: the parsed error body, if any.
        retry_after: seconds that the server asks to wait; a 503 with it is busy, not down.
    """
    code = _describe_code(body)
    reason = f"http {status}{code}"
    kind: Kind = "reject"
    if status == 429:
        kind = "fatal" if "insufficient_quota" in code else "busy"
    elif status in (408, 409) or status >= 500:
        kind = "busy" if status == 503 and retry_after is not None else "retry"
    elif status in (401, 402, 403) or status < 400:
        kind = "fatal"
    elif status == 413 or _TOO_LONG.search(_get_error_text(body)):
        reason = "prompt_too_long"
    return Trouble(kind, reason, retry_after, status)


def list_model_ids(payload: Any) -> list[str]:
    """The model names in the body of `GET /models`; none where it has another shape."""
    entries = [_as_dict(entry) for entry in _as_list(_as_dict(payload).get("data"))]
    return [entry["id"] for entry in entries if isinstance(entry.get("id"), str)]


def split_count(total: int, lengths: Sequence[int]) -> list[int]:
    """A total divided in proportion to lengths, by largest remainder; sums to the total exactly."""
    if not any(lengths):
        lengths = [1] * len(lengths)
    whole = sum(lengths)
    counts = [total * length // whole for length in lengths]
    order = sorted(range(len(lengths)), key=lambda i: -(total * lengths[i] % whole))
    for i in order[: total - sum(counts)]:
        counts[i] += 1
    return counts


def _parse_text(choice: Mapping[str, Any]) -> str:
    message = _as_dict(choice.get("message"))
    for field in ("content", "refusal"):
        if isinstance(message.get(field), str):
            return str(message[field])
    if message and choice.get("finish_reason") in _LENGTHS:
        return ""  # a reasoning model that spent all its tokens before its answer
    raise RequestFailed("http 200 with a choice without text")


def _parse_finish(choice: Mapping[str, Any]) -> Literal["stop", "length"]:
    reason = str(choice.get("finish_reason"))
    if reason in _STOPS:
        return "stop"
    if reason in _LENGTHS:
        return "length"
    if reason == "content_filter":
        raise RequestRejected(reason)
    raise RequestFailed(f"finish_reason {reason if _CODE.fullmatch(reason) else 'unknown'}")


def _unwrap(text: str) -> str:
    """The answer in `{"answer": ...}`; other text as it is, for the verdict parser to refuse."""
    try:
        answer = _as_dict(json.loads(text)).get(ANSWER_FIELD)
    except ValueError:
        return text
    return answer if isinstance(answer, str) else text


def _read_labels(entries: Sequence[Mapping[str, Any]], labels: Sequence[str]) -> dict[str, float]:
    """Log-probability of each label found among the first token's alternatives."""
    if not labels or not entries:
        return {}
    others = [other for other in _as_list(entries[0].get("top_logprobs")) if _is_token(other)]
    seen = {str(entry["token"]): float(entry["logprob"]) for entry in (entries[0], *others)}
    masses = dict.fromkeys(labels, 0.0)
    for token, logprob in seen.items():
        if token.strip() in masses:
            masses[token.strip()] += math.exp(min(logprob, 0.0))
    return {label: math.log(mass) for label, mass in masses.items() if mass > 0}


def _sum_logprobs(entries: Sequence[Mapping[str, Any]]) -> float | None:
    return math.fsum(entry["logprob"] for entry in entries) if entries else None


def _get_token_entries(choice: Mapping[str, Any]) -> list[dict[str, Any]]:
    content = _as_list(_as_dict(choice.get("logprobs")).get("content"))
    return content if all(_is_token(entry) for entry in content) else []


def _is_token(entry: Any) -> bool:
    fields = _as_dict(entry)
    return "token" in fields and isinstance(fields.get("logprob"), int | float)


def _count_tokens(
    choices: Sequence[Mapping[str, Any]], texts: Sequence[str], total: int | None
) -> list[int]:
    """Tokens of each choice: listed by the server, else its share of their sum, else words."""
    listed = [len(_get_token_entries(choice)) for choice in choices]
    if all(listed):
        return listed
    if total is None:
        return [len(text.split()) for text in texts]
    return split_count(total, [len(text) for text in texts])


def _describe_code(body: Any) -> str:
    """The error's code, or its type, as ` (code)`; empty where there is none."""
    fields = _as_dict(body)
    error = _as_dict(fields.get("error")) or fields
    for field in ("code", "type"):
        value = str(error.get(field) or "")
        if _CODE.fullmatch(value):
            return f" ({value})"
    return ""


def _get_error_text(body: Any) -> str:
    """Code, type and message of an error: to be searched, never to be shown."""
    fields = _as_dict(body)
    error = _as_dict(fields.get("error")) or fields
    parts = [error.get(field) for field in ("code", "type", "message", "detail")]
    parts += [body, fields.get("error")]
    return " ".join(part for part in parts if isinstance(part, str))


def _as_dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _get_count(usage: Mapping[str, Any], field: str) -> int | None:
    value = usage.get(field)
    return value if isinstance(value, int) and value >= 0 else None
