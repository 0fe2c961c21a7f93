"""Model against model: paired differences of every model from the one it is compared with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from alignray.reports.entries import Metrics, find_reference, show_p
from alignray.reports.page import Block, Table
from alignray.reports.sections.main_table import Contrast, correct_tests

_HEADER = [
    "models", "rate", "set", "points", "95 % interval", "only first", "only second",
    "p", "p, Holm", "n",
]  # fmt: skip
_CAPTION = (
    "Percentage points on prompts scored for both models. Interval: Newcombe's for paired shares."
    " p: exact McNemar test, unless a row says otherwise; p, Holm: corrected over the tests of the"
    " main table. Only first: prompts on which it happened with the first model alone."
)


def build_comparison_blocks(metrics: Metrics) -> list[Block]:
    """The table, or nothing where there is one model alone."""
    adjusted = correct_tests(metrics)
    entries = [
        entry
        for entry in metrics.get("comparisons", ())
        if entry["first"] == find_reference(metrics, entry["second"])
    ]
    rows = [_build_row(entry, adjusted) for entry in sorted(entries, key=_order)]
    title = "Differences on the same prompts"
    return [Table(title, _HEADER, rows, _CAPTION, text_columns=(1, 2))] if rows else []


def _build_row(entry: Mapping[str, Any], adjusted: Mapping[Contrast, float]) -> list[str]:
    key = Contrast(entry["second"], entry["metric"], entry["benchmark"])
    low, high = entry.get("ci_low"), entry.get("ci_high")
    method = entry.get("test") or entry.get("method")
    return [
        f"{entry['second']} − {entry['first']}",
        entry["metric"] + (f" ({method})" if method else ""),
        entry["benchmark"],
        _show_points(entry.get("value")),
        "–" if low is None or high is None else f"{_show_points(low)} to {_show_points(high)}",
        _show_count(entry.get("only_first")),
        _show_count(entry.get("only_second")),
        show_p(entry.get("p_value")),
        show_p(adjusted.get(key)),
        _show_count(entry.get("n")),
    ]


def _order(entry: Mapping[str, Any]) -> tuple[bool, str, str]:
    """Judged before true, then by rate and set; the order of the models stays."""
    name = str(entry["metric"])
    return name.endswith("_truth"), name, str(entry["benchmark"])


def _show_points(value: float | None) -> str:
    return "–" if value is None else f"{100 * value:+.1f}"


def _show_count(value: int | None) -> str:
    return "–" if value is None else str(value)
