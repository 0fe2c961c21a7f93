"""`alignray <verb>`: reads the arguments and the configuration first, imports the stage after.

Exit codes: 0 done; 1 failed; 2 bad input or configuration, nothing was done; 3 done, but some rows
failed; 130 interrupted. Results go to stdout, everything else to stderr.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import alignray
from alignray.arguments import parse
from alignray.config.base import StageConfig
from alignray.config.recipe import Recipe, load_recipe
from alignray.errors import (
    EXIT_BAD_INPUT,
    EXIT_FAILED,
    EXIT_INTERRUPTED,
    AlignrayError,
    ConfigError,
)
from alignray.file_commands import FILE_COMMANDS
from alignray.usage import render_command_help, render_stage_help, render_usage
from alignray.verbs import VERBS, Verb


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
        of = next((word for word in rest if not word.startswith("-")), None)
        print(render_command_help(name, of))
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
    parsed = parse(verb.name, arguments, options, ["--dry-run", "--json"])
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

    parsed = parse("plan", arguments, ["--out", "--override"], ["--json"], first="recipe")
    print(commands.render_recipe_plan(_load_recipe(parsed), parsed.out, parsed.json))
    return 0


def _run_recipe(arguments: list[str], place: list[Path]) -> int:
    from alignray.pipeline import commands

    options = ["--out", "--override", "--address"]
    parsed = parse("run", arguments, options, ["--dry-run"], first="recipe")
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

    parsed = parse("status", arguments, [], ["--json"], first="directory")
    print(commands.render_run_status(parsed.directory, parsed.json))
    return 0


COMMANDS: dict[str, Callable[[list[str], list[Path]], int]] = {
    "plan": _run_plan,
    "run": _run_recipe,
    "status": _run_status,
    **FILE_COMMANDS,
}


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
    from alignray.pipeline.stage_run import keep_traceback

    notes = "".join(f"{note}: " for note in getattr(error, "__notes__", []))
    if isinstance(error, AlignrayError):
        _complain(f"error: {notes}{error}")
        if error.exit_code != EXIT_BAD_INPUT:
            _complain(keep_traceback(error, place))
        return error.exit_code
    line = (str(error).strip().splitlines() or [""])[0][:300]
    log = keep_traceback(error, place)
    _complain(f"error: {notes}unexpected {type(error).__name__}: {line}; {log}")
    return EXIT_FAILED


def _complain(text: str) -> None:
    print(f"alignray: {text}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
