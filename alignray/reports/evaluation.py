"""The evaluation's part of the report: metrics of `alignray eval` -> sections and files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from alignray.durable import write_json, write_text
from alignray.reports.decoding import describe_decoding
from alignray.reports.entries import Metrics, list_entries
from alignray.reports.markdown import render_markdown
from alignray.reports.page import Page, Section, render_page
from alignray.reports.sections.accuracies import build_accuracy_blocks
from alignray.reports.sections.categories import build_category_blocks
from alignray.reports.sections.comparisons import build_comparison_blocks
from alignray.reports.sections.cost import build_given_cost
from alignray.reports.sections.examples import Example, build_example_blocks, build_example_table
from alignray.reports.sections.headlines import build_headlines
from alignray.reports.sections.judges import build_judge_blocks
from alignray.reports.sections.main_table import build_main_table
from alignray.reports.sections.numbers import build_entry_table
from alignray.reports.sections.rates import build_rate_blocks
from alignray.reports.sections.sources import build_finding_blocks, build_source_table
from alignray.reports.sections.thresholds import build_grade_blocks, build_sweep_blocks
from alignray.reports.sections.tradeoff import build_tradeoff_blocks
from alignray.reports.spreadsheet import render_csv

_FINDINGS = (
    "The copies of the benchmarks are not whole; what is missing is missing from all numbers."
)


def build_eval_page(name: str, metrics: Metrics) -> str:
    """The report.html of one evaluation stage."""
    page = Page(
        title=f"Evaluation: {name}",
        subtitle=describe_evaluation(metrics),
        headlines=build_headlines(metrics),
        sections=[*build_eval_sections(metrics), *_build_cost_section(metrics)],
        data={"report": list_entries(metrics)},
    )
    return render_page(page)


def write_eval_report(directory: Path, metrics: Metrics) -> None:
    """Writes report.json, report.csv, report.md and report.html of one evaluation stage.

    Raises:
        StorageError: no space, no permission.
    """
    entries, name = list_entries(metrics), directory.name
    write_json(directory / "report.json", entries)
    write_text(directory / "report.csv", render_csv([{"run": name, **entry} for entry in entries]))
    title = f"Evaluation: {name}"
    page = render_markdown(title, describe_evaluation(metrics), [("", metrics)])
    write_text(directory / "report.md", page)
    write_text(directory / "report.html", build_eval_page(name, metrics))


def _build_cost_section(metrics: Metrics) -> list[Section]:
    blocks = build_given_cost(metrics)
    return [Section("Cost", blocks)] if blocks else []


def describe_evaluation(metrics: Metrics) -> str:
    """One line: models, judge, how the answers were drawn."""
    drawn, models = describe_decoding(metrics), ", ".join(metrics["models"])
    how = f" ({drawn})" if drawn else ""
    return f"{models} answered the same prompts{how}; judge {metrics['judge']}"


def build_eval_sections(
    metrics: Metrics,
    records: Sequence[Mapping[str, Any]] = (),
    examples: Sequence[Example] = (),
) -> list[Section]:
    """The sections of an evaluation; those without a block are left out.

    Args:
        metrics: of one evaluation, or of several merged (`merge.py`).
        records: of the other stages of the run, for what they say of the judge.
        examples: answers to show with their text.
    """
    rows = [
        *build_example_blocks(examples),
        *build_example_table(metrics),
        *build_source_table(metrics),
        *build_entry_table(metrics),
    ]
    sections = [
        Section("Findings in the benchmarks", build_finding_blocks(metrics), _FINDINGS),
        Section("Main numbers", build_main_table(metrics), describe_evaluation(metrics) + "."),
        Section("Harm against over-refusal against utility", build_tradeoff_blocks(metrics)),
        Section("Rates", build_rate_blocks(metrics)),
        Section(
            "Model against model",
            build_comparison_blocks(metrics),
            "Differences on the same prompts: the models are compared prompt by prompt.",
        ),
        Section("By harm category", build_category_blocks(metrics)),
        Section("Accuracy by group", build_accuracy_blocks(metrics)),
        Section(
            "Thresholds and grades",
            [*build_sweep_blocks(metrics), *build_grade_blocks(metrics)],
        ),
        Section("Judge quality", build_judge_blocks(metrics, records)),
        Section("Rows and numbers", rows, "Rows are named by id."),
    ]
    return [section for section in sections if section.blocks]
