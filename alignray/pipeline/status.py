"""Where a run directory is: each stage's state and counts, read from its files alone."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from alignray.artifacts import CONFIG_NAME
from alignray.durable import read_json
from alignray.errors import AlignrayError, ArtifactError
from alignray.fingerprint import RECORD_NAME
from alignray.pipeline.locks import is_locked, read_holder
from alignray.pipeline.plan import RECIPE_NAME
from alignray.pipeline.run import LAST_ERROR
from alignray.pipeline.tables import render_table
from alignray.progress import format_seconds

StageState = Literal["finished", "running", "partial", "waiting"]


@dataclass(frozen=True)
class StageStatus:
    """One stage of a run.

    Example: `StageStatus("sample", "sample", "partial", 500, 312, 0, 1, "", "", None)`.
    """

    stage: str
    verb: str
    state: StageState
    rows_in: int | None
    """Rows that the stage works on, where that is known."""
    ok: int
    unscored: int
    failed: int
    started: str
    finished: str
    seconds: float | None


@dataclass(frozen=True)
class RunStatus:
    """A run: `running` while a process is at work in it."""

    name: str
    running: bool
    process: str
    finished: bool
    last_error: dict[str, Any] | None
    stages: tuple[StageStatus, ...]


def read_status(run_dir: Path) -> RunStatus:
    """The status of a run directory, or of a single stage's directory.

    Raises:
        ArtifactError: neither a run nor a stage.
    """
    if (run_dir / CONFIG_NAME).is_file():
        verb = read_json(run_dir / CONFIG_NAME)["verb"]
        stage = read_stage(run_dir, run_dir.name, verb, running=False)
        return RunStatus(run_dir.name, False, "", stage.state == "finished", None, (stage,))
    if not (run_dir / RECIPE_NAME).is_file():
        raise ArtifactError(
            str(run_dir), f"no {RECIPE_NAME}", "a directory that `alignray run` made, or a stage's"
        )
    recipe = read_json(run_dir / RECIPE_NAME)
    running = is_locked(run_dir)
    stages: list[StageStatus] = []
    for name, entry in recipe["stages"].items():
        busy = running and all(stage.state == "finished" for stage in stages)
        stages.append(read_stage(run_dir / name, name, entry["verb"], running=busy))
    stages = [_fill_rows(stage, recipe["stages"][stage.stage], stages) for stage in stages]
    return RunStatus(
        recipe["name"],
        running,
        read_holder(run_dir) if running else "",
        (run_dir / RECORD_NAME).is_file(),
        _read_last_error(run_dir) if not running else None,
        tuple(stages),
    )


def read_stage(path: Path, name: str, verb: str, *, running: bool) -> StageStatus:
    """The status of one stage from its record, or from its ledger while it is not finished."""
    if (path / RECORD_NAME).is_file():
        record = read_json(path / RECORD_NAME)
        counts = record["counts"]
        return StageStatus(
            name,
            verb,
            "finished",
            counts["in"],
            counts["ok"],
            counts["unscored"],
            counts["failed"],
            record["started"],
            record["finished"],
            record["seconds"],
        )
    claimed = (path / CONFIG_NAME).is_file()
    state: StageState = "running" if running else ("partial" if claimed else "waiting")
    ok, unscored, failed = _sum_ledgers(path) if claimed else (0, 0, 0)
    return StageStatus(name, verb, state, _count_prompts(path), ok, unscored, failed, "", "", None)


def render_status(run_dir: Path, status: RunStatus) -> str:
    """The status as text."""
    head = ["stage", "verb", "state", "in", "ok", "unscored", "failed", "time", "finished"]
    rows = [_render_row(stage) for stage in status.stages]
    state = f"running (process {status.process})" if status.running else "not running"
    lines = [f"{status.name} in {run_dir}: {'finished' if status.finished else state}", ""]
    lines.append(render_table(head, rows))
    if status.last_error:
        error = status.last_error
        lines += ["", f"stopped in {error['stage']} at {error['time']}: {error['error']}"]
    return "\n".join(lines)


def status_to_dict(status: RunStatus) -> dict[str, Any]:
    """The status for `--json`."""
    return asdict(status)


def _render_row(stage: StageStatus) -> list[str]:
    known = stage.state != "waiting"
    counts = [str(n) if known else "" for n in (stage.ok, stage.unscored, stage.failed)]
    return [
        stage.stage,
        stage.verb,
        stage.state,
        "" if stage.rows_in is None else str(stage.rows_in),
        *counts,
        "" if stage.seconds is None else format_seconds(stage.seconds),
        stage.finished,
    ]


def _fill_rows(
    stage: StageStatus, entry: Mapping[str, Any], stages: list[StageStatus]
) -> StageStatus:
    """Rows in of a stage that is at work, from the one finished stage that it reads."""
    above = [s for s in stages if s.stage in entry["after"] and s.state == "finished"]
    if stage.rows_in is not None or stage.state == "waiting" or len(above) != 1:
        return stage
    return StageStatus(**{**asdict(stage), "rows_in": above[0].rows_in})


def _sum_ledgers(path: Path) -> tuple[int, int, int]:
    """Finished rows over the ledgers of a stage (evaluation has one per model and judge)."""
    from alignray.inference.ledger import read_shards

    sums = [0, 0, 0]
    for ledger in sorted(path.rglob("ledger")):
        for shard in read_shards(ledger.parent) if ledger.is_dir() else []:
            sums = [sums[0] + shard.ok, sums[1] + shard.unscored, sums[2] + shard.failed]
    return sums[0], sums[1], sums[2]


def _count_prompts(path: Path) -> int | None:
    """Rows of the prompts that a sampling stage chose, once they are written."""
    files = sorted((path / "prompts").glob("part-*.parquet"))
    if not files:
        return None
    from pyarrow import parquet

    return sum(int(parquet.read_metadata(file).num_rows) for file in files)


def _read_last_error(run_dir: Path) -> dict[str, Any] | None:
    path = run_dir / "logs" / LAST_ERROR
    try:
        return read_json(path) if path.is_file() else None
    except (AlignrayError, json.JSONDecodeError):
        return None
