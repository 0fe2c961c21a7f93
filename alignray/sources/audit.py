"""What a loader left out or found fault with: counts and row ids, never silence and never text.

A loader fills the audit while its rows are read; stages write it into their metrics.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from alignray.durable import write_json
from alignray.errors import SourceError

AUDIT_NAME = "audit.json"


@dataclass
class SourceAudit:
    """Rows of one source by fate. A row id is its position in the source, from 0.

    Example: `SourceAudit(rows=2312, excluded={"empty_chosen": [86, 516]}, repeated=[40])`.
    """

    rows: int = 0
    """Rows read."""
    name: str = "source"
    """What errors call the source."""
    excluded: dict[str, list[int]] = field(default_factory=dict)
    """Reason -> rows left out for it. A row with several reasons is listed under each."""
    noted: dict[str, list[int]] = field(default_factory=dict)
    """Fault -> rows that have it and are kept all the same (compatibility modes)."""
    repeated: list[int] = field(default_factory=list)
    """Rows whose prompt occurred before; they are kept, with `-2`, `-3`... in their prompt_id."""
    findings: list[str] = field(default_factory=list)
    """What the whole source lacks or has too much of, a line each: a lost category by name."""

    def exclude(self, row: int, reasons: Iterable[str]) -> None:
        """Lists a row as left out."""
        for reason in reasons:
            self.excluded.setdefault(reason, []).append(row)

    def note(self, row: int, faults: Iterable[str]) -> None:
        """Lists a row that is kept with faults."""
        for fault in faults:
            self.noted.setdefault(fault, []).append(row)

    @property
    def excluded_rows(self) -> list[int]:
        """The rows left out for any reason, in order."""
        return sorted({row for rows in self.excluded.values() for row in rows})

    def to_metrics(self) -> dict[str, Any]:
        """The audit as JSON-ready values."""
        excluded = self.excluded_rows
        return {
            "rows": self.rows,
            "kept": self.rows - len(excluded),
            "excluded": {"count": len(excluded), "reasons": _count(self.excluded)},
            "noted": _count(self.noted),
            "repeated_prompts": {"count": len(self.repeated), "rows": list(self.repeated)},
            **({"findings": list(self.findings)} if self.findings else {}),
        }


def check_any_kept(kept: int, audit: SourceAudit) -> None:
    """Refuses a source of which no row is left.

    Raises:
        SourceError: no row was kept.
    """
    if kept == 0:
        reasons = ", ".join(f"{len(rows)} {name}" for name, rows in sorted(audit.excluded.items()))
        raise SourceError(
            audit.name, f"no row left of {audit.rows} ({reasons or 'empty'})", "at least one"
        )


def write_audit(audit: SourceAudit, directory: Path) -> None:
    """Writes the audit beside the data that it is about."""
    write_json(directory / AUDIT_NAME, audit.to_metrics())


def read_audit(directory: Path) -> dict[str, Any] | None:
    """The audit beside written prompts as JSON-ready values; None where there is none."""
    path = directory / AUDIT_NAME
    if not path.is_file():
        return None
    metrics: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return metrics


def _count(rows_by_reason: dict[str, list[int]]) -> dict[str, dict[str, Any]]:
    return {
        reason: {"count": len(rows), "rows": list(rows)}
        for reason, rows in sorted(rows_by_reason.items())
    }
