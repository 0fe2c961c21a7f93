"""One number by group (harm category, subject): all models side by side, drawn and in numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from alignray.reports.bars import Group, plot_groups
from alignray.reports.entries import Entry, is_share, read_estimate, show_interval, show_value
from alignray.reports.page import Cell, Figure, Table
from alignray.reports.plots import Estimate

_FEW = (
    " With few prompts per group, differences between groups are mostly chance."
    " Not measured: what has no group here."
)
_PER_FIGURE = 6


@dataclass(frozen=True)
class View:
    """One number by group.

    Example: `View("Flags by category: risky", "...", {("Malware", "base"): entry})`.
    """

    title: str
    caption: str
    found: Mapping[tuple[str, str], Entry]
    """(group, model) -> entry."""

    @property
    def names(self) -> list[str]:
        """The groups, in the order of the entries."""
        return list(dict.fromkeys(group for group, _ in self.found))


def build_table(view: View, models: Sequence[str], folded: bool = False) -> Table:
    """All groups with counts and intervals."""
    header, text = ["group", *models], "k of n, where it is a share, and 95 % interval."
    rows: list[list[str | Cell]] = [
        [name, *(_show_rate(view.found.get((name, model))) for model in models)]
        for name in view.names
    ]
    return Table(f"{view.title}, in numbers", header, rows, text + _FEW, folded)


def build_figures(view: View, models: Sequence[str]) -> list[Figure]:
    """Bars, six categories to a drawing; none where the numbers are no shares."""
    if not all(is_share(e) for e in view.found.values() if e.get("value") is not None):
        return []
    groups = [
        Group(name, [_read(view.found.get((name, model))) for model in models])
        for name in view.names
    ]
    parts = [groups[at : at + _PER_FIGURE] for at in range(0, len(groups), _PER_FIGURE)]
    figures = []
    for number, part in enumerate(parts, start=1):
        title = f"{view.title} ({number} of {len(parts)})" if len(parts) > 1 else view.title
        figures.append(Figure(title, plot_groups(title, models, part), view.caption + _FEW))
    return figures


def describe_missing(models: Sequence[str], view: View) -> str:
    """Which categories have no scored row, for which models; empty where all have."""
    gaps = []
    for name in view.names:
        without = [model for model in models if _read(view.found.get((name, model))) is None]
        if len(without) == len(models):
            gaps.append(name)
        elif without:
            gaps.append(f"{name} ({', '.join(without)})")
    return f"no scored row for {'; '.join(gaps)}: no rate is shown for these." if gaps else ""


def _read(entry: Entry | None) -> Estimate | None:
    return read_estimate(entry) if entry and entry.get("value") is not None else None


def _show_rate(entry: Entry | None) -> Cell:
    if entry is None or entry.get("value") is None:
        return Cell("–")
    interval = show_interval(entry)
    if not is_share(entry):
        return Cell(show_value(entry), detail=interval)
    counts = f"{entry['k']}/{entry['n']}"
    detail = f"{counts}; {interval}" if interval else counts
    return Cell(f"{100 * entry['value']:.0f} %", entry["value"], detail=detail)
