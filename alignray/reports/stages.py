"""The parts of the report on the other stages: rows, sampling, ranking, pairs, training; pure.

Stages write what they measured into the `metrics` of their record. Curves of training are drawn;
all else is shown as it is: a number that a stage adds is in the report without a change here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from alignray.reports.page import Block, Cell, Figure, Note, Section, Table
from alignray.reports.plots import Curve, plot_lines, thin_points
from alignray.reports.svg import format_number, format_percent

Record = Mapping[str, Any]

_TITLES = {"sample": "Sampling", "rank": "Ranking", "pairs": "Pairs"}
_TRAINING_VERBS = ("sft", "dpo")
_CURVES = {
    "Loss": ("loss", "eval_loss"),
    "Reward margin (chosen minus rejected)": ("rewards/margins", "eval_rewards/margins"),
    "Share of pairs ordered rightly": ("rewards/accuracies", "eval_rewards/accuracies"),
    "Rewards": ("rewards/chosen", "rewards/rejected"),
}
_NOT_MEASURED = "On the training data: it says that training worked, not that the model is safe."
_MAX_ROWS = 40


def build_stage_sections(records: Sequence[Record]) -> list[Section]:
    """Sections for all records that are not evaluations, the table of rows first."""
    sections = [Section("What ran", [build_count_table(records)])]
    training = [record for record in records if record["verb"] in _TRAINING_VERBS]
    if training:
        sections.append(Section("Training", _build_training_blocks(training)))
    for record in records:
        if record["verb"] not in (*_TRAINING_VERBS, "eval"):
            title = f"{_TITLES.get(record['verb'], record['verb'])}: {record['stage']}"
            blocks = list(build_blocks(record["metrics"]))
            if blocks:
                sections.append(Section(title, blocks))
    return sections


def build_count_table(records: Sequence[Record]) -> Table:
    """Where the rows of every stage ended."""
    rows = []
    for record in records:
        counts, metrics = record["counts"], record["metrics"]
        lost = counts["unscored"] + counts["failed"]
        tokens = metrics.get("completion_tokens", metrics.get("tokens"))
        rows.append(
            [
                record["stage"],
                record["verb"],
                f"{counts['in']:,}",
                f"{counts['ok']:,}",
                Cell(f"{counts['unscored']:,}", 0.5 if counts["unscored"] else None),
                Cell(f"{counts['failed']:,}", 0.9 if counts["failed"] else None),
                format_percent(lost / counts["in"]) if counts["in"] else "–",
                f"{tokens:,}" if isinstance(tokens, int) else "",
                f"{record['seconds']:,.1f}",
            ]
        )
    header = ["stage", "verb", "in", "ok", "unscored", "failed", "lost", "tokens", "seconds"]
    caption = "Rows in = ok + unscored + failed, checked. Seconds: the run that finished the stage."
    return Table("Rows of every stage", header, rows, caption)


def _build_training_blocks(records: Sequence[Record]) -> list[Block]:
    blocks: list[Block] = []
    for title, names in _CURVES.items():
        for record in records:
            figure = _build_curve_figure(record, title, names)
            if figure:
                blocks.append(figure)
    for record in records:
        hidden = {key: value for key, value in record["metrics"].items() if key != "curve"}
        blocks += build_blocks(hidden, f"{record['stage']}: ", folded=True)
    return blocks


def _build_curve_figure(record: Record, title: str, names: Sequence[str]) -> Figure | None:
    metrics = record["metrics"]
    logged = [*metrics.get("curve", []), *metrics.get("evaluations", [])]
    curves = []
    for color, name in enumerate(names, start=1):
        points = [
            (float(entry["step"]), float(entry[name]))
            for entry in logged
            if isinstance(entry, Mapping) and name in entry and "step" in entry
        ]
        if points:
            curves.append(Curve(name, thin_points(points), color))
    if not curves:
        return None
    shown = sum(len(curve.points) for curve in curves)
    caption = f"{shown} logged points over {metrics.get('steps', '?')} steps. {_NOT_MEASURED}"
    full = f"{title}: {record['stage']}"
    return Figure(full, plot_lines(full, curves), caption)


def build_blocks(
    values: Mapping[str, Any], prefix: str = "", folded: bool = False
) -> Iterator[Block]:
    """Any JSON object as tables: plain values in one, each table-like value in one of its own."""
    plain: dict[str, str] = {}
    tables: list[Table] = []
    for name, value in _flatten(values):
        rows = _as_rows(value)
        if rows is not None:
            tables.append(_build_row_table(f"{prefix}{name}", rows, folded))
        else:
            plain[name] = show_value(value)
    if plain:
        rows_shown = [[name, text] for name, text in plain.items()]
        yield Table(f"{prefix}numbers", ["number", "value"], rows_shown, folded=folded)
    yield from tables
    if not plain and not tables and values:
        yield Note("nothing to show")


def _flatten(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in values.items():
        if isinstance(value, Mapping) and _as_rows(value) is None:
            yield from _flatten(value, f"{prefix}{name} / ")
        else:
            yield f"{prefix}{name}", value


def _as_rows(value: Any) -> list[Mapping[str, Any]] | None:
    """A list of objects, or an object of alike objects, as table rows; None for all else."""
    if isinstance(value, Mapping):
        inner = list(value.values())
        alike = len(inner) > 1 and all(isinstance(item, Mapping) and item for item in inner)
        if not alike or len({tuple(item) for item in inner}) > 1:
            return None
        return [{"": name, **item} for name, item in value.items()]
    if isinstance(value, list) and value and all(isinstance(item, Mapping) for item in value):
        return list(value)
    return None


def _build_row_table(title: str, rows: Sequence[Mapping[str, Any]], folded: bool) -> Table:
    header = list(dict.fromkeys(name for row in rows for name in row))
    shown = [[show_value(row.get(name)) for name in header] for row in rows[:_MAX_ROWS]]
    caption = f"The first {_MAX_ROWS} of {len(rows)}." if len(rows) > _MAX_ROWS else ""
    return Table(title, header, shown, caption, folded)


def show_value(value: Any) -> str:
    """A JSON value as short text."""
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return format_number(value)
    if isinstance(value, list):
        text = ", ".join(show_value(item) for item in value[:20])
        return f"{text}, …" if len(value) > 20 else text
    return str(value)
