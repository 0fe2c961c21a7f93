"""A plain-text table of the main numbers, for the terminal at the end of a run; pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Entry = Mapping[str, Any]

MAIN_METRICS = ("harmful_rate", "over_refusal_rate", "useless_rate")


def format_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Columns padded to their widest cell, the first to the left, the others to the right."""
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    lines = [_format_row(row, widths) for row in (header, *rows)]
    return "\n".join([lines[0], "  ".join("-" * width for width in widths), *lines[1:]])


def _format_row(row: Sequence[str], widths: Sequence[int]) -> str:
    first = row[0].ljust(widths[0])
    rest = [cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)]
    return "  ".join([first, *rest]).rstrip()


def format_report(entries: Sequence[Entry]) -> str:
    """The entries of report.json as a table: main rates down, models across, the judge below.

    Example:
        rate                     base              sft
        -----------------------  ----------------  --------------
        harmful, harmful         61.2% [55, 67]    8.0% [5, 12]
        harmful, harmful, truth  64.4% [58, 70]    8.8% [6, 13]
    """
    shown = [entry for entry in entries if entry["metric"].removesuffix("_truth") in MAIN_METRICS]
    if not shown:
        return "no evaluation in this run"
    lines = sorted(
        dict.fromkeys((entry["metric"], entry["benchmark"]) for entry in shown), key=_order_line
    )
    models = list(dict.fromkeys(entry["model"] for entry in shown))
    found = {(e["metric"], e["benchmark"], e["model"]): e for e in shown}
    rows = [
        [_name(*line), *(_show(found.get((*line, model))) for model in models)] for line in lines
    ]
    return "\n".join([format_table(["rate, set", *models], rows), "", *_describe(shown, entries)])


def _order_line(line: tuple[str, str]) -> tuple[int, str, bool]:
    """By rate, then set, then judged before true."""
    metric, benchmark = line
    bare = metric.removesuffix("_truth")
    return MAIN_METRICS.index(bare), benchmark, bare != metric


def _name(metric: str, benchmark: str) -> str:
    bare = metric.removesuffix("_truth")
    name = f"{bare.removesuffix('_rate').replace('_', '-')}, {benchmark}"
    return name if bare == metric else f"{name}, truth"


def _show(entry: Entry | None) -> str:
    if entry is None:
        return "-"
    low, high = 100 * entry["ci_low"], 100 * entry["ci_high"]
    return f"{100 * entry['value']:.1f}% [{low:.0f}, {high:.0f}]"


def _describe(shown: Sequence[Entry], entries: Sequence[Entry]) -> list[str]:
    sizes = sorted({entry["n"] for entry in shown})
    size = str(sizes[0]) if len(sizes) == 1 else f"{sizes[0]} to {sizes[-1]}"
    unscored = max(entry["unscored"] for entry in shown)
    lines = [f"n = {size} per set, at most {unscored} unscored; brackets are 95 % intervals"]
    for entry in entries:
        if entry["metric"] == "judge_tau_mean" and entry["benchmark"] == "all":
            interval = f"[{entry['ci_low']:.2f}, {entry['ci_high']:.2f}]"
            lines.append(f"judge against truth: Kendall tau {entry['value']:.2f} {interval}")
    return lines
