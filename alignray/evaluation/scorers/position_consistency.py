"""`alignray score position_consistency FILE...`: what the order of responses does."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from alignray.config.base import Config
from alignray.errors import ConfigError, SourceError
from alignray.evaluation.formats import both_orders
from alignray.evaluation.formats.columns import strip_suffixes
from alignray.evaluation.formats.labels import Table, read_table
from alignray.evaluation.scorers.judge_accuracy import name_llmbar
from alignray.evaluation.scoring.judge_quality import BothOrders, score_position
from alignray.evaluation.scoring.score import Place, ScoreReport

_USUAL = (
    ("first_order", "second_order"),
    ("order_1", "order_2"),
    ("original", "swapped"),
    ("verdict_ab", "verdict_ba"),
    ("winner_ab", "winner_ba"),
    ("g1_winner", "g2_winner"),
    ("winner_1", "winner_2"),
    ("verdict_1", "verdict_2"),
)


class Options(Config):
    """Same verdict in both orders, flips, and which position they favour.

    LLMBar's result.json, FastChat reviews of both orders, rows `{id, swapped, winner}`, or a table
    with two columns. Verdicts (`winner` too) name the better *response* (1, 2 or tie) as numbered
    unswapped, not the place where it was shown: the same word in both orders is consistent.
    """

    first: str | None = None
    """Column of the verdicts with response 1 shown first."""
    second: str | None = None
    """Column of the verdicts with response 2 shown first."""


def score_files(files: Sequence[Path], options: Options) -> ScoreReport:
    """Scores of each judge.

    Raises:
        SourceError: a file of another shape, or with one order alone.
        EvaluationError: no comparison with a verdict in both orders.
    """
    if (options.first is None) != (options.second is None):
        raise ConfigError("first, second", "one of them", "both columns or none")
    tables = [read_table(file) for file in files]
    report = ScoreReport([])
    reviews = [t for t in tables if both_orders.is_reviews(t) and options.first is None]
    if reviews:
        rows, alone = both_orders.read_reviews(reviews)
        if not rows:
            raise SourceError(
                str(reviews[0].path), f"{alone} reviews, each in one order alone",
                "the same answers in the other order too",
            )  # fmt: skip
        if alone:
            report.notes.append(f"{alone} reviews in one order alone are left out")
        name = "+".join(strip_suffixes(table.path) for table in reviews)
        _add(report, Place("reviewer", name), rows)
    for table in tables:
        if table not in reviews:
            _add(report, *_read(table, options, report.notes))
    return report


def _read(table: Table, options: Options, notes: list[str]) -> tuple[Place, list[BothOrders]]:
    place = Place(strip_suffixes(table.path), "both orders")
    if options.first is not None and options.second is not None:
        return place, both_orders.read_two_columns(table, options.first, options.second)
    if both_orders.is_llmbar(table):
        rows = both_orders.read_llmbar(table)
        if any(row.rated for row in rows):
            notes.append("responses rated alone: a flip is two equal ratings, not a position's")
        return name_llmbar(table.path), [row.verdicts for row in rows]
    if {"swapped", "winner", "id"} <= set(table.columns):
        return place, both_orders.read_swapped_rows(table)
    for first, second in _USUAL:
        if {first, second} <= set(table.columns):
            return place, both_orders.read_two_columns(table, first, second)
    raise SourceError(
        str(table.path), f"no verdicts of two orders among {', '.join(table.columns)}",
        "two columns, LLMBar results or reviews", "name them: first=a second=b",
    )  # fmt: skip


def _add(report: ScoreReport, place: Place, rows: Sequence[BothOrders]) -> None:
    scores = score_position(place, rows)
    report.scores.extend(scores)
    report.details.setdefault("flipped", {})[f"{place.model}:{place.benchmark}"] = [
        row.id for row in rows if {row.first, row.second} == {"1", "2"}
    ][:100]
    if len(scores) == 2 or scores[2].measure.name != "first_position_share":
        report.notes.append(f"{place.model}: no flip, so no position is favoured")
