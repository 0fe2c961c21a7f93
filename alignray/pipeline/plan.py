"""A recipe and a run directory -> what each stage would do now."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from alignray.config.base import StageConfig
from alignray.config.loading import build_config
from alignray.config.recipe import Recipe, RecipeStage, resolve_fields
from alignray.durable import read_json
from alignray.errors import AlignrayError, ArtifactError
from alignray.pipeline.estimate import Estimate, estimate_stage
from alignray.pipeline.outlook import InputView, Outlook, inspect_stage
from alignray.pipeline.tables import render_table
from alignray.verbs import Verb, get_verb

RECIPE_NAME = "recipe.json"
Action = Literal["skip", "resume", "run", "rerun", "check", "refuse"]
_MEANINGS = {
    "skip": "finished",
    "resume": "goes on where it stopped",
    "run": "new",
    "rerun": "settings or inputs changed: the old directory is moved aside",
    "check": "skipped if what it reads comes out the same, else run anew",
    "refuse": "cannot run",
}


@dataclass(frozen=True)
class StagePlan:
    """One stage of a recipe with its configuration in a run directory."""

    name: str
    verb: Verb
    config: StageConfig
    after: tuple[str, ...]


@dataclass(frozen=True)
class PlannedStage:
    """What a stage would do now."""

    stage: StagePlan
    outlook: Outlook
    action: Action
    estimate: Estimate
    pending: tuple[InputView, ...]
    """Inputs that a stage before it will make."""

    @property
    def error(self) -> AlignrayError | None:
        """Why it refuses or starts anew; inputs that are still to be made are no reason."""
        lost = [view for view in self.outlook.missing if view not in self.pending]
        return lost[0].explain() if lost else self.outlook.error

    @property
    def note(self) -> str:
        """Why, in a few words."""
        if self.error is not None and self.action in ("rerun", "refuse"):
            lost = f"{self.error.where}: " if self.outlook.missing else ""
            return f"{lost}{self.error.found}"
        return _MEANINGS[self.action]


def build_stages(recipe: Recipe, out_dir: str) -> list[StagePlan]:
    """The stages of a recipe with their configurations, all checked, none touched.

    Raises:
        ConfigError: a stage's keys or values are wrong; the message names file and line.
    """
    return [_build_stage(stage, out_dir) for stage in recipe.stages]


def plan_stages(stages: Sequence[StagePlan]) -> list[PlannedStage]:
    """What each stage would do now, in order."""
    planned: list[PlannedStage] = []
    for stage in stages:
        planned.append(_plan_stage(stage, planned))
    return planned


def check_run_dir(out_dir: Path, name: str) -> None:
    """Refuses a directory of another recipe, or one that holds something else.

    Raises:
        ArtifactError: the directory is not this recipe's.
    """
    if out_dir.is_file():
        raise ArtifactError(str(out_dir), "a file", "a directory for --out")
    if (out_dir / RECIPE_NAME).is_file():
        there = read_json(out_dir / RECIPE_NAME).get("name")
        if there != name:
            raise ArtifactError(
                str(out_dir),
                f"a run of recipe `{there}`",
                f"one of `{name}`",
                "choose another --out",
            )
    elif out_dir.is_dir() and any(p.name not in (".lock", "logs") for p in out_dir.iterdir()):
        raise ArtifactError(
            str(out_dir),
            "a directory with other files in it",
            "an empty or new directory, or a run of this recipe",
            "choose another --out",
        )


def render_plan(recipe: Recipe, out_dir: str, planned: Sequence[PlannedStage]) -> str:
    """The plan as text."""
    head = ["stage", "verb", "does", "rows", "requests", "tokens", "why"]
    rows = [
        [
            entry.stage.name,
            entry.stage.verb.name,
            entry.action,
            *(_show_bound(n) for n in _bounds(entry.estimate)),
            "; ".join(part for part in (entry.note, entry.estimate.note) if part),
        ]
        for entry in planned
    ]
    lines = [
        f"{recipe.name}: {' '.join(recipe.description.split())}".rstrip(": "),
        f"into {out_dir}",
    ]
    lines += ["", render_table(head, rows), "", "inputs"]
    for entry in planned:
        lines += [f"  {entry.stage.name}.{text}" for text in describe_inputs(entry)]
    lines += ["", "rows, requests and generated tokens are upper bounds; ? is not known beforehand"]
    return "\n".join(lines)


def describe_inputs(entry: PlannedStage) -> list[str]:
    """One line per input: field, name, and its identity, its maker, or what is wrong with it."""
    pending = {view.field for view in entry.pending}
    lines = []
    for view in entry.outlook.inputs:
        made = "not made yet" if view.field in pending else ""
        lines.append(describe_input(view, made))
    return lines


def describe_input(view: InputView, made: str = "") -> str:
    """E.g. `prompts: pocket:train [name:pocket:train]` or `prompts: p.jsonl [missing: ...]`."""
    problem = f"missing: {view.problem}" if view.problem else ""
    return f"{view.field}: {view.name} [{made or problem or view.identity}]"


def plan_to_dict(recipe: Recipe, out_dir: str, planned: Sequence[PlannedStage]) -> dict[str, Any]:
    """The plan for `--json`."""
    return {
        "recipe": recipe.name,
        "out": out_dir,
        "stages": [
            {
                "stage": entry.stage.name,
                "verb": entry.stage.verb.name,
                "after": list(entry.stage.after),
                "action": entry.action,
                "why": entry.note,
                "rows_at_most": entry.estimate.rows,
                "requests_at_most": entry.estimate.requests,
                "tokens_at_most": entry.estimate.tokens,
                "inputs": [vars(view) for view in entry.outlook.inputs],
                "config": entry.stage.config.model_dump(mode="json"),
            }
            for entry in planned
        ],
    }


def _build_stage(stage: RecipeStage, out_dir: str) -> StagePlan:
    verb = get_verb(stage.verb, stage.origin.locate("verb"))
    config = build_config(verb.load_config_class(), resolve_fields(stage, out_dir), stage.origin)
    return StagePlan(stage.name, verb, config, stage.after)


def _plan_stage(stage: StagePlan, before: Sequence[PlannedStage]) -> PlannedStage:
    working = [e for e in before if e.stage.name in stage.after and e.action != "skip"]
    outlook = inspect_stage(stage.config, stage.verb.name)
    made = tuple(e.stage.config.output_dir for e in working)
    pending = tuple(v for v in outlook.inputs if any(_is_below(v.name, path) for path in made))
    above = {e.stage.config.output_dir: e.estimate for e in before}
    estimate = estimate_stage(stage.config, above)
    lost = [view for view in outlook.missing if view not in pending]
    foreign = outlook.state == "refused" and not outlook.missing
    action: Action
    if foreign or lost or any(e.action == "refuse" for e in working):
        action = "refuse"
    elif working:
        action = "check" if outlook.claimed else "run"
    else:
        action = _ACTIONS[outlook.state]
    return PlannedStage(stage, outlook, action, estimate, pending)


_ACTIONS: dict[str, Action] = {
    "new": "run",
    "resume": "resume",
    "finished": "skip",
    "differs": "rerun",
    "refused": "refuse",
}


def _is_below(name: str, directory: str) -> bool:
    return name == directory or name.startswith(f"{directory}/")


def _bounds(estimate: Estimate) -> tuple[int | None, int | None, int | None]:
    return estimate.rows, estimate.requests, estimate.tokens


def _show_bound(number: int | None) -> str:
    return "?" if number is None else f"{number:,}"
