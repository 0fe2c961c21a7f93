"""Right answers by group: MMLU's categories and sub-categories; subjects are folded."""

from __future__ import annotations

from alignray.reports.entries import Metrics
from alignray.reports.page import Block
from alignray.reports.sections.grouped import View, build_figures, build_table

_LEVELS = {"category": "category", "subcategory": "sub-category", "subject": "subject"}
"""Level in the metrics -> what the page calls it."""


def build_accuracy_blocks(metrics: Metrics) -> list[Block]:
    """Of each benchmark and level with more than one group a table; the categories drawn, too."""
    entries = metrics.get("accuracy_by_group", ())
    sets = dict.fromkeys(str(entry["benchmark"]).partition("/")[0] for entry in entries)
    blocks: list[Block] = []
    for benchmark in sets:
        for level, name in _LEVELS.items():
            found = {
                (entry["group"], entry["model"]): entry
                for entry in entries
                if entry["level"] == level and entry["benchmark"].startswith(f"{benchmark}/")
            }
            view = View(
                f"Right answers by {name}: {benchmark}",
                "Share of questions answered rightly; lines are 95 % intervals.",
                found,
            )
            if len(view.names) > 1:
                blocks += build_figures(view, metrics["models"]) if level == "category" else []
                blocks.append(build_table(view, metrics["models"], folded=level == "subject"))
    return blocks
