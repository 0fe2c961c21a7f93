"""What `alignray data check` says: counts, lengths, and rows as tokens. Pure."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from alignray.errors import SourceError
from alignray.training.check.token_view import Piece, render_legend, render_pieces

_QUANTILES = {"min": 0.0, "p50": 0.5, "p90": 0.9, "p99": 0.99, "max": 1.0}


@dataclass(frozen=True)
class ShownRow:
    """One row as it would be trained on, or why it would not."""

    name: str
    roles: tuple[str, ...]
    """Roles of its messages."""
    reason: str | None
    """Why it is left out; None if it is not."""
    truncated: bool
    views: dict[str, list[Piece]]
    """`dialogue`, or `chosen` and `rejected`, as pieces; empty for a row that cannot be encoded."""


@dataclass(frozen=True)
class DataReport:
    """What was found."""

    verb: str
    dataset: str
    settings: dict[str, Any]
    """Tokenizer, template and limits."""
    rows: dict[str, Any]
    """As in metrics.json of a training."""
    token_lengths: dict[str, dict[str, int]]
    """Quantiles over rows before they are cut or left out as too long: `row`, and for pairs
    `prompt`, `chosen`, `rejected`."""
    tokens: int
    """Tokens of the rows kept."""
    loss_share: float | None
    """Share of them that have a loss; None if no row is kept."""
    shown: list[ShownRow]


def compute_quantiles(lengths: Sequence[int]) -> dict[str, int]:
    """Lengths that occur, at the minimum, the median, 90 %, 99 % and the maximum."""
    found = np.quantile(lengths, list(_QUANTILES.values()), method="inverted_cdf")
    return {name: int(value) for name, value in zip(_QUANTILES, found, strict=True)}


def check_usable(report: DataReport) -> None:
    """Makes sure that something could be trained on.

    Raises:
        SourceError: no row is left.
    """
    rows = report.rows
    if rows["rows_used"] == 0:
        found = f"0 of {rows['rows_in']} rows can be trained on ({_list_reasons(rows)})"
        raise SourceError(
            report.dataset, found, "at least one", "raise max_length, or mend the rows"
        )


def render_json(report: DataReport) -> str:
    """The report as JSON, every token of the shown rows as a piece."""
    return json.dumps(asdict(report), indent=2, ensure_ascii=False)


def render_report(report: DataReport, *, colour: bool) -> str:
    """The report as text, the tokens coloured or with marks."""
    settings = ", ".join(f"{name} {value}" for name, value in report.settings.items())
    lines = [f"{report.verb}: {report.dataset}", settings, "", *_describe_rows(report.rows)]
    for name, quantiles in report.token_lengths.items():
        found = ", ".join(f"{quantile} {value:,}" for quantile, value in quantiles.items())
        lines.append(f"tokens of a {name}: {found}")
    if report.loss_share is not None:
        lines.append(f"tokens with a loss: {report.loss_share:.1%} of {report.tokens:,}")
    if report.shown:
        lines += ["", f"tokens below: {render_legend(colour=colour)}"]
    for row in report.shown:
        lines += ["", _describe_row(row)]
        for name, pieces in row.views.items():
            lines += [f"-- {name}", render_pieces(pieces, colour=colour)]
    return "\n".join(lines)


def _describe_rows(rows: dict[str, Any]) -> list[str]:
    skipped = sum(found["rows"] for found in rows["skipped"].values())
    reasons = f" ({_list_reasons(rows)})" if skipped else ""
    not_taken = sum(part["not_taken"] for part in rows["parts"])
    text = f"rows: {rows['rows_in']:,}, kept {rows['rows_used']:,}, left out {skipped:,}{reasons}"
    more = {
        "truncated": rows["rows_truncated"],
        "not taken": not_taken,
        "taken again": rows["rows_mixed_again"],
    }
    lines = [text + "".join(f", {name} {count:,}" for name, count in more.items() if count)]
    if len(rows["parts"]) > 1:
        lines += [
            f"  {part['dataset']}: {part['rows']:,} rows, used {part['used']:,},"
            f" left out {part['skipped']:,}, not taken {part['not_taken']:,}"
            for part in rows["parts"]
        ]
    return lines


def _list_reasons(rows: dict[str, Any]) -> str:
    return ", ".join(f"{found['rows']} {reason}" for reason, found in rows["skipped"].items())


def _describe_row(row: ShownRow) -> str:
    fate = f"left out: {row.reason}" if row.reason else "kept"
    fate += ", truncated" if row.truncated else ""
    sizes = []
    for name, pieces in row.views.items():
        losses = sum(piece.loss for piece in pieces)
        sizes.append(f"{name} {len(pieces)} tokens, {losses} with a loss")
    return "; ".join([f"{row.name} ({' '.join(row.roles)}): {fate}", *sizes])
