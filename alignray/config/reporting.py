"""Options of `alignray report`."""

from __future__ import annotations

from pydantic import Field

from alignray.config.base import Config


class ReportConfig(Config):
    """What `alignray report` shows of finished runs, and where it is written."""

    out: str | None = Field(default=None, min_length=1)
    """Directory of the report files; the run's own if there is one run. Several need one."""
    examples: int = Field(default=0, ge=0, le=20)
    """Answers shown with their text for each model, set and rate, behind a content warning; none
    by default: rows are named by id."""
    mixed: bool = False
    """Whether runs whose settings differ for a benchmark are shown side by side, with a warning."""
