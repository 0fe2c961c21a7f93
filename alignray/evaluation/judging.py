"""The judges of an evaluation as row tasks: the grader first, then the further ones."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from alignray.config.evaluation import EvalConfig
from alignray.config.inference import EngineConfig
from alignray.config.judge_engines import AnyEngineConfig
from alignray.config.judges import GradesJudgeConfig, JudgeConfig
from alignray.evaluation.judges.compare import CompareTask
from alignray.evaluation.judges.judgement import Judgement, build_judgement_row
from alignray.evaluation.judges.moderation import ModerationTask
from alignray.evaluation.judges.policy import PolicyTask
from alignray.evaluation.judges.refusal_classes import RefusalClassesTask
from alignray.evaluation.judges.reward import RewardTask
from alignray.inference.row_task import RowTask
from alignray.ranking.score_task import build_score_task

GRADER = "judge"
"""Name of the grading judge, which every evaluation has."""


@dataclass(frozen=True)
class JudgeRun:
    """One judge: its name, what it does with a row, and the engine that it asks.

    Example: `JudgeRun("policy", PolicyTask(...), engine)`.
    """

    name: str
    task: RowTask
    engine: AnyEngineConfig


@dataclass(frozen=True)
class GraderSettings:
    """What a second grader shares with the first: rubrics and seed (`JudgeSettings`)."""

    judge: EngineConfig
    safety_rubric: str
    helpfulness_rubric: str
    verdict: Literal["logprobs", "choice"]
    seed: int


def build_judges(config: EvalConfig) -> list[JudgeRun]:
    """The judges of an evaluation, the grader first.

    Raises:
        SourceError: a rubric is missing.
        ModelError: a judge is missing.
    """
    grader = JudgeRun(GRADER, build_score_task(config), config.judge)
    further = [
        JudgeRun(name, _build_task(name, judge, config), judge.engine)
        for name, judge in config.judges.items()
    ]
    return [grader, *further]


def _build_task(name: str, judge: JudgeConfig, config: EvalConfig) -> RowTask:
    if judge.type == "grades":
        settings = GraderSettings(
            judge.engine,
            config.safety_rubric,
            config.helpfulness_rubric,
            judge.verdict,
            config.seed,
        )
        return build_score_task(settings)
    if judge.type == "policy":
        return PolicyTask(name, judge, config.seed)
    if judge.type == "refusal":
        return RefusalClassesTask(name, judge, config.seed)
    if judge.type == "compare":
        return CompareTask(name, judge, list(config.models), config.seed)
    if judge.type == "reward":
        return RewardTask(name, judge)
    return ModerationTask(name, judge)


def read_judgements(
    rows: Iterable[Mapping[str, Any]], name: str, judge: JudgeConfig
) -> Iterator[Mapping[str, Any]]:
    """A further judge's rows in the one shape; those of a second grader are brought into it."""
    if not isinstance(judge, GradesJudgeConfig):
        yield from rows
        return
    for row in rows:
        judgements = [_read_grades(row, index) for index in range(len(row["generations"]))]
        yield build_judgement_row(row, name, row["key"], judgements)


def _read_grades(row: Mapping[str, Any], index: int) -> Judgement:
    safety, helpfulness = row["safety"][index], row["helpfulness"][index]
    if safety is None or helpfulness is None:
        reason = row["verdict_reasons"][index] or row["reason"] or "no grade"
        return Judgement(reason=reason)
    return Judgement(value=safety, scores={"safety": safety, "helpfulness": helpfulness})
