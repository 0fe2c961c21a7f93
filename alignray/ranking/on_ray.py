"""`alignray rank`: completions -> judge -> one ranked row per prompt, and the gate on verdicts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from alignray.artifacts import Stage, open_stage, read_record
from alignray.config.ranking import RankConfig
from alignray.inference.engine import get_model_label
from alignray.inference.on_ray import RowStageResult, StageSpec, run_stage
from alignray.ranking.export import EXPORTED_COLUMNS, write_appended
from alignray.ranking.files import find_completion_files, list_parts, read_rows
from alignray.ranking.rank_task import RankTask
from alignray.ranking.score_task import ScoreTask, build_score_task
from alignray.ranking.tally import (
    TALLIED_COLUMNS,
    RankTally,
    check_unscored_rate,
    tally_rows,
)

EXPORT_NAME = "export/ranked_prompts.parquet"


def run_rank(config: RankConfig, reuse_from: Sequence[Path] = ()) -> dict[str, Any]:
    """Runs the ranking stage, or goes on with it; returns its record.

    Args:
        config: what to judge, by whom.
        reuse_from: directories of earlier runs whose rows are taken over where still valid.

    Raises:
        VerdictError: too many responses are unscored; the ledger is kept, no record is written.
        AlignrayError: bad input, no engine, too many failed rows.
    """
    files = find_completion_files(config.completions)
    task = build_task(config)
    stage = open_stage(config, "rank")
    if stage.finished:
        return read_record(stage.path)
    spec = StageSpec(task, config.judge, config.pool, stage.path, reuse_from=tuple(reuse_from))
    result = run_stage(spec, files, "rank")
    tally = tally_rows(read_rows(list_parts(stage.path), TALLIED_COLUMNS))
    check_unscored_rate(tally, config.max_unscored_rate, get_model_label(config.judge))
    metrics = build_metrics(config, tally, result) | export_rows(config, stage)
    return stage.write_record(result.counts, metrics)


def build_task(config: RankConfig) -> ScoreTask | RankTask:
    """The row task of the mode."""
    if config.mode == "rank":
        return RankTask(config)
    return build_score_task(config, config.safety_weight)


def build_metrics(config: RankConfig, tally: RankTally, result: RowStageResult) -> dict[str, Any]:
    """The numbers of metrics.json."""
    return {
        "judge": get_model_label(config.judge),
        "mode": config.mode,
        **tally.describe(),
        "prompt_tokens": result.prompt_tokens,
        "completion_tokens": result.completion_tokens,
        "requests_this_run": result.requests,
        "engine_restarts_this_run": result.restarts,
    }


def export_rows(config: RankConfig, stage: Stage) -> dict[str, Any]:
    """Writes the export where one is asked for; its counts are metrics."""
    if config.export == "none":
        return {}
    rows = read_rows(list_parts(stage.path), EXPORTED_COLUMNS)
    return {"export": write_appended(rows, stage.path / EXPORT_NAME)}
