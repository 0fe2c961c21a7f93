"""What the copies of the benchmarks lack: findings of their sources, and rows left out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from alignray.reports.entries import Metrics
from alignray.reports.page import Block, Note, Table

Audit = Mapping[str, Any]


def build_finding_blocks(metrics: Metrics) -> list[Block]:
    """A warning for each finding: a lost category or row is lost from every number below."""
    return [Note(line, "warning") for line in list_findings(metrics)]


def list_findings(metrics: Metrics) -> list[str]:
    """E.g. `hex-phi: category Malware is missing`."""
    return [
        f"{benchmark}: {finding}"
        for benchmark, audit in _list_audits(metrics)
        for finding in audit.get("findings", ())
    ]


def build_source_table(metrics: Metrics) -> list[Block]:
    """Rows of each benchmark by fate."""
    rows = [
        [
            benchmark,
            f"{audit['rows']:,}",
            f"{audit['kept']:,}",
            _describe(audit["excluded"]["reasons"]),
            _describe(audit["noted"]),
            f"{audit['repeated_prompts']['count']:,}",
        ]
        for benchmark, audit in _list_audits(metrics)
    ]
    header = ["benchmark", "rows", "kept", "left out", "kept with faults", "repeated prompts"]
    caption = "Rows of the source before the selection; their positions are in metrics.json."
    title = "Where the prompts come from"
    return [Table(title, header, rows, caption, True, (3, 4))] if rows else []


def _list_audits(metrics: Metrics) -> list[tuple[str, Audit]]:
    """Of the benchmarks whose source has one."""
    found: Mapping[str, Audit | None] = metrics.get("sources", {})
    return [(name, audit) for name, audit in found.items() if audit]


def _describe(reasons: Mapping[str, Mapping[str, Any]]) -> str:
    return ", ".join(f"{found['count']:,} {name}" for name, found in reasons.items()) or "–"
