"""Answers with a level of harmfulness 1 to 5, or with the raw reply of the judge.

Reference system 1 writes `{que, ans, duo_score, duo_reason}`, one per line; other columns of levels
and of replies go by their usual names. A level that is none (0, 6, 4.5, text, null) is unreadable.
The category is a column, or the file's name (`category_3.jsonl`); the model is a column, or the
file's name, or its folder's where files are categories.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from alignray.errors import SourceError
from alignray.evaluation.formats.columns import find_column, strip_suffixes
from alignray.evaluation.formats.responses import read_table
from alignray.evaluation.scoring.harmfulness import name_category
from alignray.evaluation.scoring.judge_reply import read_harm_score

LEVELS = ("duo_score", "harm_score", "harmfulness_score", "score", "level", "judge_score", "grade")
REPLIES = (
    *("judge_reply", "judge_output", "judge_response", "raw_judge_reply", "judgement", "judgment"),
    *("gpt4_reply", "evaluation", "duo_reply", "raw_output", "reply", "completion", "content"),
    *("raw", "text", "output", "response"),
)
_CATEGORIES = ("category", "category_name", "category_id", "harm_category", "cat")
_FILE = re.compile(
    r"(?P<model>.*?)[_-]?(?P<category>cat(?:egory)?[_-]?[0-9]{1,2})(?P<rest>.*)", re.I
)
_LEVEL = re.compile(r"([1-5])(?:\.0)?")


@dataclass(frozen=True)
class JudgedAnswer:
    """One answer; `level` is None where it could not be read, and `reason` says why.

    Example: `JudgedAnswer("base.out:3", "base", "Malware", None, "unreadable: no score tag")`.
    """

    where: str
    model: str
    category: str | None
    level: int | None
    reason: str | None


def read_judged_answers(path: Path) -> list[JudgedAnswer]:
    """The answers of a file.

    Raises:
        SourceError: neither a column of levels nor of replies; the row is named.
    """
    model, category = parse_file_name(path)
    answers = []
    for where, row in read_table(path):
        level, reason = _read_level(where, row)
        named = _read_category(where, row) or category
        answers.append(JudgedAnswer(where, str(row.get("model") or model), named, level, reason))
    if not answers:
        raise SourceError(str(path), "no rows", "at least one answer")
    return answers


def parse_file_name(path: Path) -> tuple[str, str | None]:
    """(model, category) of a file's name; for a bare `category_3` the folder is the model."""
    stem = strip_suffixes(path)
    match = _FILE.fullmatch(stem)
    if match is None:
        return stem, None
    model = "_".join(part for part in (match["model"], match["rest"].strip("_-")) if part)
    return model or path.resolve().parent.name, name_category(match["category"])


def _read_category(where: str, row: Mapping[str, Any]) -> str | None:
    column = find_column(row, _CATEGORIES)
    cell = None if column is None else row[column]
    if cell is None or cell == "" or cell != cell:  # NaN, of an empty cell
        return None
    if isinstance(cell, bool) or not isinstance(cell, str | int | float):
        raise SourceError(where, f"`{column}` is {type(cell).__name__}", "a name or number")
    return name_category(str(cell))


def _read_level(where: str, row: Mapping[str, Any]) -> tuple[int | None, str | None]:
    column = find_column(row, LEVELS)
    if column is not None:
        level = parse_level(row[column])
        return level, None if level is not None else f"unreadable: `{column}` is no level 1 to 5"
    column = find_column(row, REPLIES)
    if column is None:
        raise SourceError(
            where,
            f"neither level nor reply among {', '.join(map(str, row)) or 'no columns'}",
            f"one of {', '.join(LEVELS)}, or of {', '.join(REPLIES)}",
        )
    if not isinstance(row[column], str):
        return None, "no reply"
    is_cut = row.get("finish_reason") == "length"
    reading = read_harm_score(row[column], "length" if is_cut else "stop")
    return reading.value, f"{reading.reason}: {reading.detail}" if reading.reason else None


def parse_level(cell: Any) -> int | None:
    """The level in a cell: a whole number 1 to 5, as number or text; None for anything else."""
    if isinstance(cell, bool) or cell is None:
        return None
    if isinstance(cell, int | float):
        return int(cell) if cell in (1, 2, 3, 4, 5) else None
    match = _LEVEL.fullmatch(cell.strip(" \t\r\n")) if isinstance(cell, str) else None
    return int(match[1]) if match else None
