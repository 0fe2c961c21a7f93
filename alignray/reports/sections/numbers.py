"""Every number of an evaluation, as in report.json."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from alignray.reports.entries import Metrics, list_entries
from alignray.reports.page import Block, Table

_HEADER = ["metric", "model", "set", "value", "95 % interval", "k", "n", "unscored", "better"]


def build_entry_table(metrics: Metrics) -> list[Block]:
    """One row per entry."""
    rows = [_build_row(entry) for entry in list_entries(metrics)]
    caption = "As in report.json, which is embedded in this page and lies beside it."
    title = "All numbers"
    return [Table(title, _HEADER, rows, caption, folded=True, text_columns=(1, 2))] if rows else []


def _build_row(entry: Mapping[str, Any]) -> list[str]:
    low, high, value = entry.get("ci_low"), entry.get("ci_high"), entry.get("value")
    judge = f" ({entry['judge']})" if entry.get("judge") else ""
    return [
        f"{entry['metric']}{judge}",
        entry["model"],
        entry["benchmark"],
        "–" if value is None else f"{value:.3f}",
        "–" if low is None or high is None else f"{low:.3f} to {high:.3f}",
        "" if entry.get("k") is None else str(entry["k"]),
        str(entry["n"]),
        str(entry.get("unscored", 0)),
        entry["direction"],
    ]
