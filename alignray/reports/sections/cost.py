"""What it took: seconds, rows a second and tokens of every stage."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from alignray.reports.bars import plot_amounts
from alignray.reports.page import Block, Cell, Figure, Note, Table
from alignray.reports.svg import format_number, format_percent
from alignray.reports.values import build_blocks

Record = Mapping[str, Any]


def build_cost_blocks(records: Sequence[Record]) -> list[Block]:
    """Rows and cost of every stage, its time drawn, and what a stage says of its cost itself."""
    blocks: list[Block] = [build_count_table(records), build_cost_table(records)]
    seconds = [(record["stage"], float(record["seconds"])) for record in records]
    if len(seconds) > 1:
        title = "Seconds by stage"
        drawing = plot_amounts(title, seconds, lambda value: f"{format_number(value)} s")
        caption = f"{sum(amount for _, amount in seconds):,.0f} s in all, one stage at a time."
        blocks.insert(0, Figure(title, drawing, caption))
    for record in records:
        blocks += build_given_cost(record["metrics"], f", {record['stage']}")
    return blocks


def build_given_cost(metrics: Mapping[str, Any], of: str = "") -> list[Block]:
    """What an evaluation says of its engines: how many were started, and a row of each."""
    cost = metrics.get("cost")
    if not cost:
        return []
    started = metrics.get("engines")
    note = [Note(f"{started}{of}.")] if started else []
    return [*note, *build_blocks({f"Cost by engine{of}": cost})]


def build_count_table(records: Sequence[Record]) -> Table:
    """Where the rows of every stage ended."""
    rows: list[list[str | Cell]] = []
    for record in records:
        counts = record["counts"]
        lost = counts["unscored"] + counts["failed"]
        rows.append(
            [
                record["stage"],
                record["verb"],
                f"{counts['in']:,}",
                f"{counts['ok']:,}",
                Cell(f"{counts['unscored']:,}", 0.5 if counts["unscored"] else None),
                Cell(f"{counts['failed']:,}", 0.9 if counts["failed"] else None),
                format_percent(lost / counts["in"]) if counts["in"] else "–",
            ]
        )
    header = ["stage", "verb", "in", "ok", "unscored", "failed", "lost"]
    caption = "Rows in = ok + unscored + failed, checked."
    return Table("Rows of every stage", header, rows, caption, text_columns=(1,))


def build_cost_table(records: Sequence[Record]) -> Table:
    """Time and tokens of every stage."""
    rows = [_build_row(record) for record in records]
    header = [
        "stage", "seconds", "rows/s", "prompt tokens", "tokens made", "tokens/s", "requests",
        "engine restarts",
    ]  # fmt: skip
    caption = (
        "Seconds: the run that finished the stage, start of engines included. Rows and tokens by"
        " the second are over these, and too high where an earlier run had done a part. Tokens"
        " made: generated, or trained on. A dash: not counted."
    )
    return Table("Time and tokens of every stage", header, rows, caption)


def _build_row(record: Record) -> list[str | Cell]:
    metrics, seconds = record["metrics"], float(record["seconds"])
    made = _count(metrics, "completion_tokens", metrics.get("tokens"))
    return [
        record["stage"],
        f"{seconds:,.1f}",
        _show_speed(record["counts"]["in"], seconds),
        _show_count(_count(metrics, "prompt_tokens")),
        _show_count(made),
        _show_speed(made, seconds),
        _show_count(metrics.get("requests_this_run", _count(metrics, "requests"))),
        _show_count(metrics.get("engine_restarts_this_run")),
    ]


def _count(metrics: Mapping[str, Any], name: str, default: Any = None) -> Any:
    """A number of the stage, or the sum over its engines where these say it."""
    found = [row[name] for row in metrics.get("cost", ()) if name in row]
    known = bool(found) and all(isinstance(value, int) for value in found)
    return metrics.get(name, sum(found) if known else default)


def _show_count(value: Any) -> str:
    return f"{value:,}" if isinstance(value, int) else "–"


def _show_speed(amount: Any, seconds: float) -> str:
    if not isinstance(amount, int) or not amount or seconds <= 0:
        return "–"
    return format_number(amount / seconds)
