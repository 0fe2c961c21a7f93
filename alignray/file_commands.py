"""Commands that read and write files alone: no stage of a recipe, no Ray."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

from alignray.arguments import parse
from alignray.errors import EXIT_FAILED, ConfigError, EvaluationError, SourceError


def _run_report(arguments: list[str], place: list[Path]) -> int:
    from alignray.pipeline import commands

    parsed = parse("report", arguments, ["--out"], [])
    out = [f"out={parsed.out}"] if parsed.out is not None else []
    print(commands.write_reports([*parsed.overrides, *out]))
    return 0


def _run_convert(arguments: list[str], place: list[Path]) -> int:
    from alignray.evaluation.conversion import convert

    parsed = parse("convert", arguments, ["--out"], [], first="directory")
    given = [text.removeprefix("out=") for text in parsed.overrides if text.startswith("out=")]
    forms = [text for text in parsed.overrides if not text.startswith("out=")]
    out = parsed.out or (given[0] if given else None)
    if len(forms) != 1 or out is None:
        found = " ".join(parsed.overrides) or "no format"
        raise ConfigError("arguments", found, "alignray convert DIR FORMAT --out OUT")
    for path in convert(Path(parsed.directory).expanduser(), forms[0], Path(out).expanduser()):
        print(path)
    return 0


def _run_doctor(arguments: list[str], place: list[Path]) -> int:
    from alignray.doctor import render_findings

    parsed = parse("doctor", arguments, [], ["--json"])
    text, healthy = render_findings(as_json=parsed.json)
    print(text)
    return 0 if healthy else EXIT_FAILED


def _run_data(arguments: list[str], place: list[Path]) -> int:
    from alignray.training.check.data_check import check_data
    from alignray.training.check.data_report import check_usable, render_json, render_report

    if arguments[:1] != ["check"]:
        found = f"`{arguments[0]}`" if arguments else "nothing"
        raise ConfigError("alignray data", found, "check", "alignray data check FILE")
    parsed = parse("data", arguments[1:], ["--config"], ["--json"])
    has_file = bool(parsed.overrides) and "=" not in parsed.overrides[0]
    file = parsed.overrides.pop(0) if has_file else None
    report = check_data(file, parsed.config, parsed.overrides)
    colour = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
    print(render_json(report) if parsed.json else render_report(report, colour=colour))
    check_usable(report)
    return 0


def _run_score(arguments: list[str], place: list[Path]) -> int:
    from alignray.evaluation.score import run_score

    parsed = parse("score", arguments, [], ["--json"], first="metric")
    try:
        print(run_score(parsed.metric, parsed.overrides, parsed.json))
    except EvaluationError as error:  # here it is the files that are at fault
        raise SourceError(error.where, error.found, error.expected, error.do) from error
    return 0


def _run_benchmarks(arguments: list[str], place: list[Path]) -> int:
    from alignray.evaluation.benchmarks.table import run_benchmarks

    parsed = parse("benchmarks", arguments, [], ["--json"])
    names = parsed.overrides
    if len(names) > 1:
        raise ConfigError(
            "arguments", f"{names[1]!r}", "one NAME", "see alignray benchmarks --help"
        )
    print(run_benchmarks(names[0] if names else None, parsed.json))
    return 0


FILE_COMMANDS: dict[str, Callable[[list[str], list[Path]], int]] = {
    "report": _run_report,
    "convert": _run_convert,
    "score": _run_score,
    "benchmarks": _run_benchmarks,
    "data": _run_data,
    "doctor": _run_doctor,
}
