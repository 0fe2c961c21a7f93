"""`alignray eval`: prompts -> answers of all models -> grades of one judge -> rows, report, record.

Composes sampling (one row per prompt, one request per model, all adapters in one engine) and
ranking (the score task, which grades all answers to a prompt in one row). Each half has its own
ledger below the stage, so a killed evaluation goes on where it stopped:

    prompts/<benchmark>/part-*.parquet
    generations/<engine>/{ledger,data}     answers of the models of one engine
    generations/answers.parquet            answers of all models, one row per prompt
    judgements/{ledger,data}
    data/eval.parquet                      one row per prompt and model
    report.json, report.html
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from alignray.artifacts import Counts, Stage, open_stage, read_record
from alignray.config.evaluation import EvalConfig
from alignray.durable import write_json, write_text
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
from alignray.inference.reuse import reuse_rows
from alignray.ranking.score_task import ScoreTask, build_score_task
from alignray.records import Completion
from alignray.reports.evaluation import build_eval_page
from alignray.sampling.select import select_prompts
from alignray.sources import SourceAudit, load_prompts, read_audit, write_prompts

GENERATIONS = "generations"
JUDGEMENTS = "judgements"


def run_eval(config: EvalConfig, reuse_from: Sequence[Path] = ()) -> dict[str, Any]:
    """Runs the evaluation, or goes on with it; returns its record.

    Args:
        config: what to evaluate.
        reuse_from: directories of earlier runs whose answers and grades are taken over where
            they are still valid.

    Raises:
        VerdictError: more answers are unscored than max_unscored_rate allows.
        AlignrayError: bad input, no engine, too many failed rows.
    """
    groups, judge = plan_engines(config), build_score_task(config)
    stage = open_stage(config, "eval")
    if stage.finished:
        return read_record(stage.path)
    prompts = prepare_prompts(config, stage.path)
    with connect():
        folders = [
            collect_answers(config, group, prompts, (stage.path, *reuse_from)) for group in groups
        ]
        answers = merge_answers(folders, stage.path / GENERATIONS / "answers.parquet")
        grades = collect_grades(config, judge, answers, (stage.path, *reuse_from))
    return summarize(config, stage, prompts, answers, grades)


def prepare_prompts(config: EvalConfig, directory: Path) -> dict[str, list[Path]]:
    """The chosen prompts of each benchmark as parquet files below the stage, written once."""
    files = {}
    for name, benchmark in config.benchmarks.items():
        folder = directory / "prompts" / name
        if not folder.is_dir():
            audit = SourceAudit()
            prompts = load_prompts(benchmark.prompts, audit=audit)
            write_prompts(select_prompts(prompts, benchmark.select), folder, audit=audit)
        files[name] = sorted(folder.glob("part-*.parquet"))
    return files


def collect_answers(
    config: EvalConfig,
    group: EngineGroup,
    prompts: Mapping[str, Sequence[Path]],
    directories: Sequence[Path],
) -> Path:
    """Lets one engine answer for its models; returns the folder of its rows.

    Args:
        config: the evaluation.
        group: the engine and its models.
        prompts: prompt files of each benchmark.
        directories: the stage's own directory, then those of earlier runs.
    """
    inputs = [file for files in prompts.values() for file in files]
    own, *earlier = [directory / GENERATIONS / group.name for directory in directories]
    task = AnswerTask(group, config.sampling, config.system_prompt)
    reuse_rows(task, inputs, earlier, own)
    title = f"answers of {', '.join(group.models)}"
    run_row_stage(task, inputs, group.engine, config.pool, own, title)
    return own


def merge_answers(folders: Sequence[Path], path: Path) -> Path:
    """Writes the answers of all engines as one row per prompt, in the order of the prompts."""
    parts = [read_rows(_list_parts(folder)) for folder in folders]
    write_rows(merge_completions(parts), Completion.ARROW_SCHEMA, path)
    return path


def collect_grades(
    config: EvalConfig, task: ScoreTask, answers: Path, directories: Sequence[Path]
) -> list[Path]:
    """Lets the judge grade all answers; returns the files of its rows."""
    own, *earlier = [directory / JUDGEMENTS for directory in directories]
    reuse_rows(task, [answers], earlier, own)
    run_row_stage(task, [answers], config.judge, config.pool, own, "grades")
    return _list_parts(own)


def summarize(
    config: EvalConfig,
    stage: Stage,
    prompts: Mapping[str, Sequence[Path]],
    answers: Path,
    grades: Sequence[Path],
) -> dict[str, Any]:
    """Joins everything into rows, counts them, and writes rows, report and record."""
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
    sources = {name: read_audit(files[0].parent) for name, files in prompts.items()}
    metrics = build_metrics(tally, config) | {"sources": sources}
    write_json(stage.path / "report.json", metrics["report"])
    write_text(stage.path / "report.html", build_eval_page(stage.path.name, metrics))
    return stage.write_record(_count_statuses(tally), metrics)


def _count_rows(prompts: Iterable[list[EvalRow]], tally: EvalTally) -> Iterator[dict[str, Any]]:
    for rows in prompts:
        tally.add_prompt(rows)
        for row in rows:
            yield row.to_row()


def _count_statuses(tally: EvalTally) -> Counts:
    found = tally.statuses
    ok, unscored, failed = found["ok"], found["unscored"], found["failed"]
    return Counts(sum(found.values()), ok, unscored, failed)


def _list_parts(folder: Path) -> list[Path]:
    return sorted((folder / "data").glob("part-*.parquet"))
