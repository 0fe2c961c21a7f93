"""`alignray eval`: prompts -> answers of all models -> grades of one judge -> rows, report, record.

Composes sampling (one row per prompt, one request per model, all adapters in one engine) and
ranking (the score task, which grades all answers to a prompt in one row). Each half has its own
ledger below the stage, so a killed evaluation goes on where it stopped:

    prompts/<benchmark>/part-*.parquet
    generations/<engine>/{ledger,data}     answers of the models of one engine
    generations/answers-<benchmark>.parquet   answers of all models, one row per prompt
    judgements/{ledger,data}               grades; judges/<name>/ of further judges
    data/eval.parquet                      one row per prompt and model
    report.json, report.csv, report.md, report.html
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from alignray.artifacts import Counts, Stage, open_stage, read_record
from alignray.config.evaluation import EvalConfig, EvalPoolConfig
from alignray.config.judge_engines import AnyEngineConfig
from alignray.evaluation.answer_form import FormTable, build_form
from alignray.evaluation.benchmarks import load_benchmark_prompts
from alignray.evaluation.cost import CostBook, describe_engines
from alignray.evaluation.engines import EngineGroup, plan_engines
from alignray.evaluation.gold import build_eval_set
from alignray.evaluation.join import (
    ANSWERS_SCHEMA,
    Sides,
    join_rows,
    merge_completions,
    read_prompts,
    read_rows,
    write_rows,
)
from alignray.evaluation.judging import GRADER, JudgeRun, build_judges, read_judgements
from alignray.evaluation.rows import GOLD_KINDS, EvalRow
from alignray.evaluation.summary import build_metrics, check_unscored, check_unscored_judges
from alignray.evaluation.tally import EvalTally
from alignray.evaluation.task import AnswerTask, merge_rows
from alignray.inference.capacity import build_demand, find_unplaced
from alignray.inference.chunks import count_rows
from alignray.inference.cluster import connect, list_node_resources
from alignray.inference.follower import FollowedRows
from alignray.inference.on_ray import StageSpec, run_stage
from alignray.reports.evaluation import write_eval_report
from alignray.sampling.select import select_prompts
from alignray.sources import SourceAudit, read_audit, write_prompts

GENERATIONS = "generations"
JUDGEMENTS = "judgements"
JUDGES = "judges"
EARLY = "judgements-early"
"""Grades made while answers were still being generated; taken over by key, then removed."""


def run_eval(config: EvalConfig, reuse_from: Sequence[Path] = ()) -> dict[str, Any]:
    """Runs the evaluation, or goes on with it; returns its record.

    Args:
        config: what to evaluate.
        reuse_from: directories of earlier runs whose answers and verdicts are taken over where
            they are still valid.

    Raises:
        VerdictError: more answers are unscored than max_unscored_rate allows.
        AlignrayError: bad input, no engine, too many failed rows.
    """
    groups, judges = plan_engines(config), build_judges(config)
    stage = open_stage(config, "eval")
    if stage.finished:
        return read_record(stage.path)
    prompts = prepare_prompts(config, stage.path)
    run = EvalRun(config, stage.path, tuple(reuse_from), prompts, CostBook(stage.path))
    with connect():
        answers = run.collect_answers(groups, judges[0])
        verdicts = {judge.name: run.collect_verdicts(judge, answers) for judge in judges}
    return summarize(run, stage, answers, verdicts)


def prepare_prompts(config: EvalConfig, directory: Path) -> dict[str, list[Path]]:
    """The chosen prompts of each benchmark as parquet files below the stage, written once."""
    files = {}
    for name, benchmark in config.benchmarks.items():
        folder = directory / "prompts" / name
        if not folder.is_dir():
            audit = SourceAudit()
            prompts = load_benchmark_prompts(benchmark, audit)
            write_prompts(select_prompts(prompts, benchmark.select), folder, audit=audit)
        files[name] = sorted(folder.glob("part-*.parquet"))
    return files


@dataclass
class EvalRun:
    """One evaluation at work: its directory, what it may take over, its prompts and its costs."""

    config: EvalConfig
    path: Path
    reuse_from: tuple[Path, ...]
    prompts: dict[str, list[Path]]
    """Prompt files of each benchmark."""
    costs: CostBook

    def collect_answers(
        self, groups: Sequence[EngineGroup], grader: JudgeRun
    ) -> dict[str, list[Path]]:
        """Lets each engine answer for its models; returns files of merged rows by benchmark.

        The grader works on the heels of the last engine where there is room for both.
        """
        folders = [self.path / GENERATIONS / group.name for group in groups]
        for group, folder in zip(groups, folders, strict=True):
            is_last = group is groups[-1]
            follows = is_last and can_overlap(self.config.pool, group.engine, grader.engine)
            follower = self._build_follower(grader, folders) if follows else None
            self._run_group(group, folder, follower)
        return self._merge_answers(groups, folders)

    def _run_group(self, group: EngineGroup, own: Path, follower: StageSpec | None) -> None:
        files = [file for files in self.prompts.values() for file in files]
        task = AnswerTask(group, self._table_forms(), self.config.system_prompt)
        earlier = tuple(directory / GENERATIONS / group.name for directory in self.reuse_from)
        spec = StageSpec(task, group.engine, self.config.pool, own, reuse_from=earlier)
        with self.costs.measure(group.name, list(group.models)) as cost:
            title = f"answers of {', '.join(group.models)}"
            cost.append(run_stage(spec, files, title, follower))
        self.costs.add_follower(GRADER, cost[0].followed)

    def _build_follower(self, grader: JudgeRun, folders: Sequence[Path]) -> StageSpec:
        return StageSpec(
            grader.task,
            grader.engine,
            self.config.pool,
            self.path / EARLY,
            FollowedRows(folders, merge_rows, self._list_judged_ranges()),
        )

    def _table_forms(self) -> FormTable:
        """How each prompt is answered."""
        return FormTable(
            [
                (first, build_form(self.config.benchmarks[name], self.config.sampling))
                for name, first, _ in self._list_positions()
            ]
        )

    def _list_judged_ranges(self) -> list[list[int]]:
        """Closed ranges of the positions of prompts that judges see."""
        return [
            [first, first + count - 1]
            for name, first, count in self._list_positions()
            if self._is_judged(name)
        ]

    def _list_positions(self) -> list[tuple[str, int, int]]:
        """(benchmark, position of its first prompt, its prompts) over all benchmarks."""
        places, first = [], 0
        for name, files in self.prompts.items():
            count = count_rows(files)
            places.append((name, first, count))
            first += count
        return places

    def _merge_answers(
        self, groups: Sequence[EngineGroup], folders: Sequence[Path]
    ) -> dict[str, list[Path]]:
        """Writes the answers of all engines as one row per prompt, a file per benchmark."""
        sides = zip(groups, folders, strict=True)
        rows = merge_completions({tuple(g.models): read_rows(_list_parts(f)) for g, f in sides})
        merged = {}
        for name, files in self.prompts.items():
            path = self.path / GENERATIONS / f"answers-{name}.parquet"
            write_rows(islice(rows, count_rows(files)), ANSWERS_SCHEMA, path)
            merged[name] = [path]
        return merged

    def collect_verdicts(self, judge: JudgeRun, answers: Mapping[str, Sequence[Path]]) -> Path:
        """Lets a judge work on all answers that are judged; returns the folder of its rows."""
        files = [file for name in answers if self._is_judged(name) for file in answers[name]]
        own, *earlier = [_locate(path, judge.name) for path in (self.path, *self.reuse_from)]
        early = [self.path / EARLY] if judge.name == GRADER else []
        spec = StageSpec(
            judge.task, judge.engine, self.config.pool, own, reuse_from=(*early, *earlier)
        )
        title = "grades" if judge.name == GRADER else f"verdicts of {judge.name}"
        with self.costs.measure(judge.name, []) as cost:
            cost.append(run_stage(spec, files, title))
        for folder in early:
            shutil.rmtree(folder, ignore_errors=True)
        return own

    def _is_judged(self, name: str) -> bool:
        return self.config.benchmarks[name].kind not in GOLD_KINDS


def can_overlap(pool: EvalPoolConfig, *engines: AnyEngineConfig) -> bool:
    """Whether answering and grading run at once: as wanted, or where the smallest pools fit."""
    if pool.overlap != "auto":
        return pool.overlap == "always"
    demands = [build_demand(engine, pool) for engine in engines]
    return find_unplaced(demands, list_node_resources()) is None


def summarize(
    run: EvalRun, stage: Stage, answers: Mapping[str, Sequence[Path]], verdicts: Mapping[str, Path]
) -> dict[str, Any]:
    """Joins everything into rows, counts them, and writes rows, report and record."""
    config, tally = run.config, EvalTally(run.config.thresholds)
    further = [
        read_judgements(read_rows(_list_parts(verdicts[name])), name, judge)
        for name, judge in config.judges.items()
    ]
    comparing = frozenset(n for n, judge in config.judges.items() if judge.type == "compare")
    files = [file for files in answers.values() for file in files]
    rows = join_rows(
        read_prompts(run.prompts),
        Sides(read_rows(files), read_rows(_list_parts(verdicts[GRADER])), further, comparing),
        {name: build_eval_set(name, one) for name, one in config.benchmarks.items()},
        list(config.models),
    )
    write_rows(_count_rows(rows, tally), EvalRow.ARROW_SCHEMA, stage.path / "data" / "eval.parquet")
    check_unscored(tally, config.max_unscored_rate)
    sources = {name: read_audit(files[0].parent) for name, files in run.prompts.items()}
    costs = run.costs.list_lines()
    metrics = build_metrics(tally, config) | {"sources": sources, "cost": costs}
    metrics["engines"] = describe_engines(costs)
    check_unscored_judges(metrics["judge_unscored"], config.max_unscored_rate)
    write_eval_report(stage.path, metrics)
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


def _locate(stage: Path, judge: str) -> Path:
    """The folder of a judge's rows below a stage."""
    return stage / JUDGEMENTS if judge == GRADER else stage / JUDGES / judge


def _list_parts(folder: Path) -> list[Path]:
    return sorted((folder / "data").glob("part-*.parquet"))
