"""Responses with a reward model's rating: `[{prompt, response, rating}]`, JSON or JSONL.

The form of reference system 2 (Pant, arXiv 2509.09055). A list with `model` in its rows holds
several models; else the file's name says the model and the set: `2_sft_helpful.json`. A gold label
may stand beside the rating: `label` or `safe` (true or 1 is good), or `harmful` (true is bad).
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from alignray.errors import SourceError
from alignray.evaluation.formats.columns import find_column
from alignray.evaluation.formats.reading import read_objects, require_text

_GOOD = ("label", "safe", "is_safe", "harmless", "is_harmless", "helpful", "is_helpful")
_BAD = ("harmful", "is_harmful", "unsafe", "is_unsafe", "unhelpful", "is_unhelpful")
_TRUTHS = {"true": True, "1": True, "1.0": True, "false": False, "0": False, "0.0": False}
_WORDS = dict.fromkeys(("harmless", "helpful", "safe"), True) | dict.fromkeys(
    ("harmful", "unhelpful", "unsafe"), False
)
"""Labels of the publisher's classification files; they follow from the rating by its threshold."""

PromptSet = Literal["harmful", "helpful"]
_NAME = re.compile(r"(?:\d+[_-])?(?P<model>.*?)[_-]?(?P<set>harmful|harmless|helpful)?", re.I)
_NAMED = re.compile(r"(harmful|harmless|helpful)ness[_-]", re.I)
"""Of the publisher's classification files, which hold several models."""


@dataclass(frozen=True)
class RatedResponse:
    """One response and its reward; None where the file has none."""

    model: str
    prompt: str
    response: str
    rating: float | None
    good: bool | None = None
    """What a column of labels says (`label`, `safe`, `harmful`); None without one."""


def read_rated_responses(path: Path) -> list[RatedResponse]:
    """The rows of a file.

    Raises:
        SourceError: not such a file; the row is named.
    """
    name = parse_file_name(path)[0]
    rows = []
    for where, row in read_objects(path):
        for column in ("prompt", "response"):
            require_text(where, row, column)
        model = str(row.get("model") or name)
        rating, good = _read_rating(where, row), _read_label(row)
        rows.append(RatedResponse(model, row["prompt"], row["response"], rating, good))
    return rows


def parse_file_name(path: Path) -> tuple[str, PromptSet | None]:
    """(model, set of prompts) of a file's name; the set is None where the name has none."""
    match = _NAME.fullmatch(path.stem)
    assert match is not None  # every part of the pattern is optional
    named = _NAMED.match(path.stem)
    found = (match["set"] or (named[1] if named else "")).lower()
    sets: dict[str, PromptSet] = {"helpful": "helpful", "harmful": "harmful", "harmless": "harmful"}
    return match["model"] or path.stem, sets.get(found)


def _read_rating(where: str, row: dict[str, object]) -> float | None:
    if "rating" not in row:
        raise SourceError(where, f"no `rating` among {', '.join(row)}", "prompt, response, rating")
    rating = row["rating"]
    if rating is None:
        return None
    if isinstance(rating, bool) or not isinstance(rating, int | float) or not math.isfinite(rating):
        raise SourceError(where, f"rating {rating!r}", "a finite number or null")
    return float(rating)


def _read_label(row: Mapping[str, object]) -> bool | None:
    """Whether a response is good by its label; None without one, or for any other word."""
    column = find_column(row, (*_GOOD, *_BAD))
    word = str(row[column]).strip().lower() if column is not None else ""
    if column is None or word not in _TRUTHS:
        return _WORDS.get(word)
    is_bad = find_column({column: None}, _BAD) is not None
    return _TRUTHS[word] is not is_bad
