"""Pairwise verdicts in both orders: LLMBar's results, FastChat reviews, tables with two columns.

Verdicts are named by response here, never by position: `1`, `2`, `tie`, None for one not read.
LLMBar (arXiv 2310.07641): `[{label, results: [..., {"swap = False": {winner}, "swap = True":
{winner}}]}]`, winners already turned back. Its ratings give `score_1` and `score_2` beside them:
the publisher writes a win for each side where one cannot be read; that is None here, and two equal
ratings are a tie. FastChat: `[{question_id, answer1_id, answer2_id, score: [a, b]}]`, one order a
file; the other order is another file, or other rows.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from alignray.errors import SourceError
from alignray.evaluation.formats.columns import strip_suffixes
from alignray.evaluation.formats.labels import Table, read_id, read_ids, read_label
from alignray.evaluation.formats.reading import is_number
from alignray.evaluation.scoring.judge_quality import TIE, BothOrders
from alignray.evaluation.scoring.published_judges import LLMBarRow

_ORDERS = ("swap = False", "swap = True")
_WINNERS = {"1": "1", "2": "2", "0": TIE, TIE: TIE, "equal": TIE, "both": TIE, "none": None}
_WORDS = _WINNERS | {"a": "1", "b": "2", "first": "1", "second": "2", "response 1": "1",
                     "response 2": "2", "model_1": "1", "model_2": "2", "1.5": TIE}  # fmt: skip


def is_llmbar(table: Table) -> bool:
    """Whether a file has results in LLMBar's form."""
    return "results" in table.columns


def is_reviews(table: Table) -> bool:
    """Whether a file has reviews in FastChat's form."""
    return {"question_id", "score"} <= set(table.columns)


def read_llmbar(table: Table) -> list[LLMBarRow]:
    """The instances of a `result.json`.

    Raises:
        SourceError: a row without label or without a verdict of each order.
    """
    return [
        _read_llmbar_row(where, row, f"{strip_suffixes(table.path)}[{index}]")
        for index, (where, row) in enumerate(table.rows)
    ]


def read_reviews(tables: Iterable[Table]) -> tuple[list[BothOrders], int]:
    """Pairs of answers that were reviewed in both orders, and how many were in one alone.

    Raises:
        SourceError: a row without ids or scores; one order of a pair there twice.
    """
    found: dict[tuple[str, str, str], str | None] = {}
    for table in tables:
        for where, row in table.rows:
            key, verdict = _read_review(where, row)
            if key in found:
                raise SourceError(where, f"question {key[0]} is there twice in one order", "once")
            found[key] = verdict
    rows, alone = [], 0
    for (question, first, second), verdict in found.items():
        other = (question, second, first)
        if other not in found:
            alone += 1
        elif first < second:
            rows.append(BothOrders(f"{question}:{first}:{second}", verdict, _turn(found[other])))
    return rows, alone


def read_two_columns(table: Table, first: str, second: str) -> list[BothOrders]:
    """Verdicts of both orders from two columns, both named by response.

    Raises:
        SourceError: a cell that is no verdict.
    """
    ids = read_ids(table)
    return [
        BothOrders(id_, _read_word(where, row, first), _read_word(where, row, second))
        for id_, (where, row) in zip(ids, table.rows, strict=True)
    ]


def read_swapped_rows(table: Table) -> list[BothOrders]:
    """Verdicts of rows `{id, swapped, winner}`, two rows an id; the id's order mark is cut off.

    Raises:
        SourceError: one order of an id there twice.
    """
    found: dict[str, dict[bool, str | None]] = defaultdict(dict)
    for where, row in table.rows:
        swapped = row.get("swapped")
        if not isinstance(swapped, bool):
            raise SourceError(where, f"`swapped` is {type(swapped).__name__}", "true or false")
        name = str(row.get("id")).removesuffix(f"/{_ORDERS[swapped]}")
        if swapped in found[name]:
            raise SourceError(where, f"id {name!r} is there twice in one order", "once")
        found[name][swapped] = _read_word(where, row, "winner")
    return [BothOrders(name, by.get(False), by.get(True)) for name, by in found.items()]


def _read_llmbar_row(where: str, row: Mapping[str, Any], name: str) -> LLMBarRow:
    label = read_label(where, row, "label")
    results = row.get("results")
    last = results[-1] if isinstance(results, list) and results else None
    if label not in ("1", "2") or not isinstance(last, dict):
        raise SourceError(where, "no `label` 1 or 2, or no list `results`", "a row of LLMBar")
    winners = []
    for order in _ORDERS:
        verdict = last.get(order)
        if not isinstance(verdict, dict) or "winner" not in verdict:
            raise SourceError(where, f"no winner of `{order}`", "a winner or null")
        winner = read_label(where, verdict, "winner")
        if winner not in ("1", "2", None):
            raise SourceError(where, f"winner of `{order}` is no response", "1, 2 or null")
        winners.append(winner)
    published = (winners[0], winners[1])
    rated = "score_1" in last
    if rated and not all(_is_rating(last.get(side)) for side in ("score_1", "score_2")):
        return LLMBarRow(label, BothOrders(name, None, None), published, rated)
    return LLMBarRow(label, BothOrders(name, *published), published, rated)


def _is_rating(said: Any) -> bool:
    text = str(said[0]).strip() if isinstance(said, list) and said else ""
    return re.fullmatch(r"[+-]?[0-9]{1,9}", text, re.ASCII) is not None


def _read_review(where: str, row: Mapping[str, Any]) -> tuple[tuple[str, str, str], str | None]:
    question, first, second = (
        read_id(where, row, name) for name in ("question_id", "answer1_id", "answer2_id")
    )
    score = row.get("score")
    if not isinstance(score, list) or len(score) != 2:
        raise SourceError(where, "`score` is no pair", "two numbers")
    read = all(is_number(x) and x >= 0 for x in score)  # FastChat writes -1 for what it cannot read
    verdict = _compare(score[0], score[1]) if read else None
    return (question, first, second), verdict


def _compare(first: float, second: float) -> str:
    return TIE if first == second else "1" if first > second else "2"


def _turn(verdict: str | None) -> str | None:
    return {"1": "2", "2": "1"}.get(verdict, verdict) if verdict else None


def _read_word(where: str, row: Mapping[str, Any], column: str) -> str | None:
    label = read_label(where, row, column)
    if label is None:
        return None
    if label not in _WORDS:
        raise SourceError(where, f"`{column}` is no verdict", "1, 2, tie or nothing")
    return _WORDS[label]
