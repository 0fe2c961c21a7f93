"""The records below the directories of runs -> report.html, report.json, report.csv, report.md."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from alignray.config.reporting import ReportConfig
from alignray.durable import make_directory, read_json, write_bytes, write_text
from alignray.errors import ArtifactError, ConfigError
from alignray.fingerprint import RECORD_NAME
from alignray.reports.entries import Metrics, list_entries
from alignray.reports.evaluation import build_eval_sections
from alignray.reports.example_rows import read_examples
from alignray.reports.markdown import render_markdown
from alignray.reports.merge import (
    Evaluation,
    check_alike,
    find_differences,
    merge_evaluations,
    name_models,
)
from alignray.reports.page import Note, Page, Section, render_page
from alignray.reports.sections.examples import Example
from alignray.reports.sections.headlines import build_headlines
from alignray.reports.sections.stages import build_stage_sections
from alignray.reports.spreadsheet import render_csv

REPORT_JSON = "report.json"
REPORT_HTML = "report.html"
REPORT_CSV = "report.csv"
REPORT_MD = "report.md"


@dataclass(frozen=True)
class Run:
    """A directory of finished stages, and the name that it has in the report."""

    name: str
    directory: Path
    records: Sequence[Mapping[str, Any]]

    @property
    def evaluations(self) -> list[Mapping[str, Any]]:
        """The records of its evaluations."""
        return [record for record in self.records if record["verb"] == "eval"]


@dataclass(frozen=True)
class _View:
    """One set of evaluation sections: its name (empty where it is alone), numbers and answers."""

    name: str
    metrics: Metrics
    examples: Sequence[Example] = ()


def build_report(
    run_dirs: Path | str | Sequence[Path | str], options: ReportConfig | None = None
) -> tuple[Path, Path]:
    """Writes the report of one run or of several; returns the paths of report.json and report.html.

    report.json is the list of the entries of all evaluations, in their order, report.csv the same
    as a table, report.md the main numbers, report.html one self-contained page. All are written
    anew each time, from records alone (and, for examples, the rows of the evaluations).

    Raises:
        ArtifactError: no stage below a directory is finished, or a record is not JSON.
        ConfigError: several runs and no `out`; runs that do not compare (`merge.py`).
    """
    options = options or ReportConfig()
    given = [run_dirs] if isinstance(run_dirs, Path | str) else list(run_dirs)
    runs = load_runs([Path(path).expanduser() for path in given])
    out = _choose_out(runs, options)
    views, differences = build_views(runs, options)
    entries = [entry for view in views for entry in list_entries(view.metrics)]
    page = build_page(runs, views, differences)
    make_directory(out)
    write_bytes(out / REPORT_JSON, _dump_entries(entries))
    name = runs[0].name
    write_text(out / REPORT_CSV, render_csv([{"run": name, **entry} for entry in entries]))
    named = [(view.name, view.metrics) for view in views]
    write_text(out / REPORT_MD, render_markdown(page.title, page.subtitle, named))
    write_text(out / REPORT_HTML, render_page(page))
    return out / REPORT_JSON, out / REPORT_HTML


def _dump_entries(entries: Sequence[Mapping[str, Any]]) -> bytes:
    """JSON; half a surrogate, which no UTF-8 can hold, as its escape."""
    text = json.dumps(entries, indent=2, ensure_ascii=False, allow_nan=False)
    return f"{text}\n".encode("utf-8", "backslashreplace")


def load_runs(directories: Sequence[Path]) -> list[Run]:
    """The runs with their records; names are told apart by as much of the path as it takes.

    Raises:
        ArtifactError: a directory without a finished stage.
        ConfigError: a directory given twice.
    """
    whole = [directory.resolve() for directory in directories]
    for index, path in enumerate(whole):
        if path in whole[:index]:
            raise ConfigError(
                "arguments", f"{directories[index]} is given twice", "", "name it once"
            )
    depth = 1
    while len({path.parts[-depth:] for path in whole}) < len(whole):
        depth += 1
    loaded = []
    for directory, path in zip(directories, whole, strict=True):
        records = find_records(directory)
        if not records:
            raise ArtifactError(
                str(directory),
                "no finished stage",
                f"a {RECORD_NAME} in it or in a folder below",
                "run it first",
            )
        loaded.append(Run("/".join(path.parts[-depth:]), directory, records))
    return loaded


def find_records(directory: Path) -> list[dict[str, Any]]:
    """The records of a run's finished stages as they started, or that of a stage itself."""
    own = directory / RECORD_NAME
    if own.is_file() and "stage" in (record := read_json(own)):
        return [record]
    paths = sorted(directory.glob(f"*/{RECORD_NAME}"))
    return sorted(map(read_json, paths), key=lambda record: str(record["started"]))


