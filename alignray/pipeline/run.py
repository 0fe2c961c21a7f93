"""Running a recipe: stage after stage, skipping what is finished, moving aside what is outdated."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import alignray
from alignray.artifacts import CONFIG_NAME
from alignray.config.recipe import Recipe
from alignray.durable import explain_os_error, read_json, write_json
from alignray.errors import AlignrayError
from alignray.fingerprint import RECORD_NAME
from alignray.pipeline.locks import lock_run
from alignray.pipeline.outlook import Outlook, inspect_stage
from alignray.pipeline.plan import RECIPE_NAME, StagePlan, check_run_dir, plan_stages
from alignray.pipeline.stage_run import run_stage

SUPERSEDED = ".superseded"
LAST_ERROR = "last-error.json"
"""In DIR/logs: what stopped the last run, for `alignray status`; gone when a run ends well."""


@dataclass(frozen=True)
class StageOutcome:
    """What became of a stage: `skipped`, `restored` (an earlier run had these settings), `ran`."""

    name: str
    did: str
    record: dict[str, Any]


def run_recipe(
    recipe: Recipe, stages: Sequence[StagePlan], out_dir: Path, say: Callable[[str], None]
) -> list[StageOutcome]:
    """Runs all stages of a recipe that are not finished.

    Args:
        recipe: the recipe.
        stages: its stages with their configurations in `out_dir`, in order.
        out_dir: the run directory.
        say: takes one line per event.

    Raises:
        AlignrayError: the directory or an input is refused (nothing is done), or a stage failed.
    """
    check_run_dir(out_dir, recipe.name)
    for entry in plan_stages(stages):
        error = entry.error
        if entry.action == "refuse" and error is not None:
            error.add_note(stage_note(entry.stage.name))
            raise error
    _make_run_dir(out_dir)
    with lock_run(out_dir), ExitStack() as stack:
        started = time.time()
        _write_recipe(recipe, stages, out_dir)
        outcomes = [_run_next(stage, out_dir, stack, say) for stage in stages]
        _write_record(recipe, out_dir, outcomes, started)
    return outcomes


def _run_next(
    stage: StagePlan, out_dir: Path, stack: ExitStack, say: Callable[[str], None]
) -> StageOutcome:
    path = out_dir / stage.name
    outlook = inspect_stage(stage.config, stage.verb.name)
    did = "skipped"
    if outlook.state == "differs":
        restored = supersede(path, outlook, out_dir / SUPERSEDED, say)
        did = "restored" if restored else did
        outlook = inspect_stage(stage.config, stage.verb.name)
    if outlook.state == "finished":
        say(f"{stage.name}: finished before, {did}")
        return StageOutcome(stage.name, did, run_stage(stage.verb, stage.config))
    say(f"{stage.name}: {'goes on' if outlook.state == 'resume' else 'starts'}")
    (out_dir / RECORD_NAME).unlink(missing_ok=True)
    try:
        if stage.verb.uses_ray:
            _connect_once(stack)
        record = run_stage(stage.verb, stage.config, _list_superseded(stage.name, out_dir))
    except BaseException as error:
        _write_last_error(out_dir, stage.name, error)
        error.add_note(stage_note(stage.name))
        raise
    return StageOutcome(stage.name, "ran", record)


def supersede(path: Path, outlook: Outlook, aside: Path, say: Callable[[str], None]) -> bool:
    """Moves a stage of other settings aside, and back the one of these settings if there is one.

    Returns:
        Whether a directory with these settings was moved back.
    """
    aside.mkdir(exist_ok=True)
    target = _free_name(aside / f"{path.name}-{outlook.claimed[:8]}")
    path.rename(target)
    say(f"{path.name}: {outlook.error.found if outlook.error else 'differs'}")
    say(f"{path.name}: moved aside to {target}")
    for candidate in sorted(aside.glob(f"{path.name}-{outlook.fingerprint[:8]}*")):
        config = candidate / CONFIG_NAME
        if config.is_file() and read_json(config).get("fingerprint") == outlook.fingerprint:
            candidate.rename(path)
            say(f"{path.name}: moved back from {candidate}")
            return True
    return False


def _free_name(target: Path) -> Path:
    number, free = 2, target
    while free.exists():
        free = target.with_name(f"{target.name}-{number}")
        number += 1
    return free


def _list_superseded(name: str, out_dir: Path) -> list[Path]:
    """Earlier directories of a stage, newest first: their finished rows may be used again."""
    found = [
        path
        for path in (out_dir / SUPERSEDED).glob(f"{name}-*")
        if path.name[len(name) + 1 :].split("-")[0].isalnum() and (path / CONFIG_NAME).is_file()
    ]
    return sorted(found, key=lambda path: (path / CONFIG_NAME).stat().st_mtime, reverse=True)


def _connect_once(stack: ExitStack) -> None:
    """One Ray for all stages: joined or started by the first that needs it, left at the end."""
    from alignray.inference.cluster import connect

    stack.enter_context(connect())


def _make_run_dir(out_dir: Path) -> None:
    try:
        (out_dir / "logs").mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise explain_os_error(error, out_dir) from error


def _write_recipe(recipe: Recipe, stages: Sequence[StagePlan], out_dir: Path) -> None:
    content = {
        "name": recipe.name,
        "description": recipe.description,
        "path": recipe.path,
        "override_file": recipe.override_file,
        "stages": {
            stage.name: {
                "verb": stage.verb.name,
                "after": list(stage.after),
                "config": stage.config.model_dump(mode="json"),
            }
            for stage in stages
        },
    }
    write_json(out_dir / RECIPE_NAME, content)


def _write_record(
    recipe: Recipe, out_dir: Path, outcomes: Sequence[StageOutcome], started: float
) -> None:
    """record.json of the run; left as it is where no stage had anything to do."""
    (out_dir / "logs" / LAST_ERROR).unlink(missing_ok=True)
    if (out_dir / RECORD_NAME).is_file() and all(o.did == "skipped" for o in outcomes):
        return
    content = {
        "recipe": recipe.name,
        "code_version": alignray.__version__,
        "stages": {
            outcome.name: {
                "did": outcome.did,
                **{
                    key: outcome.record.get(key)
                    for key in ("verb", "fingerprint", "counts", "started", "finished", "seconds")
                },
            }
            for outcome in outcomes
        },
        "started": _format_time(started),
        "finished": _format_time(time.time()),
        "seconds": round(time.time() - started, 3),
    }
    write_json(out_dir / RECORD_NAME, content)


def _write_last_error(out_dir: Path, stage: str, error: BaseException) -> None:
    text = str(error) if isinstance(error, AlignrayError) else type(error).__name__
    if isinstance(error, (KeyboardInterrupt, SystemExit)):
        text = "interrupted"
    content = {"stage": stage, "error": text, "time": _format_time(time.time())}
    write_json(out_dir / "logs" / LAST_ERROR, content)


def stage_note(stage: str) -> str:
    """The note that an error carries from the stage it came from."""
    return f"stage {stage}"


def _format_time(seconds: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))
