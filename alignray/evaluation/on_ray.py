"""`alignray eval`: prompts -> answers of all models -> grades of one judge -> rows, report, record.

Composes sampling (one row per prompt, one request per model, all adapters in one engine) and
ranking (the score task, which grades all answers to a prompt in one row). Each half has its own
ledger below the stage, so a killed evaluation goes on where it stopped.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from alignray.artifacts import Counts, open_stage, read_record, write_json, write_text
from alignray.config.evaluation import EvalConfig
from alignray.evaluation.engines import EngineGroup, plan_engines
from alignray.evaluation.join import (
    join_rows,
    merge_completions,
    read_prompts,
    read_rows,
    write_rows,
)
from alignray.evaluation.rows import EvalRow
from alignray.evaluation.summary import build_metrics, check_unscored
from alignray.evaluation.tally import EvalTally
from alignray.evaluation.task import AnswerTask
from alignray.inference.cluster import connect
from alignray.inference.on_ray import run_row_stage
from alignray.ranking.score_task import build_score_task
from alignray.records import Completion
from alignray.reports.evaluation import build_eval_page
from alignray.sampling.select import select_prompts
from alignray.sources import load_prompts, write_prompts


def run_eval(config: EvalConfig) -> dict[str, Any]:
    """Runs the evaluation, or goes on with it; returns its record.

    Raises:
        VerdictError: more answers are unscored than max_unscored_rate allows.
        AlignrayError: bad input, no engine, too many failed rows.
    """
    stage = open_stage(config, "eval")
    if stage.finished:
        return read_record(stage.path)
    groups = plan_engines(config)
    prompts = prepare_prompts(config, stage.path)
    with connect():
        answers = collect_answers(config, groups, prompts, stage.path)
        grades = collect_grades(config, answers, stage.path)
    tally = EvalTally(config.thresholds)
    rows = join_rows(
        read_prompts(prompts),
        read_rows([answers]),
        read_rows(grades),
        config.benchmarks,
        list(config.models),
    )
    write_rows(_count_rows(rows, tally), EvalRow.ARROW_SCHEMA, stage.path / "data" / "eval.parquet")
    check_unscored(tally, config.max_unscored_rate)
    metrics = build_metrics(tally, config)
    write_json(stage.path / "report.json", metrics["report"])
    write_text(stage.path / "report.html", build_eval_page(stage.path.name, metrics))
    return stage.write_record(_count_statuses(tally), metrics)


def prepare_prompts(config: EvalConfig, directory: Path) -> dict[str, list[Path]]:
    """The chosen prompts of each benchmark as parquet files below the stage, written once."""
    files = {}
    for name, benchmark in config.benchmarks.items():
        folder = directory / "prompts" / name
        if not folder.is_dir():
            chosen = select_prompts(load_prompts(benchmark.prompts), benchmark.select)
            write_prompts(chosen, folder)
        files[name] = sorted(folder.glob("part-*.parquet"))
    return files


def collect_answers(
    config: EvalConfig,
    groups: list[EngineGroup],
    prompts: dict[str, list[Path]],
    directory: Path,
) -> Path:
    """Runs one engine after the other; returns the file with the answers of all models."""
    inputs = [file for files in prompts.values() for file in files]
    folders = []
    for group in groups:
        folder = directory / "generations" / group.name
        task = AnswerTask(group, config.sampling, config.system_prompt)
        title = f"answers of {', '.join(group.models)}"
        run_row_stage(task, inputs, group.engine, config.pool, folder, title)
        folders.append(folder)
    path = directory / "generations" / "answers.parquet"
    parts = [read_rows(sorted((folder / "data").glob("part-*.parquet"))) for folder in folders]
    write_rows(merge_completions(parts), Completion.ARROW_SCHEMA, path)
    return path


def collect_grades(config: EvalConfig, answers: Path, directory: Path) -> list[Path]:
    """Runs the judge over all answers; returns the files with its grades."""
    folder = directory / "judgements"
    run_row_stage(build_score_task(config), [answers], config.judge, config.pool, folder, "grades")
    return sorted((folder / "data").glob("part-*.parquet"))


def _count_rows(prompts: Iterable[list[EvalRow]], tally: EvalTally) -> Iterator[dict[str, Any]]:
    for rows in prompts:
        tally.add_prompt(rows)
        for row in rows:
            yield row.to_row()


def _count_statuses(tally: EvalTally) -> Counts:
    found = tally.statuses
    ok, unscored, failed = found["ok"], found["unscored"], found["failed"]
    return Counts(sum(found.values()), ok, unscored, failed)
