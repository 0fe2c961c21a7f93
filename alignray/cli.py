"""`alignray <verb>`: reads the arguments and the configuration first, imports the stage after.

Exit codes: 0 done; 1 failed; 2 bad input or configuration, nothing was done; 3 done, but some rows
failed; 130 interrupted. Results go to stdout, everything else to stderr.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NoReturn

import alignray
from alignray.config.base import StageConfig
from alignray.config.recipe import Recipe, load_recipe
from alignray.errors import (
    EXIT_BAD_INPUT,
    EXIT_FAILED,
    EXIT_INTERRUPTED,
    AlignrayError,
    ConfigError,
    EvaluationError,
    SourceError,
)
from alignray.usage import render_command_help, render_stage_help, render_usage
from alignray.verbs import VERBS, Verb


class _Parser(argparse.ArgumentParser):
    """Errors as one line, like all others."""

    def error(self, message: str) -> NoReturn:
        hint = "keys are key=value, without dashes" if "unrecognized" in message else ""
        raise ConfigError("arguments", message, "", hint or f"see {self.prog} --help")


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command and returns its exit code."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    _end_on_sigterm()
    # Ray starts itself again when a thread of an ending run still asks it something.
    os.environ.setdefault("RAY_ENABLE_AUTO_CONNECT", "0")
    place: list[Path] = []
    try:
        return _dispatch(arguments, place)
    except (KeyboardInterrupt, SystemExit) as stop:
        if isinstance(stop, SystemExit) and stop.code != signal.SIGTERM:  # Ray turns it into this
            raise
        _complain("interrupted: run the same command again to go on")
        return EXIT_INTERRUPTED
    except BrokenPipeError:  # e.g. `alignray status DIR | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_FAILED
    except Exception as error:
        return _explain(error, place[0] if place else None)


def _dispatch(arguments: list[str], place: list[Path]) -> int:
    """Runs the command; `place` gets the output directory once it is known, for tracebacks."""
    if not arguments or arguments[0] in ("-h", "--help", "help"):
        print(render_usage())
        return 0 if arguments else EXIT_BAD_INPUT
    name, rest = arguments[0], arguments[1:]
    if name == "--version":
        print(f"alignray {alignray.__version__}")
        return 0
    wants_help = any(argument in ("-h", "--help") for argument in rest)
    if name in VERBS:
        if wants_help:
            print(render_stage_help(VERBS[name]), end="")
            return 0
        return _run_verb(VERBS[name], rest, place)
    command = COMMANDS.get(name)
    if command is not None and wants_help:
        print(render_command_help(name))
        return 0
    if command is None:
        from alignray.config.loading import suggest

        known = [*VERBS, *COMMANDS]
        hint = suggest(name, known) or "see alignray --help"
        raise ConfigError("alignray", f"no verb `{name}`", f"one of {', '.join(known)}", hint)
    return command(rest, place)


def _run_verb(verb: Verb, arguments: list[str], place: list[Path]) -> int:
    from alignray.pipeline import commands

    options = ["--config", "--address", *(["--deepspeed"] if verb.takes_launch_file else [])]
    parsed = _parse(verb.name, arguments, options, ["--dry-run", "--json"])
    config = _load_config(verb, parsed)
    place.append(Path(config.output_dir).expanduser())
    if parsed.dry_run:
        commands.run_dry(verb, config)
        return 0
    _set_address(parsed.address)
    return commands.run_one(verb, config, as_json=parsed.json)


def _load_config(verb: Verb, parsed: Any) -> StageConfig:
    """The configuration; each key of another project's file is explained on stderr."""
    from alignray.config.loading import load_config

    cls = verb.load_config_class()
    if verb.positional and parsed.overrides and "=" not in parsed.overrides[0]:
        parsed.overrides[0] = f"{verb.positional}={parsed.overrides[0]}"
    if not verb.takes_launch_file:
        return load_config(cls, parsed.config, parsed.overrides)
    from alignray.config.training_files import load_training_config

    files = (parsed.config, parsed.deepspeed)
    config, notes = load_training_config(cls, files, parsed.overrides)
    for note in notes:
        _complain(note)
    return config


def _run_plan(arguments: list[str], place: list[Path]) -> int:
    from alignray.pipeline import commands

    parsed = _parse("plan", arguments, ["--out", "--override"], ["--json"], first="recipe")
    print(commands.render_recipe_plan(_load_recipe(parsed), parsed.out, parsed.json))
    return 0


def _run_recipe(arguments: list[str], place: list[Path]) -> int:
    from alignray.pipeline import commands

    options = ["--out", "--override", "--address"]
    parsed = _parse("run", arguments, options, ["--dry-run"], first="recipe")
    if parsed.dry_run:
        print(commands.render_recipe_plan(_load_recipe(parsed), parsed.out, False))
        return 0
    if parsed.out is None:
        raise ConfigError("arguments", "no --out", "alignray run RECIPE --out DIR")
    place.append(Path(parsed.out).expanduser())
    _set_address(parsed.address)
    return commands.run_all(_load_recipe(parsed), parsed.out)


def _load_recipe(parsed: Any) -> Recipe:
    return load_recipe(parsed.recipe, parsed.overrides, parsed.override)


