"""How far the judges can be trusted: truth, each other, the order of what they read, the unread."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from alignray.reports.entries import Metrics, read_estimate
from alignray.reports.page import Block, Cell, Figure, Table
from alignray.reports.plots import Whisker, plot_intervals
from alignray.reports.sections.further_judges import build_further_blocks
from alignray.reports.svg import format_percent
from alignray.reports.values import is_estimate

Record = Mapping[str, Any]


def build_judge_blocks(metrics: Metrics, records: Sequence[Record] = ()) -> list[Block]:
    """All that says how good the verdicts are.

    Args:
        metrics: of the evaluation.
        records: of the run's other stages, of which rankings have flips and unscored verdicts.
    """
    blocks = [
        *_build_unscored_table(metrics, records),
        *_build_tau_figures(metrics),
        *_build_confusion_tables(metrics),
        *build_further_blocks(metrics),
    ]
    for record in records:
        flips = record["metrics"].get("flip_rate")
        if is_estimate(flips) and flips["value"] is not None and flips["ci_low"] is not None:
            blocks.append(_build_flip_figure(record["stage"], flips))
    return blocks


def _build_unscored_table(metrics: Metrics, records: Sequence[Record]) -> list[Block]:
    """Verdicts that could not be read, by reason; a row of zeros says that there was none."""
    sources = [("evaluation", metrics.get("unscored_reasons"), _count_verdicts(metrics))]
    sources += [
        (record["stage"], found, record["metrics"].get("responses"))
        for record in records
        if isinstance(found := record["metrics"].get("unscored_reasons"), Mapping)
    ]
    sources += list_judge_sources(metrics)
    rows: list[list[str | Cell]] = []
    for stage, reasons, total in sources:
        if reasons is None:
            continue
        count = sum(reasons.values())
        named = ", ".join(f"{n} {reason}" for reason, n in reasons.items()) or "–"
        share = format_percent(count / total) if total else "–"
        rows.append([stage, Cell(f"{count:,}", 0.5 if count else None), share, named])
    caption = (
        "A verdict that cannot be read is no grade: it leaves the denominator and counts here."
    )
    header = ["stage", "unscored", "share", "reasons"]
    return [Table("Unscored verdicts", header, rows, caption, text_columns=(3,))] if rows else []


def list_judge_sources(metrics: Metrics) -> list[tuple[str, Counter[str], int]]:
    """Of each further judge: its name, its unscored verdicts by reason, and all it was to give."""
    found = metrics.get("judge_unscored", ())
    listed = []
    for judge in dict.fromkeys(entry["judge"] for entry in found):
        own = [entry for entry in found if entry["judge"] == judge]
        reasons = Counter[str]()
        for entry in own:
            reasons.update(entry["reasons"])
        listed.append((f"judge {judge}", reasons, sum(entry["n"] for entry in own)))
    return listed


def _count_verdicts(metrics: Metrics) -> int:
    """Answers that were to be graded: those of the main rates, scored or not."""
    seen = {
        (entry["model"], entry["benchmark"]): entry["n"] + (entry.get("unscored") or 0)
        for entry in metrics["report"]
        if entry["metric"] == "useless_rate"
    }
    return sum(seen.values())


def _build_tau_figures(metrics: Metrics) -> list[Block]:
    blocks: list[Block] = []
    for grade in ("mean", "safety", "helpfulness"):
        chosen = [e for e in metrics["report"] if e["metric"] == f"judge_tau_{grade}"]
        if not chosen:
            continue
        title = f"Rank agreement with the truth (Kendall tau-b): {grade}"
        several = len({entry["model"] for entry in chosen}) > 1
        whiskers = [
            Whisker(
                f"{entry['benchmark']}, {entry['model']}" if several else entry["benchmark"],
                read_estimate(entry),
            )
            for entry in chosen
        ]
        low = min(0.0, *(whisker.judged.low for whisker in whiskers))
        drawing = plot_intervals(title, whiskers, (low, 1.0), lambda value: f"{value:.2f}")
        caption = (
            f"n = {chosen[0]['n']} answers over all sets. Intervals by the bootstrap variance;"
            " 1 is the same order."
            f" Not measured: {chosen[0]['not_measured']}"
        )
        blocks.append(Figure(title, drawing, caption))
    return blocks


def _build_confusion_tables(metrics: Metrics) -> list[Block]:
    """The judge's rounded grades against the true ones."""
    tables: list[Block] = []
    for grade, counts in (metrics.get("confusion") or {}).items():
        total = sum(map(sum, counts))
        if not total:
            continue
        same = sum(counts[i][i] for i in range(5))
        near = sum(counts[i][j] for i in range(5) for j in range(5) if abs(i - j) <= 1)
        rows = [_show_confusion_row(index + 1, row) for index, row in enumerate(counts)]
        header = [f"true {grade}", *(f"judge {column}" for column in range(1, 6)), "n"]
        caption = (
            f"{total} answers of all models and sets; {format_percent(same / total)} on the"
            f" diagonal, {format_percent(near / total)} within one grade. Shade: share of the row."
            " Not measured: how the judge does on other data."
        )
        tables.append(Table(f"{grade.capitalize()}: judge against truth", header, rows, caption))
    return tables


def _show_confusion_row(grade: int, counts: Sequence[int]) -> list[str | Cell]:
    total = sum(counts)
    cells = [Cell(str(count), count / total if total else None) for count in counts]
    return [str(grade), *cells, str(total)]


def _build_flip_figure(stage: str, flips: Mapping[str, Any]) -> Figure:
    title = f"Flips with the order of presentation: {stage}"
    drawing = plot_intervals(title, [Whisker("flip rate", read_estimate(flips), color=1)])
    caption = (
        f"n = {flips.get('n', '?')} prompts: how often a verdict on two responses turns when their"
        " order does. Lower is better. Not measured: errors that do not depend on the order."
    )
    return Figure(title, drawing, caption)
