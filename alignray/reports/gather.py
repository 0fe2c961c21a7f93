"""The records below a run's directory -> DIR/report.json and DIR/report.html."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from alignray.durable import read_json, write_json, write_text
from alignray.errors import ArtifactError
from alignray.fingerprint import RECORD_NAME
from alignray.reports.evaluation import build_eval_sections, build_headlines
from alignray.reports.page import Page, Section, render_page
from alignray.reports.stages import build_stage_sections

REPORT_JSON = "report.json"
REPORT_HTML = "report.html"


def build_report(run_dir: Path | str) -> tuple[Path, Path]:
    """Writes report.json and report.html of a run from the records of its finished stages.

    report.json is the list of the entries of all evaluations of the run, in their order;
    report.html is one self-contained page. Both are written anew each time, from records alone.

    Raises:
        ArtifactError: no stage below the directory is finished, or a record is not JSON.
    """
    directory = Path(run_dir)
    records = find_records(directory)
    if not records:
        raise ArtifactError(
            str(directory),
            "no finished stage",
            f"a {RECORD_NAME} in a folder below",
            "run it first",
        )
    write_json(directory / REPORT_JSON, collect_entries(records))
    write_text(directory / REPORT_HTML, build_run_page(directory.resolve().name, records))
    return directory / REPORT_JSON, directory / REPORT_HTML


def find_records(directory: Path) -> list[dict[str, Any]]:
    """The records of finished stages one folder below a directory, in the order they started."""
    paths = sorted(directory.glob(f"*/{RECORD_NAME}"))
    return sorted(map(read_json, paths), key=lambda record: str(record["started"]))


def collect_entries(records: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The entries of report.json over all evaluations."""
    return [entry for record in _list_evaluations(records) for entry in record["metrics"]["report"]]


def build_run_page(name: str, records: Sequence[Mapping[str, Any]]) -> str:
    """The page of a run: evaluations first, then how it came about."""
    evaluations = _list_evaluations(records)
    sections: list[Section] = []
    for record in evaluations:
        found = build_eval_sections(record["metrics"])
        if len(evaluations) > 1:
            found = [Section(f"{record['stage']}: {s.title}", s.blocks, s.intro) for s in found]
        sections += found
    page = Page(
        title=f"Run report: {name}",
        subtitle=_describe_run(records),
        headlines=build_headlines(evaluations[-1]["metrics"]) if evaluations else (),
        sections=[*sections, *build_stage_sections(records)],
        data={"report": collect_entries(records)},
    )
    return render_page(page)


def _list_evaluations(records: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    return [record for record in records if record["verb"] == "eval"]


def _describe_run(records: Sequence[Mapping[str, Any]]) -> str:
    seconds = sum(record["seconds"] for record in records)
    version = records[-1]["code_version"]
    return f"{len(records)} finished stages, {seconds:,.0f} s of work, alignray {version}"
