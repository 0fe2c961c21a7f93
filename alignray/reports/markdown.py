"""report.md: the main numbers for a pull request; pure.

All names are text of others. What Markdown or HTML could take as markup, a link, a mention or a
reference to an issue is written as a character reference, so nothing in the file is a link.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from alignray.reports.entries import Metrics
from alignray.reports.page import Cell, Table
from alignray.reports.sections.headlines import build_headlines
from alignray.reports.sections.main_table import build_main_table
from alignray.reports.sections.tradeoff import describe_front
from alignray.reports.text import clean_line

_PLAIN = re.compile(r"[^\w \N{NO-BREAK SPACE},.;()/+−–→↑↓≤τ=%…-]", re.ASCII)
"""What is not surely plain. Underscores are escaped apart, letters beyond ASCII are let through."""
_LONGEST = 120


def render_markdown(title: str, subtitle: str, evaluations: Sequence[tuple[str, Metrics]]) -> str:
    """The whole file.

    Args:
        title: what was run.
        subtitle: one line on it.
        evaluations: name (empty where there is one alone) and metrics of each.
    """
    parts = [f"## {escape_markdown(title)}", escape_markdown(subtitle, 400)]
    if not evaluations:
        parts.append("No evaluation in this run.")
    for name, metrics in evaluations:
        parts += [f"### {escape_markdown(name)}"] if name else []
        parts += _render_evaluation(metrics)
    return "\n\n".join(part for part in parts if part) + "\n"


def _render_evaluation(metrics: Metrics) -> list[str]:
    parts = []
    for block in build_main_table(metrics):
        if isinstance(block, Table):
            parts += [_render_table(block), escape_markdown(block.caption, 600)]
    lines = [f"{line.title}: {line.value} ({line.detail})" for line in build_headlines(metrics)]
    lines += [describe_front(metrics), _describe_unscored(metrics)]
    parts.append("\n".join(f"- {escape_markdown(line, 600)}" for line in lines if line))
    return parts


def _render_table(table: Table) -> str:
    header = [escape_markdown(name) for name in table.header]
    rows = [[_render_cell(cell, index > 0) for index, cell in enumerate(row)] for row in table.rows]
    rule = [":--", *("--:" for _ in header[1:])]
    return "\n".join(f"| {' | '.join(row)} |" for row in (header, rule, *rows))


def _render_cell(cell: str | Cell, with_detail: bool) -> str:
    if isinstance(cell, str):
        return escape_markdown(cell)
    mark = f" {escape_markdown(cell.mark)}" if cell.mark else ""
    detail = f" ({escape_markdown(cell.detail)})" if cell.detail and with_detail else ""
    return f"{escape_markdown(cell.text)}{mark}{detail}"


def _describe_unscored(metrics: Metrics) -> str:
    reasons = metrics.get("unscored_reasons", {})
    total = sum(reasons.values())
    named = ", ".join(f"{count} {reason}" for reason, count in reasons.items())
    return f"Unscored answers: {total}" + (f" ({named})" if named else "")


def escape_markdown(text: str, limit: int = _LONGEST) -> str:
    """Text as it reads, on one line, of which nothing is markup, a link or a mention."""
    line = clean_line(text, limit)
    line = "".join(_escape_character(character) for character in line)
    line = line.replace("&#58; ", ": ")
    return re.sub(r"(?i)www\.", lambda found: f"{found[0][:3]}&#46;", line)


def _escape_character(character: str) -> str:
    if character == "_":
        return "\\_"
    if ord(character) > 127 or not _PLAIN.match(character):
        return character
    return f"&#{ord(character)};"
