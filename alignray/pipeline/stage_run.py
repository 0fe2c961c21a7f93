"""Running one stage: check, lock, run, and what to say of the failed rows."""

from __future__ import annotations

import inspect
import tempfile
import time
import traceback
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from alignray.artifacts import CONFIG_NAME, read_record, release_claim
from alignray.config.base import StageConfig
from alignray.durable import make_directory, write_text
from alignray.errors import AlignrayError
from alignray.pipeline.locks import lock_stage
from alignray.pipeline.outlook import inspect_stage
from alignray.verbs import Verb


def run_stage(verb: Verb, config: StageConfig, reuse_from: Sequence[Path] = ()) -> dict[str, Any]:
    """Runs a stage, or goes on with it, and returns its record; a finished one is only read.

    Args:
        verb: what runs it.
        config: its configuration.
        reuse_from: directories of the same stage under other settings, newest first; given to
            stages that take it.

    Raises:
        AlignrayError: the stage refuses (bad input, another configuration) or fails.
    """
    path = Path(config.output_dir).expanduser()
    outlook = inspect_stage(config, verb.name)
    if outlook.state == "finished":
        if getattr(config, "push_to_hub", False):
            verb.load_run()(config)  # pushes what an earlier run could not, and nothing else
        return read_record(path)
    if outlook.error is not None:
        raise outlook.error
    with lock_stage(path):
        run = verb.load_run()
        takes_rows = reuse_from and "reuse_from" in inspect.signature(run).parameters
        try:
            return run(config, **({"reuse_from": tuple(reuse_from)} if takes_rows else {}))
        except AlignrayError:
            release_claim(path)
            raise


def count_failed(record: Mapping[str, Any]) -> int:
    """Rows of a finished stage that failed."""
    return int(record["counts"]["failed"])


def describe_failed(record: Mapping[str, Any], stage_dir: str) -> str:
    """The line about failed rows, e.g. `3 of 200 rows failed; they are named in DIR/data ...`."""
    counts = record["counts"]
    return (
        f"{counts['failed']} of {counts['in']} rows failed; they are named in {stage_dir}/data"
        " (status = failed, with reason)"
    )


def keep_traceback(error: BaseException, directory: Path | None) -> str:
    """Writes the traceback of an error to a log file and says where, or why it could not.

    Args:
        error: the error.
        directory: a run's or a stage's directory; its `logs/` gets the file where it is one of
            ours, else the system's temporary directory does.
    """
    name = f"error-{time.strftime('%Y%m%dT%H%M%S')}-{error.__class__.__name__}.log"
    text = "".join(traceback.format_exception(error))
    ours = directory is not None and any(
        (directory / file).is_file() for file in (CONFIG_NAME, "recipe.json")
    )
    places = [directory / "logs" / name] if ours and directory is not None else []
    problems = []
    try:
        places.append(Path(tempfile.gettempdir()) / f"alignray-{uuid.uuid4().hex[:8]}-{name}")
    except OSError:  # none of the usual directories takes a file
        problems.append("no temporary directory can be written")
    for place in places:
        try:
            make_directory(place.parent)
            write_text(place, text)
            return f"traceback in {place}"
        except AlignrayError as problem:
            problems.append(f"{place.parent}: {problem.found}")
    return f"traceback not written ({', '.join(problems)})"