def _run_status(arguments: list[str], place: list[Path]) -> int:
    from alignray.pipeline import commands

    parsed = _parse("status", arguments, [], ["--json"], first="directory")
    print(commands.render_run_status(parsed.directory, parsed.json))
    return 0


def _run_report(arguments: list[str], place: list[Path]) -> int:
    from alignray.pipeline import commands

    print(commands.write_reports(_parse("report", arguments, [], []).overrides))
    return 0


def _run_convert(arguments: list[str], place: list[Path]) -> int:
    from alignray.evaluation.conversion import convert

    parsed = _parse("convert", arguments, ["--out"], [], first="directory")
    if len(parsed.overrides) != 1 or parsed.out is None:
        found = " ".join(parsed.overrides) or "no format"
        raise ConfigError("arguments", found, "alignray convert DIR FORMAT --out OUT")
    out = Path(parsed.out).expanduser()
    for path in convert(Path(parsed.directory).expanduser(), parsed.overrides[0], out):
        print(path)
    return 0


def _run_doctor(arguments: list[str], place: list[Path]) -> int:
    from alignray.doctor import render_findings

    parsed = _parse("doctor", arguments, [], ["--json"])
    text, healthy = render_findings(as_json=parsed.json)
    print(text)
    return 0 if healthy else EXIT_FAILED


def _run_data(arguments: list[str], place: list[Path]) -> int:
    from alignray.training.check.data_check import check_data
    from alignray.training.check.data_report import check_usable, render_json, render_report

    if arguments[:1] != ["check"]:
        found = f"`{arguments[0]}`" if arguments else "nothing"
        raise ConfigError("alignray data", found, "check", "alignray data check FILE")
    parsed = _parse("data", arguments[1:], ["--config"], ["--json"])
    has_file = bool(parsed.overrides) and "=" not in parsed.overrides[0]
    file = parsed.overrides.pop(0) if has_file else None
    report = check_data(file, parsed.config, parsed.overrides)
    colour = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
    print(render_json(report) if parsed.json else render_report(report, colour=colour))
    check_usable(report)
    return 0


def _run_score(arguments: list[str], place: list[Path]) -> int:
    from alignray.evaluation.score import run_score

    parsed = _parse("score", arguments, [], ["--json"], first="metric")
    try:
        print(run_score(parsed.metric, parsed.overrides, parsed.json))
    except EvaluationError as error:  # here it is the files that are at fault
        raise SourceError(error.where, error.found, error.expected, error.do) from error
    return 0


def _run_benchmarks(arguments: list[str], place: list[Path]) -> int:
    from alignray.evaluation.benchmarks.table import run_benchmarks

    parsed = _parse("benchmarks", arguments, [], ["--json"])
    names = parsed.overrides
    if len(names) > 1:
        raise ConfigError(
            "arguments", f"{names[1]!r}", "one NAME", "see alignray benchmarks --help"
        )
    print(run_benchmarks(names[0] if names else None, parsed.json))
    return 0


COMMANDS: dict[str, Callable[[list[str], list[Path]], int]] = {
    "plan": _run_plan,
    "run": _run_recipe,
    "status": _run_status,
    "report": _run_report,
    "convert": _run_convert,
    "score": _run_score,
    "benchmarks": _run_benchmarks,
    "data": _run_data,
    "doctor": _run_doctor,
}


def _parse(
    name: str, arguments: list[str], options: list[str], flags: list[str], first: str | None = None
) -> Any:
    """The arguments of one command; what is neither option nor flag is a `key=value`."""
    parser = _Parser(f"alignray {name}", allow_abbrev=False, add_help=False)
    for option in options:
        parser.add_argument(option)
    for flag in flags:
        parser.add_argument(flag, action="store_true")
    parser.add_argument("overrides", nargs="*")
    parsed = parser.parse_intermixed_args(arguments)
    if first is not None:
        if not parsed.overrides:
            raise ConfigError("arguments", f"no {first}", f"alignray {name} {first.upper()}")
        setattr(parsed, first, parsed.overrides.pop(0))
    if name in ("status", "doctor") and parsed.overrides:
        extra = parsed.overrides[0]
        raise ConfigError("arguments", f"{extra!r}", "", f"see alignray {name} --help")
    return parsed


def _set_address(address: str | None) -> None:
    if address is not None:
        os.environ["RAY_ADDRESS"] = address


def _end_on_sigterm() -> None:
    """`ray job stop` and schedulers end politely: like Ctrl-C."""

    def interrupt(number: int, frame: object) -> None:
        raise KeyboardInterrupt

    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, interrupt)


def _explain(error: Exception, place: Path | None) -> int:
    from alignray.pipeline.stage_run import write_traceback

    notes = "".join(f"{note}: " for note in getattr(error, "__notes__", []))
    if isinstance(error, AlignrayError):
        _complain(f"error: {notes}{error}")
        if error.exit_code != EXIT_BAD_INPUT:
            _complain(f"traceback in {write_traceback(error, place)}")
        return error.exit_code
    line = (str(error).strip().splitlines() or [""])[0][:300]
    log = write_traceback(error, place)
    _complain(f"error: {notes}unexpected {type(error).__name__}: {line}; traceback in {log}")
    return EXIT_FAILED


def _complain(text: str) -> None:
    print(f"alignray: {text}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
