"""What the commands print: dry runs, plans, runs, status. The command line stands on this."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from alignray.config.base import StageConfig
from alignray.config.recipe import Recipe
from alignray.errors import EXIT_OK, EXIT_PARTIAL, AlignrayError, ConfigError
from alignray.pipeline.outlook import Outlook, inspect_stage
from alignray.pipeline.plan import (
    build_stages,
    check_run_dir,
    describe_input,
    plan_stages,
    plan_to_dict,
    render_plan,
)
from alignray.pipeline.run import StageOutcome, run_recipe
from alignray.pipeline.stage_run import count_failed, describe_failed, run_stage
from alignray.pipeline.status import read_status, render_status, status_to_dict
from alignray.pipeline.tables import render_table
from alignray.progress import format_seconds
from alignray.verbs import Verb

_DEFAULT_OUT = "runs/{name}"
_URL_SECRET = re.compile(r"(?<=://)[^/@\s]+@")
_MEANINGS = {
    "new": "would run: the directory is new",
    "resume": "would go on where it stopped",
    "finished": "would be skipped: it is finished",
    "differs": "would be refused",
    "refused": "would be refused",
}


def run_dry(verb: Verb, config: StageConfig) -> None:
    """Prints what a stage would do, and raises what it would be refused with.

    Raises:
        AlignrayError: the stage would be refused.
    """
    outlook, far = inspect_stage(config, verb.name), []
    if outlook.state in ("new", "resume"):
        try:
            far = verb.load_check()(config)
        except AlignrayError as error:
            outlook = replace(outlook, state="refused", error=error)
    print(render_dry_run(verb, config, outlook, far))
    if outlook.error is not None:
        raise outlook.error


def render_dry_run(
    verb: Verb, config: StageConfig, outlook: Outlook, far: Sequence[str] = ()
) -> str:
    """The resolved configuration, what would be read and written, and what would happen.

    Args:
        verb: what would run it.
        config: the configuration.
        outlook: what would happen.
        far: inputs that are not here and were not looked into.
    """
    text = yaml.safe_dump(config.model_dump(mode="json"), sort_keys=False, allow_unicode=True)
    lines = [f"# alignray {verb.name}", hide_secrets(text).rstrip(), "", "# reads"]
    lines += [f"#   {hide_secrets(describe_input(view))}" for view in outlook.inputs]
    lines += ["# writes", f"#   {config.output_dir}"]
    lines += [f"# not looked into, as on the hub: {', '.join(far)}"] if far else []
    lines.append(f"# {_describe(outlook)}")
    return "\n".join(lines)


def run_one(verb: Verb, config: StageConfig, *, as_json: bool) -> int:
    """Runs one stage and returns the exit code."""
    record = run_stage(verb, config)
    if as_json:
        print(json.dumps(record, indent=2, ensure_ascii=False))
    else:
        print(render_outcome(verb.name, config.output_dir, record))
    return _finish({config.output_dir: record})


def render_outcome(name: str, output_dir: str, record: Mapping[str, Any]) -> str:
    """E.g. `sample: 500 rows in, 499 ok, 1 unscored, 0 failed in 1:12 -> runs/x/sample`."""
    counts = record["counts"]
    if not counts["in"]:  # a stage that takes no rows
        return f"{name}: done in {format_seconds(record['seconds'])} -> {output_dir}"
    engines = record["metrics"].get("engines")
    return (
        f"{name}: {counts['in']} rows in, {counts['ok']} ok, {counts['unscored']} unscored,"
        f" {counts['failed']} failed in {format_seconds(record['seconds'])} -> {output_dir}"
        + (f"\n{name}: {engines}" if engines else "")
    )


def render_recipe_plan(recipe: Recipe, out: str | None, as_json: bool) -> str:
    """What `alignray run` would do, as text or JSON.

    Raises:
        AlignrayError: a stage's settings are wrong, or DIR belongs to another recipe.
    """
    out = _clean(out or _DEFAULT_OUT.format(name=recipe.name))
    check_run_dir(Path(out), recipe.name)
    planned = plan_stages(build_stages(recipe, out))
    if as_json:
        return json.dumps(plan_to_dict(recipe, out, planned), indent=2, ensure_ascii=False)
    return render_plan(recipe, out, planned)


def run_all(recipe: Recipe, out: str) -> int:
    """Runs a recipe, prints its tables and returns the exit code."""
    out = _clean(out)
    stages = build_stages(recipe, out)
    outcomes = run_recipe(recipe, stages, Path(out), _say)
    page = write_report(Path(out))
    print(render_outcomes(outcomes))
    numbers = render_numbers(Path(out))
    print(f"\n{numbers}" if numbers else "")
    print(f"report: {page}")
    return _finish({f"{out}/{outcome.name}": outcome.record for outcome in outcomes})


def render_run_status(directory: str, as_json: bool) -> str:
    """Where a run is, as text or JSON."""
    path = Path(directory).expanduser()
    status = read_status(path)
    if as_json:
        return json.dumps(status_to_dict(status), indent=2, ensure_ascii=False)
    return render_status(path, status)


def write_report(run_dir: Path) -> Path:
    """Writes report.html, .json, .csv and .md of a run into it and returns the page's path."""
    from alignray.reports import build_report

    page: Path = build_report(run_dir)[1]
    return page


def write_reports(arguments: Sequence[str]) -> Path:
    """What `alignray report` does: directories and `key=value` options to the page's path."""
    from alignray.config.loading import load_config
    from alignray.config.reporting import ReportConfig
    from alignray.reports import build_report

    is_option = ["=" in text and not Path(text).is_dir() for text in arguments]
    overrides = [text for text, option in zip(arguments, is_option, strict=True) if option]
    directories = [text for text, option in zip(arguments, is_option, strict=True) if not option]
    options = load_config(ReportConfig, None, overrides)
    if not directories:
        raise ConfigError("arguments", "no directory", "alignray report DIR...")
    page: Path = build_report(directories, options)[1]
    return page


def render_outcomes(outcomes: Sequence[StageOutcome]) -> str:
    """One row per stage: what became of it, its counts and its time."""
    head = ["stage", "", "in", "ok", "unscored", "failed", "time"]
    rows = []
    for outcome in outcomes:
        counts = outcome.record["counts"]
        numbers = [str(counts[name]) for name in ("in", "ok", "unscored", "failed")]
        rows.append(
            [outcome.name, outcome.did, *numbers, format_seconds(outcome.record["seconds"])]
        )
    return render_table(head, rows)


def render_numbers(run_dir: Path) -> str:
    """The main numbers of report.json: rates down, models across."""
    from alignray.reports import format_report

    path = run_dir / "report.json"
    return format_report(json.loads(path.read_text(encoding="utf-8"))) if path.is_file() else ""


def hide_secrets(text: str) -> str:
    """The text without user names and passwords in URLs."""
    return _URL_SECRET.sub("***@", text)


def _describe(outlook: Outlook) -> str:
    why = f": {outlook.error}" if outlook.error is not None else ""
    return f"{_MEANINGS[outlook.state]}{why}"


def _finish(records: Mapping[str, Mapping[str, Any]]) -> int:
    """The exit code; names the stages with failed rows."""
    partial = {path: record for path, record in records.items() if count_failed(record)}
    for path, record in partial.items():
        print(f"alignray: {describe_failed(record, path)}", file=sys.stderr)
    return EXIT_PARTIAL if partial else EXIT_OK


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _clean(out: str) -> str:
    return str(Path(out).expanduser())