def _choose_out(runs: Sequence[Run], options: ReportConfig) -> Path:
    if options.out is not None:
        return Path(options.out).expanduser()
    if len(runs) > 1:
        raise ConfigError(
            "arguments", f"{len(runs)} runs and no out", "a directory for their report", "out=DIR"
        )
    directory = runs[0].directory
    if _is_stage(directory):
        raise ConfigError(
            "arguments",
            f"{directory} is a finished stage, whose files are on record",
            "a directory for its report",
            "out=DIR",
        )
    return directory


def _is_stage(directory: Path) -> bool:
    own = directory / RECORD_NAME
    return own.is_file() and "stage" in read_json(own)


def build_views(runs: Sequence[Run], options: ReportConfig) -> tuple[list[_View], list[str]]:
    """The evaluations: each by itself for one run, all in one for several; and what differs."""
    if len(runs) == 1:
        [run], found = runs, runs[0].evaluations
        return [
            _View(
                str(record["stage"]) if len(found) > 1 else "",
                record["metrics"],
                read_examples(_locate(run, record), record["metrics"], options.examples),
            )
            for record in found
        ], []
    places = [(run, record) for run in runs for record in run.evaluations]
    evaluations = [Evaluation(_name(run, record), record) for run, record in places]
    if not evaluations:
        return [], []
    differences = find_differences(evaluations)
    if not options.mixed:
        check_alike(evaluations)
    examples: list[Example] = []
    for (run, record), names in zip(places, name_models(evaluations), strict=True):
        found_rows = read_examples(_locate(run, record), record["metrics"], options.examples)
        for example in found_rows:
            model, *rest = example.behind
            behind = (names[model], rest[0], rest[1])
            examples.append(Example(behind, example.prompt_id, example.row))
    return [_View("", merge_evaluations(evaluations), examples)], differences


def _name(run: Run, record: Mapping[str, Any]) -> str:
    return run.name if len(run.evaluations) == 1 else f"{run.name}/{record['stage']}"


def _locate(run: Run, record: Mapping[str, Any]) -> Path:
    """The directory of an evaluation: the one given, or a stage's below it."""
    below = run.directory / str(record["stage"])
    return below if (below / RECORD_NAME).is_file() else run.directory


def build_page(runs: Sequence[Run], views: Sequence[_View], differences: Sequence[str]) -> Page:
    """Evaluations first, then how they came about."""
    records = [record for run in runs for record in _name_stages(run, len(runs) > 1)]
    others = [record for record in records if record["verb"] != "eval"]
    sections: list[Section] = []
    if differences:
        warnings = [Note(line, "warning") for line in differences]
        intro = "These runs are shown side by side, and do not compare where they differ:"
        sections.append(Section("Settings that differ", warnings, intro))
    for view in views:
        found = build_eval_sections(view.metrics, others, view.examples)
        if view.name:
            found = [Section(f"{view.name}: {s.title}", s.blocks, s.intro) for s in found]
        sections += found
    names = ", ".join(run.name for run in runs)
    return Page(
        title=f"Run report: {names}" if len(runs) == 1 else f"Report of {len(runs)} runs: {names}",
        subtitle=_describe(records),
        headlines=build_headlines(views[-1].metrics) if views else (),
        sections=[*sections, *build_stage_sections(records)],
        data={"report": [entry for view in views for entry in list_entries(view.metrics)]},
    )


def _name_stages(run: Run, several: bool) -> list[Mapping[str, Any]]:
    if not several:
        return list(run.records)
    return [{**record, "stage": f"{run.name}/{record['stage']}"} for record in run.records]


def _describe(records: Sequence[Mapping[str, Any]]) -> str:
    seconds = sum(record["seconds"] for record in records)
    versions = ", ".join(dict.fromkeys(str(record["code_version"]) for record in records))
    stages = "1 finished stage" if len(records) == 1 else f"{len(records)} finished stages"
    return f"{stages}, {seconds:,.0f} s of work, alignray {versions}"
