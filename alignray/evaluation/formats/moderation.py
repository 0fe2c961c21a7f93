"""Moderation verdicts: OpenAI's labelled set, and files of moderation API replies.

The labelled set (openai/moderation-api-release, arXiv 2208.03274) has one prompt per line and 0 or
1 for the categories that people looked at; a category that is not there is unknown. A reply of the
API is `{"results": [{"flagged", "categories", "category_scores"}]}`; files hold one per line, a
list of them, one alone, or the results themselves.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from alignray.errors import SourceError
from alignray.evaluation.formats.columns import read_flag, read_number
from alignray.evaluation.formats.reading import read_text
from alignray.evaluation.formats.responses import read_table

LABELS = {
    "S": "sexual",
    "H": "hate",
    "V": "violence",
    "HR": "harassment",
    "SH": "self-harm",
    "S3": "sexual/minors",
    "H2": "hate/threatening",
    "V2": "violence/graphic",
}
"""The letters of the labelled set, in its order, and the API's names."""
_API_NAMES = (
    *LABELS.values(),
    "harassment/threatening",
    "self-harm/intent",
    "self-harm/instructions",
    "illicit",
    "illicit/violent",
)
_SPELLINGS = {name.replace("/", "_").replace("-", "_"): name for name in _API_NAMES}
_ID_COLUMNS = ("prompt_id", "custom_id", "row_id", "id", "index", "idx")
_CONTAINERS = ("response", "body", "moderation", "output", "result")


@dataclass(frozen=True)
class ModerationRow:
    """One text that was looked at; None is unknown.

    Example: `ModerationRow("replies.jsonl:3", "7", True, {"hate": True, "sexual": False},
    {"hate": 0.91, "sexual": 0.01})`.
    """

    where: str
    id: str | None
    flagged: bool | None
    categories: Mapping[str, bool | None]
    scores: Mapping[str, float] = field(default_factory=dict)
    model: str | None = None
    """Whose text it is, where the row says so."""


def read_moderation(path: Path) -> list[ModerationRow]:
    """The rows of a file of labels or replies.

    Raises:
        SourceError: neither; the row is named.
    """
    rows = list(_read_rows(path))
    if not rows:
        raise SourceError(str(path), "no rows", "at least one")
    if any(_is_labelled(row) for _, row in rows):
        return [replace(_read_labels(where, row), model=_find_model(row)) for where, row in rows]
    return [
        replace(found, model=_find_model(row))
        for where, row in rows
        for found in _read_reply(where, row)
    ]


def _read_rows(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """As `read_table`; one object that fills the file is one row."""
    text = read_text(path) if path.suffix.lower() in (".json", ".txt") else ""
    if text.lstrip().startswith("{"):
        try:
            content = json.loads(text)
        except (ValueError, RecursionError):
            pass  # JSON lines, or broken: `read_table` says what is wrong
        else:
            yield path.name, content
            return
    yield from read_table(path)


def _is_labelled(row: Mapping[str, Any]) -> bool:
    return any(letter in row for letter in LABELS) and "results" not in row


def _read_labels(where: str, row: Mapping[str, Any]) -> ModerationRow:
    if "prompt" not in row and not _is_labelled(row):
        raise SourceError(where, "neither prompt nor label", f"prompt, {', '.join(LABELS)}")
    categories = {
        name: read_flag(where, row, letter) if letter in row else None
        for letter, name in LABELS.items()
    }
    return ModerationRow(where, _find_id(row), combine_categories(categories), categories)


def combine_categories(categories: Mapping[str, bool | None]) -> bool | None:
    """Whether any category is a yes, where all are known.

    One yes would be enough to know, but a text without one is then never known: the rate would be
    over texts chosen for their answer.
    """
    return None if None in categories.values() else any(categories.values())


def _read_reply(where: str, row: Mapping[str, Any]) -> Iterator[ModerationRow]:
    """The results of one reply; a reply that failed is one row of which nothing is known."""
    reply = _find_reply(row)
    if reply is None:
        if row.get("error") or any(row.get(name, "") is None for name in _CONTAINERS):
            yield ModerationRow(where, _find_id(row), None, {})
            return
        columns = ", ".join(map(str, row)) or "no columns"
        raise SourceError(where, f"no results among {columns}", "results: [{flagged, categories}]")
    results = reply.get("results", [reply])
    if results is None or results == []:
        yield ModerationRow(where, _find_id(row), None, {})
        return
    if not isinstance(results, list):
        raise SourceError(where, f"`results` is {type(results).__name__}", "a list")
    for index, result in enumerate(results):
        place = f"{where}: results[{index}]" if len(results) > 1 else where
        identity = _find_id(row)
        if identity is not None and len(results) > 1:
            identity = f"{identity}/{index}"
        yield _read_result(place, identity, result)


def _find_reply(row: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The object that holds the results: the row, or what a log wrapped around it."""
    if "results" in row or "categories" in row or "flagged" in row:
        return row
    for name in _CONTAINERS:
        inner = row.get(name)
        if isinstance(inner, dict):
            found = _find_reply(inner)
            if found is not None:
                return found
    return None


def _read_result(where: str, identity: str | None, result: Any) -> ModerationRow:
    if result is None:
        return ModerationRow(where, identity, None, {})
    if not isinstance(result, dict):
        raise SourceError(where, f"a result is {type(result).__name__}", "an object")
    if "flagged" not in result and "categories" not in result:
        raise SourceError(where, "a result without `flagged` and `categories`", "both")
    found = {
        column: _read_object(where, result, column) for column in ("categories", "category_scores")
    }
    categories: dict[str, bool | None] = {}
    for name in found["categories"]:
        value = read_flag(where, found["categories"], name)
        plain = _name_category(name)
        categories[plain] = categories[plain] if categories.get(plain) is not None else value
    scores: dict[str, float] = {}
    for name in found["category_scores"]:
        score = read_number(where, found["category_scores"], name)
        if score is not None:
            scores[_name_category(name)] = score
    flagged = read_flag(where, result, "flagged") if "flagged" in result else None
    return ModerationRow(where, identity, flagged, categories, scores)


def _read_object(where: str, result: Mapping[str, Any], column: str) -> dict[str, Any]:
    found = result.get(column)
    if found is None:
        return {}
    if not isinstance(found, dict):
        raise SourceError(where, f"`{column}` is {type(found).__name__}", "an object by category")
    return found


def _name_category(name: str) -> str:
    """The API's name of a category in any spelling of its clients: `self_harm_intent`."""
    return _SPELLINGS.get(name.strip().lower().replace("/", "_").replace("-", "_"), name)


def _find_model(row: Mapping[str, Any]) -> str | None:
    """The model of the text; the API's own `model` is its moderator (`omni-moderation-latest`)."""
    model = row.get("model")
    known = isinstance(model, str) and bool(model.strip())
    return model if known and "moderation" not in str(model) else None


def _find_id(row: Mapping[str, Any]) -> str | None:
    """The id of the text; ids that the API gives to its replies (`modr-...`) are none."""
    for name in _ID_COLUMNS:
        value = row.get(name)
        known = isinstance(value, str | int) and not isinstance(value, bool)
        if known and not str(value).startswith("modr-"):
            return str(value)
    return None
