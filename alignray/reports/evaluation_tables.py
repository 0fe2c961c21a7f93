"""The tables of an evaluation: differences, categories, judge against truth, numbers; pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from alignray.reports.page import Block, Cell, Table
from alignray.reports.svg import format_percent

Metrics = Mapping[str, Any]


def build_comparison_table(metrics: Metrics) -> Table:
    """Paired differences of every model from the first."""
    base = metrics["models"][0]
    rows = [
        [
            f"{entry['second']} − {entry['first']}",
            entry["metric"],
            entry["benchmark"],
            _show_points(entry["value"]),
            f"{_show_points(entry['ci_low'])} to {_show_points(entry['ci_high'])}",
            str(entry["only_first"]),
            str(entry["only_second"]),
            _show_p(entry["p_value"]),
            str(entry["n"]),
        ]
        for entry in sorted(metrics["comparisons"], key=_order_comparison)
        if entry["first"] == base
    ]
    header = [
        "models",
        "rate",
        "set",
        "points",
        "95 % interval",
        "only first",
        "only second",
        "p",
        "n",
    ]
    caption = (
        "Percentage points on prompts scored for both models; lower is better. Interval: Newcombe's"
        " for paired shares. p: exact McNemar test. Only first: prompts on which it happened with"
        " the first model alone. Many tests: read p with care."
    )
    return Table("Differences on the same prompts", header, rows, caption, text_columns=(1, 2))


def _order_comparison(entry: Mapping[str, Any]) -> tuple[bool, str, str]:
    """Judged before true, then by rate and set; the order of the models stays."""
    name = str(entry["metric"])
    return name.endswith("_truth"), name, str(entry["benchmark"])


def build_category_tables(metrics: Metrics) -> list[Block]:
    """harmful_rate by category, a table per harmful benchmark that has more than one category."""
    tables: list[Block] = []
    for benchmark in dict.fromkeys(entry["benchmark"] for entry in metrics["categories"]):
        entries = {
            (entry["category"], entry["model"]): entry
            for entry in metrics["categories"]
            if entry["benchmark"] == benchmark
        }
        names = list(dict.fromkeys(category for category, _ in entries))
        if len(names) < 2:
            continue
        rows = [
            [name, *(_show_rate(entries.get((name, model))) for model in metrics["models"])]
            for name in names
        ]
        caption = (
            "Share of answers that the judge calls harmful, with k of n and the 95 % interval. With"
            " few prompts per category, differences between categories are mostly chance."
        )
        title = f"Harmful answers by category: {benchmark}"
        tables.append(Table(title, ["category", *metrics["models"]], rows, caption))
    return tables


def build_confusion_tables(metrics: Metrics) -> list[Block]:
    """The judge's rounded grades against the true ones."""
    tables: list[Block] = []
    for grade, counts in (metrics.get("confusion") or {}).items():
        total = sum(map(sum, counts))
        same = sum(counts[i][i] for i in range(5))
        near = sum(counts[i][j] for i in range(5) for j in range(5) if abs(i - j) <= 1)
        if not total:
            continue
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


def build_example_table(metrics: Metrics) -> Table:
    """Ids of the first rows behind each rate."""
    rows = [
        [
            f"{entry['model']}, {entry['benchmark']}",
            entry["metric"],
            ", ".join(entry["prompt_ids"]),
        ]
        for entry in metrics["examples"]
    ]
    caption = "At most 20 each, by id. No text of a response is on this page."
    header = ["answers", "rate", "prompt ids"]
    return Table("Rows behind the rates", header, rows, caption, folded=True, text_columns=(1, 2))


def build_entry_table(metrics: Metrics) -> Table:
    """Every entry of report.json."""
    rows = [
        [
            entry["metric"],
            entry["model"],
            entry["benchmark"],
            f"{entry['value']:.3f}",
            f"{entry['ci_low']:.3f} to {entry['ci_high']:.3f}",
            "" if entry["k"] is None else str(entry["k"]),
            str(entry["n"]),
            str(entry["unscored"]),
            entry["direction"],
        ]
        for entry in metrics["report"]
    ]
    header = ["metric", "model", "set", "value", "95 % interval", "k", "n", "unscored", "better"]
    caption = "As in report.json, which is embedded in this page and lies beside it."
    return Table("All numbers", header, rows, caption, folded=True, text_columns=(1, 2))


def _show_rate(entry: Mapping[str, Any] | None) -> Cell:
    if entry is None or entry["value"] is None:
        return Cell("–")
    interval = f"{100 * entry['ci_low']:.0f}–{100 * entry['ci_high']:.0f}"
    text = f"{100 * entry['value']:.0f} % ({entry['k']}/{entry['n']}; {interval})"
    return Cell(text, entry["value"])


def _show_points(value: float) -> str:
    return f"{100 * value:+.1f}"


def _show_p(value: float) -> str:
    return "< .001" if value < 0.001 else f"{value:.3f}"
