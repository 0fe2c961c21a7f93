"""What is sent to a moderations endpoint, and what its answers mean: pure, no network.

    {"model": "omni-moderation-latest", "input": "..."}
    {"results": [{"flagged": true, "categories": {"hate": true}, "category_scores": {"hate": 0.9}}]}

Servers know different categories, and OpenAI's older models answer `null` for the newer ones. A
category that is missing or null is unknown: it has no entry here, and is never 0. Whatever is of
another shape, or holds a score that is no number, makes the whole answer unreadable: a server
whose scores are NaN cannot be trusted with its flags either.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Literal, NoReturn

from alignray.inference.engine import Output, RequestFailed, RequestRejected
from alignray.records import Message

FLAGGED, PASSED = "flagged", "passed"
"""The text of an output: whether the server flagged the input."""
FLAG_PREFIX = "flagged:"
"""Before the name of a category, among the scores: 1 where it is flagged, 0 where it is not."""

_NAME = re.compile(r"(?!flagged:)[\w /.,:&()+-]{1,128}")
_BOUND = 1e300
"""Scores are probabilities; what is beyond this is infinite, or no number."""


def build_input(messages: Sequence[Message], form: Literal["response", "dialogue"]) -> str:
    """The text to moderate: the last message, or every turn with its role."""
    if form == "response":
        return messages[-1]["content"]
    return "\n\n".join(f"{message['role']}: {message['content']}" for message in messages)


def parse_moderation(payload: Any) -> Output:
    """The verdict in the JSON body of an HTTP 200.

    Returns:
        An output whose text is `flagged` or `passed`; its scores hold each known category's score
        by its name, and its flag as `flagged:NAME`.

    Raises:
        RequestFailed: the body is an error.
        RequestRejected: `unreadable`, with what is wrong.
    """
    if isinstance(payload, dict) and payload.get("error"):
        raise RequestFailed("http 200 with an error")
    results = payload.get("results") if isinstance(payload, dict) else None
    if not isinstance(results, list) or len(results) != 1 or not isinstance(results[0], dict):
        _refuse("not one result for one input")
    result = results[0]
    flagged = result.get("flagged")
    if not isinstance(flagged, bool):
        _refuse("flagged is neither true nor false")
    scores = {
        name: _read_score(value) for name, value in _read_known(result, "category_scores").items()
    }
    flags = {
        f"{FLAG_PREFIX}{name}": _read_flag(value)
        for name, value in _read_known(result, "categories").items()
    }
    return Output(FLAGGED if flagged else PASSED, "stop", 0, scores=scores | flags)


def _read_known(result: Mapping[str, Any], field: str) -> dict[str, Any]:
    """The entries of `categories` or `category_scores` that are not null."""
    entries = result.get(field)
    if entries is None:
        return {}
    if not isinstance(entries, dict):
        _refuse(f"{field} is not an object")
    if not all(_NAME.fullmatch(name) for name in entries):
        _refuse(f"{field} has a name that is none")
    return {name: value for name, value in entries.items() if value is not None}


def _read_flag(value: Any) -> float:
    if not isinstance(value, bool):
        _refuse("a category is neither true nor false")
    return float(value)


def _read_score(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < _BOUND:
        _refuse("a category score is not a number")
    return float(value)


def _refuse(found: str) -> NoReturn:
    raise RequestRejected(f"unreadable: {found}")
