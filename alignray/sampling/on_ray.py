"""`alignray sample`: source -> chosen prompts -> engines -> one row per prompt."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from alignray.artifacts import Stage, open_stage, read_record
from alignray.config.sampling import SampleConfig
from alignray.errors import ConfigError, EngineError
from alignray.inference.engine import get_model_label
from alignray.inference.on_ray import RowStageResult, StageSpec, run_stage
from alignray.sampling.select import select_prompts
from alignray.sampling.task import SampleTask
from alignray.sources import SourceAudit, load_prompts, read_audit, write_prompts

PROMPTS_DIR = "prompts"


def run_sample(config: SampleConfig, reuse_from: Sequence[Path] = ()) -> dict[str, Any]:
    """Runs the sampling stage, or goes on with it; returns its record.

    Args:
        config: what to sample.
        reuse_from: directories of earlier runs whose rows are taken over where still valid.

    Raises:
        AlignrayError: bad input, no engine, too many failed rows.
    """
    _check_adapter(config)
    stage = open_stage(config, "sample")
    if stage.finished:
        return read_record(stage.path)
    task = SampleTask(
        config.engine,
        config.sampling,
        system_prompt=config.system_prompt,
        adapter=config.adapter,
    )
    files = prepare_prompts(config, stage)
    spec = StageSpec(task, config.engine, config.pool, stage.path, reuse_from=tuple(reuse_from))
    result = run_stage(spec, files, "sample")
    _check_answered(config, result)
    metrics = build_metrics(result) | {"source": read_audit(stage.path / PROMPTS_DIR)}
    return stage.write_record(result.counts, metrics)


def prepare_prompts(config: SampleConfig, stage: Stage) -> list[Path]:
    """The chosen prompts as parquet files below the stage, written once."""
    directory = stage.path / PROMPTS_DIR
    if not directory.is_dir():
        audit = SourceAudit()
        prompts = load_prompts(config.prompts, audit=audit)
        write_prompts(select_prompts(prompts, config.select), directory, audit=audit)
    return sorted(directory.glob("part-*.parquet"))


def build_metrics(result: RowStageResult) -> dict[str, Any]:
    """The numbers of metrics.json."""
    return {
        "prompt_tokens": result.prompt_tokens,
        "completion_tokens": result.completion_tokens,
        "requests_this_run": result.requests,
        "engine_restarts_this_run": result.restarts,
    }


def _check_answered(config: SampleConfig, result: RowStageResult) -> None:
    """A model that answers no prompt at all is a fault of the setting, not of the prompts."""
    if result.counts.ok == 0:
        raise EngineError(
            get_model_label(config.engine, config.adapter),
            f"none of {result.counts.rows_in} prompts was answered (reasons in the data)",
            "at least one",
            "mend the setting and choose another output_dir",
        )


def _check_adapter(config: SampleConfig) -> None:
    known = config.engine.adapters if config.engine.type == "vllm" else {}
    if config.adapter is not None and config.adapter not in known:
        raise ConfigError(
            "adapter",
            f"`{config.adapter}`",
            f"one of engine.adapters ({', '.join(known) or 'none'})",
        )
