"""Tables of labels: CSV, JSON lists or JSONL with some judges' labels in columns, rows by id.

Labels are compared as words: `2`, `2.0` and `"2"` are one label, `Tie` and `tie` are one. Nothing
(null, an empty cell, NaN or infinity) is a missing label.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from alignray.errors import SourceError
from alignray.evaluation.formats.columns import find_column
from alignray.evaluation.formats.responses import read_table as read_rows

ID_NAMES = (
    "id",
    "idx",
    "index",
    "prompt_id",
    "question_id",
    "item",
    "item_id",
    "row",
    "uid",
    "key",
)
GOLD_NAMES = ("gold", "gold_label", "label", "human_label", "final_label", "truth", "ground_truth")
JUDGE_NAMES = (
    "verdict",
    "winner",
    "prediction",
    "predicted",
    "judge",
    "judge_label",
    "judgement",
    "judgment",
)
VALUE_NAMES = ("value", "score", "correct", "outcome", "rating", "grade", "reward", "accuracy")
_NUMBERED = re.compile(
    r"(annotat(?:or|ion)|label(?:l?er)?|rater|rating|judge|coder|human|reviewer|grade|vote|expert)"
    r"[_ -]*(?:[0-9]{1,3}|[a-z])",
    re.IGNORECASE,
)
_NAMED = re.compile(
    r"(?:[a-z0-9.-]+[_ -])+(?:label|annotation|rating|judge?ment|vote)|gold|human|judge",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Table:
    """Rows of one file.

    Example: `Table(path, ["id", "annotator1"], [("t.csv[1]", {"id": "0", "annotator1": "2"})])`.
    """

    path: Path
    columns: list[str]
    """Of all rows, in order of appearance."""
    rows: list[tuple[str, dict[str, Any]]]
    """(place, cells)."""


def read_table(path: Path) -> Table:
    """The rows of a file.

    Raises:
        SourceError: not CSV, TSV, a JSON list of objects, JSON lines or parquet; no rows.
    """
    rows = [(where, dict(row)) for where, row in read_rows(path)]
    if not rows:
        raise SourceError(str(path), "no rows", "at least one")
    return Table(path, list(dict.fromkeys(name for _, row in rows for name in row)), rows)


def find_label_columns(table: Table, wanted: Sequence[str]) -> list[str]:
    """The columns of labels: those wanted, or those named as judges' columns are.

    Numbered ones (`annotator1`, `rater_b`) go first: beside them a `final_label` was made of them.

    Raises:
        SourceError: a wanted column is not there; fewer than one is found.
    """
    for name in wanted:
        _require(table, name)
    numbered = [name for name in table.columns if _NUMBERED.fullmatch(name.strip())]
    named = [name for name in table.columns if _NAMED.fullmatch(name.strip())]
    found = list(wanted) or (numbered if len(numbered) > 1 else numbered + named)
    if not found:
        columns = ", ".join(table.columns) or "no columns"
        raise SourceError(
            str(table.path), f"no label columns among {columns}", "annotator1, annotator2, ...",
            "name them: columns=[a,b]",
        )  # fmt: skip
    return found


def choose_column(table: Table, wanted: str | None, names: Sequence[str], what: str) -> str:
    """The wanted column, or the first of the usual names.

    Raises:
        SourceError: it is not there.
    """
    if wanted is not None:
        return _require(table, wanted)
    found = find_column(dict.fromkeys(table.columns), names)
    if found is None:
        columns = ", ".join(table.columns) or "no columns"
        raise SourceError(
            str(table.path), f"no {what} column among {columns}", f"one of {', '.join(names)}"
        )
    return found


def read_ids(table: Table, wanted: str | None = None) -> list[str]:
    """The id of each row: the wanted column or a usual one, else the row's position.

    Raises:
        SourceError: an id that is missing or there twice.
    """
    column = wanted and _require(table, wanted)
    column = column or find_column(dict.fromkeys(table.columns), ID_NAMES)
    if column is None:
        return [str(index) for index in range(len(table.rows))]
    seen: dict[str, str] = {}
    for where, row in table.rows:
        label = read_id(where, row, column)
        if label in seen:
            hint = "a file for each `model`" if "model" in table.columns else ""
            raise SourceError(
                where, f"`{column}` {label!r} is there twice", f"once ({seen[label]})", hint
            )
        seen[label] = where
    return list(seen)


def read_id(where: str, row: Mapping[str, Any], column: str) -> str:
    """The id of a row as it stands, case and all; `7`, `7.0` and `"7"` are one id.

    Raises:
        SourceError: it is missing, or a list or an object.
    """
    label = read_label(where, row, column)
    if label is None:
        raise SourceError(where, f"no `{column}`", "an id for every row")
    cell = row.get(column)
    return cell.strip() if isinstance(cell, str) and label == cell.strip().casefold() else label


def read_label(where: str, row: Mapping[str, Any], column: str) -> str | None:
    """The label of a cell as a word in lower case, None where it is missing.

    Raises:
        SourceError: a list or an object.
    """
    cell = row.get(column)
    if isinstance(cell, bool):
        return str(cell).lower()
    if cell is None or (isinstance(cell, float) and not math.isfinite(cell)):
        return None
    if isinstance(cell, int):
        return str(cell)
    if isinstance(cell, float):
        return str(int(cell)) if cell.is_integer() else repr(cell)
    if isinstance(cell, str):
        return _plain(cell)
    raise SourceError(where, f"`{column}` is {type(cell).__name__}", "a label: text or a number")


def _plain(text: str) -> str | None:
    word = text.strip().casefold()
    if word in ("", "nan", "null"):
        return None
    return str(int(float(word))) if re.fullmatch(r"-?[0-9]{1,15}\.0+", word) else word


def _require(table: Table, name: str) -> str:
    if name not in table.columns:
        columns = ", ".join(table.columns) or "no columns"
        raise SourceError(str(table.path), f"no column `{name}` among {columns}")
    return name
