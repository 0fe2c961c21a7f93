"""Answers behind the rates: ids always; their text only if it was asked for, behind a click."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from alignray.reports.entries import Metrics
from alignray.reports.page import Block, Excerpt, Fold, Table
from alignray.reports.svg import format_number
from alignray.reports.text import clean_text

MAX_CHARS = 2000
"""Of one message on the page; the row has the whole."""
WARNING = (
    "Content warning: prompts and answers as they are, which can be harmful, hateful, sexual or"
    " violent."
)


@dataclass(frozen=True)
class Example:
    """One answer with its text.

    Example: `Example(("sft", "harmful", "harmful_rate"), "p-7", {...row of eval.parquet...})`.
    """

    behind: tuple[str, str, str]
    """Model as the report names it, benchmark, metric of which it is one."""
    prompt_id: str
    row: Mapping[str, Any]


def build_example_table(metrics: Metrics) -> list[Block]:
    """Ids of the first rows behind each rate."""
    rows = [
        [
            f"{entry['model']}, {entry['benchmark']}",
            entry["metric"],
            ", ".join(entry["prompt_ids"]),
        ]
        for entry in metrics.get("examples", ())
    ]
    caption = "At most 20 each, by id; the texts are in data/eval.parquet of the evaluation."
    header = ["answers", "rate", "prompt ids"]
    title = "Rows behind the rates"
    return [Table(title, header, rows, caption, True, (1, 2))] if rows else []


def build_example_blocks(examples: Sequence[Example]) -> list[Block]:
    """One fold with a warning, a fold in it for each model, set and rate."""
    if not examples:
        return []
    folds = []
    for behind in dict.fromkeys(example.behind for example in examples):
        model, benchmark, metric = behind
        own = [_build_excerpt(example) for example in examples if example.behind == behind]
        folds.append(Fold(f"{metric}: {model} on {benchmark} ({len(own)})", own))
    return [Fold(f"{len(examples)} answers with their text", folds, WARNING)]


def _build_excerpt(example: Example) -> Excerpt:
    row = example.row
    grades = [
        f"{name} {format_number(row[name])}"
        for name in ("safety", "helpfulness")
        if row.get(name) is not None
    ]
    facts = [row.get("category"), *grades, row.get("finish_reason"), row.get("reason")]
    detail = ", ".join(str(fact) for fact in facts if fact)
    messages = [
        (str(message["role"]), clean_text(str(message["content"]), MAX_CHARS))
        for message in row.get("messages") or ()
    ]
    response = row.get("response")
    said = "(no answer)" if response is None else clean_text(str(response), MAX_CHARS)
    return Excerpt(example.prompt_id, detail, [*messages, ("answer", said or "(empty)")])
