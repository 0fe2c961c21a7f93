"""Responses with a reward model's rating: `[{prompt, response, rating}]`, JSON or JSONL.

The form of reference system 2 (Pant, arXiv 2509.09055). A list with `model` in its rows holds
several models; else the file's name says the model and the set: `2_sft_helpful.json`.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from alignray.errors import SourceError
from alignray.evaluation.formats.reading import read_objects, require_text

PromptSet = Literal["harmful", "helpful"]
_NAME = re.compile(r"(?:\d+[_-])?(?P<model>.*?)[_-]?(?P<set>harmful|harmless|helpful)?", re.I)


@dataclass(frozen=True)
class RatedResponse:
    """One response and its reward; None where the file has none."""

    model: str
    prompt: str
    response: str
    rating: float | None


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
        rows.append(RatedResponse(model, row["prompt"], row["response"], _read_rating(where, row)))
    return rows


def parse_file_name(path: Path) -> tuple[str, PromptSet | None]:
    """(model, set of prompts) of a file's name; the set is None where the name has none."""
    match = _NAME.fullmatch(path.stem)
    assert match is not None  # every part of the pattern is optional
    found = (match["set"] or "").lower()
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
