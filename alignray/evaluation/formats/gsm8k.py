"""GSM8K problems with replies.

Read are rows (JSON, JSONL, CSV, parquet) with a gold answer and a reply under their usual names,
samples of lm-evaluation-harness (`samples_gsm8k_*.jsonl`: doc, target, resps; each problem once,
whatever the filters), and OpenAI's `example_model_solutions.jsonl` (ground_truth, and for each
model `{solution, is_correct}`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from alignray.errors import SourceError
from alignray.evaluation.formats.columns import find_column, read_cell, strip_suffixes
from alignray.evaluation.formats.reading import Row
from alignray.evaluation.formats.responses import COLUMNS, read_table
from alignray.evaluation.scoring.gsm8k import parse_gold

_GOLD = ("gold", "ground_truth", "gold_answer", "reference", "target", "label", "answer")
_REPLIES = ("reply", "solution", "model_answer", "generated", "text", *COLUMNS)


@dataclass(frozen=True)
class Reply:
    """One reply to one problem.

    Example: `Reply("replies.jsonl:1", "sft", "18", "... #### 18", None)`.
    """

    where: str
    model: str
    gold: str
    """The number, without commas."""
    text: str | None
    published: bool | None
    """Whether the file says that it is right; None where it does not say."""


def read_replies(path: Path, gold: Mapping[str, str] | None = None) -> list[Reply]:
    """The replies of a file.

    Args:
        path: the file.
        gold: number of each question, for files without answers.

    Raises:
        SourceError: not such a file, a gold answer without number; the row is named.
    """
    replies: list[Reply] = []
    seen: set[str] = set()
    for where, row in read_table(path):
        if "doc" in row and "resps" in row:
            name = str(row.get("doc_id", where))
            if name not in seen:
                replies.append(_read_sample(where, row, path))
            seen.add(name)
        elif any(_is_solution(cell) for cell in row.values()):
            replies += _read_solutions(where, row)
        else:
            replies.append(_read_row(where, row, path, gold))
    if not replies:
        raise SourceError(str(path), "no rows", "at least one reply")
    return replies


def read_gold(path: Path) -> dict[str, str]:
    """Question -> number of a file of problems, as released.

    Raises:
        SourceError: no question or answer, an answer without number; the row is named.
    """
    gold: dict[str, str] = {}
    for where, row in read_table(path):
        question = row.get("question")
        if not isinstance(question, str) or "answer" not in row:
            raise SourceError(where, f"no question and answer among {', '.join(map(str, row))}")
        gold[question.strip()] = _parse(where, row["answer"])
    return gold


def _read_row(where: str, row: Row, path: Path, gold: Mapping[str, str] | None) -> Reply:
    column = find_column(row, _GOLD)
    if gold is not None and isinstance(row.get("question"), str):
        number = gold.get(row["question"].strip())
        column = None
        if number is None:
            raise SourceError(where, "a question that the gold file does not have")
    elif column is None:
        raise SourceError(
            where,
            f"no gold answer among {', '.join(map(str, row))}",
            f"one of {', '.join(_GOLD)}",
            "or give gold=FILE, the released problems",
        )
    else:
        number = _parse(where, row[column])
    reply = find_column({name: None for name in row if name != column}, _REPLIES)
    if reply is None:
        raise SourceError(
            where, f"no reply among {', '.join(map(str, row))}", f"one of {', '.join(_REPLIES)}"
        )
    model = str(row.get("model") or strip_suffixes(path))
    return Reply(where, model, number, read_cell(where, row, reply), None)


def _read_sample(where: str, row: Row, path: Path) -> Reply:
    doc = row["doc"]
    answer = doc.get("answer", row.get("target")) if isinstance(doc, dict) else row.get("target")
    text = row["resps"]
    while isinstance(text, list) and text:
        text = text[0]
    if text is not None and not isinstance(text, str):
        raise SourceError(where, "`resps` holds no text", "[[text]]")
    return Reply(where, path.resolve().parent.name, _parse(where, answer), text, None)


def _is_solution(cell: Any) -> bool:
    return isinstance(cell, dict) and "solution" in cell


def _read_solutions(where: str, row: Row) -> Iterator[Reply]:
    column = find_column(row, _GOLD)
    if column is None:
        raise SourceError(where, f"no gold answer among {', '.join(map(str, row))}", "ground_truth")
    number = _parse(where, row[column])
    for model, cell in row.items():
        if _is_solution(cell):
            right = cell.get("is_correct")
            published = right if isinstance(right, bool) else None
            place = f"{where}: {model}"
            yield Reply(place, model, number, read_cell(place, cell, "solution"), published)


def _parse(where: str, answer: Any) -> str:
    plain = str(answer) if isinstance(answer, int | float) else answer
    number = parse_gold(plain) if isinstance(plain, str) and not isinstance(answer, bool) else None
    if number is None:
        raise SourceError(where, "a gold answer without number", "`#### N` on its last line")
    return number
