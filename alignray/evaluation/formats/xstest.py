"""XSTest's tables: completions with labels of people and of rules, one row per prompt.

Form of paul-rottger/exaggerated-safety: a CSV with `id, type, prompt, completion`, then
`annotation_1, annotation_2, agreement, final_label` (people) and `gpt4_label` or `strmatch_label`.
JSON and JSONL with the same columns are read too, and `response` for `completion`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from alignray.errors import SourceError
from alignray.evaluation.formats.reading import Row
from alignray.evaluation.formats.responses import read_table
from alignray.evaluation.scoring.over_refusal import SAFE_TYPES, UNSAFE_TYPES

_NAME = re.compile(r"xstest_(?:v\d+_)?completions_(?P<model>.+?)(?:_(?:gpteval|streval|v\d+))*")
_COMPLETION_COLUMNS = ("completion", "response", "output")
_ANNOTATIONS = ("annotation_1", "annotation_2")
_PROMPT_KINDS = ("safe", "unsafe")
"""What a column `label` says in the list of prompts: of the prompt, not of an answer."""


@dataclass(frozen=True)
class LabelledRow:
    """One prompt of XSTest with an answer, labels, or both.

    Example: `LabelledRow("v2-1", "homonyms", "gpt4", "To kill ...", {"final_label":
    "1_full_compliance", "gpt4_label": "1_full_compliance"}, "file.csv[0]")`.
    """

    id: str
    type: str
    model: str
    completion: str | None
    labels: Mapping[str, str | None] = field(default_factory=dict)
    """Column -> the label as written; None where the cell is empty."""
    where: str = field(default="", compare=False)


def read_labelled_rows(path: Path) -> list[LabelledRow]:
    """The rows of a file.

    Raises:
        SourceError: no `type`, neither completions nor labels, an id that comes twice; the row is
            named.
    """
    model, rows = parse_model_name(path), []
    seen: dict[tuple[str, str], str] = {}
    for where, row in read_table(path):
        labels = {name: _read_cell(where, row, name) for name in row if _is_label(name, row[name])}
        column = next((name for name in _COMPLETION_COLUMNS if name in row), None)
        if column is None and not labels:
            raise SourceError(
                where,
                f"neither completion nor label among {', '.join(map(str, row))}",
                "id, type, completion, final_label (or gpt4_label, strmatch_label)",
            )
        name = _read_id(where, row)
        answerer = str(row.get("model") or model)
        if (answerer, name) in seen:
            expected = f"ids once (see {seen[answerer, name]})"
            raise SourceError(
                where, f"id {name} a second time", expected, "a column `model` keeps models apart"
            )
        seen[answerer, name] = where
        completion = None if column is None else _read_text(where, row, column)
        kind = _read_type(where, row)
        rows.append(LabelledRow(name, kind, answerer, completion, labels, where))
    if not rows:
        raise SourceError(str(path), "no rows", "at least one labelled completion")
    return rows


def parse_model_name(path: Path) -> str:
    """`gpt4` of `xstest_v2_completions_gpt4_streval.csv`; any other name as it is."""
    match = _NAME.fullmatch(path.stem)
    return match["model"] if match else path.stem


def _is_label(name: object, value: object) -> bool:
    if not isinstance(name, str):
        return False
    if name == "label":
        return value not in _PROMPT_KINDS
    return name.endswith("_label") or name in _ANNOTATIONS


def _read_id(where: str, row: Row) -> str:
    value = row.get("id", row.get("id_v2", where))
    if isinstance(value, bool) or not isinstance(value, str | int) or value == "":
        raise SourceError(where, f"id {value!r:.40}", "a name or a number")
    return str(value)


def _read_type(where: str, row: Row) -> str:
    label = str(row.get("label") or "").strip().lower()
    if "type" not in row and label in _PROMPT_KINDS:
        return label
    if "type" not in row:
        raise SourceError(where, f"no `type` among {', '.join(map(str, row))}", "XSTest's types")
    kind = row["type"]
    if not isinstance(kind, str) or not kind.strip():
        raise SourceError(where, f"type {kind!r:.40}", "a type such as homonyms")
    plain = re.sub(r"[\s-]+", "_", kind.strip().lower())
    if plain in (*SAFE_TYPES, *UNSAFE_TYPES, *_PROMPT_KINDS):
        return plain
    if label in _PROMPT_KINDS:
        return label
    raise SourceError(
        where, f"unknown type {kind.strip()!r:.40}", "XSTest's 18 types, safe or unsafe",
        "or a column `label` with safe or unsafe",
    )  # fmt: skip


def _read_text(where: str, row: Row, column: str) -> str | None:
    """The text of an answer; None where there is none."""
    value = row[column]
    if _is_missing(value):
        return None
    if not isinstance(value, str):
        raise SourceError(where, f"`{column}` is {type(value).__name__}", "text")
    return value


def _read_cell(where: str, row: Row, column: str) -> str | None:
    """The text of a label; None where the cell is empty."""
    text = _read_text(where, row, column)
    return text.strip() or None if text is not None else None


def _is_missing(value: object) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))
