"""report.md: the main numbers for a pull request; pure.

All names are text of others. What Markdown or HTML could take as markup is written as a character
reference. That alone does not stop GitHub, which looks for mentions, issues and commits in the
text as it reads after rendering: in these a word joiner (`&#8288;`, of no width) breaks the word.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from alignray.reports.entries import Metrics
from alignray.reports.page import Cell, Table
from alignray.reports.sections.headlines import build_headlines
from alignray.reports.sections.judges import list_judge_sources
from alignray.reports.sections.main_table import build_main_table
from alignray.reports.sections.sources import list_findings
from alignray.reports.sections.tradeoff import describe_front
from alignray.reports.text import clean_line

_PLAIN = re.compile(r"[^\w \N{NO-BREAK SPACE},.;()/+−–→↑↓≤τ=%…-]", re.ASCII)
"""What is not surely plain. Underscores are escaped apart, letters beyond ASCII are let through."""
_JOINER = "\u2060"
"""Never in the text itself: `clean_line` names it."""
_LINKS = re.compile(
    r"(?<=[@#])(?=\w)|(?<=://)|(?<=www)(?=\.)|(?<=\bGH-)(?=\w)|(?<=\bGHSA-)(?=\w)|(?<=\bCVE-)(?=\w)",
    re.ASCII | re.IGNORECASE,
)
"""Places that part a mention, an issue, a link or an advisory in two."""
_HASH = re.compile(r"(?<![^\W_])[0-9a-f]{7,}(?![^\W_])", re.ASCII | re.IGNORECASE)
"""What GitHub can take as a commit: 7 to 40 hexadecimal digits."""
_HASH_PART = 6
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
    parts = [escape_markdown(f"Warning: {line}", 600) for line in list_findings(metrics)]
    for block in build_main_table(metrics):
        if isinstance(block, Table):
            parts += [_render_table(block), escape_markdown(block.caption, 600)]
    lines = [f"{line.title}: {line.value} ({line.detail})" for line in build_headlines(metrics)]
    lines += [describe_front(metrics), *_describe_unscored(metrics)]
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


def _describe_unscored(metrics: Metrics) -> list[str]:
    """A line for the main judge, and one for each further judge that left some unscored."""
    further = [(name, reasons) for name, reasons, _ in list_judge_sources(metrics) if reasons]
    lines = []
    for title, reasons in (("answers", metrics.get("unscored_reasons", {})), *further):
        named = ", ".join(f"{count} {reason}" for reason, count in reasons.items())
        where = title if title == "answers" else f"verdicts of {title}"
        lines.append(
            f"Unscored {where}: {sum(reasons.values())}" + (f" ({named})" if named else "")
        )
    return lines


def escape_markdown(text: str, limit: int = _LONGEST) -> str:
    """Text as it reads, on one line, of which nothing is markup, a link or a mention."""
    line = _LINKS.sub(_JOINER, clean_line(text, limit))
    line = _HASH.sub(_part_hash, line)
    line = "".join(_escape_character(character) for character in line)
    line = line.replace("&#58; ", ": ")
    return re.sub(r"(?i)(www&#8288;)\.", r"\1&#46;", line)


def _part_hash(found: re.Match[str]) -> str:
    digits = found[0]
    starts = range(0, len(digits), _HASH_PART)
    return _JOINER.join(digits[at : at + _HASH_PART] for at in starts)


def _escape_character(character: str) -> str:
    if character == "_":
        return "\\_"
    if character == _JOINER:
        return f"&#{ord(_JOINER)};"
    if ord(character) > 127 or not _PLAIN.match(character):
        return character
    return f"&#{ord(character)};"
