"""Reports: one self-contained HTML page, tables and text, out of the records of stages."""

from alignray.reports.gather import build_report
from alignray.reports.table import format_report

__all__ = ["build_report", "format_report"]
