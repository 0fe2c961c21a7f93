"""Stage outputs that explain themselves: config.json first, record.json last.

A stage owns one directory. `config.json` is written before any work and claims it; `record.json`
is written after all work and says that it is complete. Opened again with the same fingerprint, a
stage is skipped (record there) or resumed (no record); with another one it is refused, and the
error names the fields that differ. Nothing is written over.

The fingerprint is a hash of the verb, the fields that decide the result and the *content* of the
inputs; where and how fast the stage ran does not enter it (see `alignray.config.base`).
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import alignray
from alignray.config.base import StageConfig
from alignray.durable import compute_file_digest, make_directory, read_json, write_json
from alignray.errors import ArtifactError
from alignray.fingerprint import RECORD_NAME, compute_fingerprint, identify_inputs
from alignray.records import SCHEMA_VERSION

CONFIG_NAME = "config.json"


@dataclass(frozen=True)
class Counts:
    """Where the rows of a stage ended: `rows_in == ok + unscored + failed`, checked."""

    rows_in: int
    ok: int
    unscored: int = 0
    failed: int = 0

    def __post_init__(self) -> None:
        if self.rows_in != self.ok + self.unscored + self.failed:
            raise ArtifactError(
                "row counts",
                f"{self.rows_in} rows in, but {self.ok} ok + {self.unscored} unscored"
                f" + {self.failed} failed",
                "the same number",
                "this is a fault of alignray: please report it",
            )


@dataclass(frozen=True)
class Stage:
    """An opened stage directory."""

    path: Path
    verb: str
    config: StageConfig
    fingerprint: str
    inputs: dict[str, dict[str, str]]
    """Dotted field -> {"name": as configured, "identity": hash of its content}."""
    finished: bool
    """Whether record.json is there: nothing is left to do."""
    started: float

    def write_record(
        self, counts: Counts, metrics: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """Writes record.json, which completes the stage, and returns it.

        `metrics` are also written to metrics.json. Output files are listed with their SHA-256.
        """
        if metrics is not None:
            write_json(self.path / "metrics.json", dict(metrics))
        now = time.time()
        record = {
            "stage": self.path.name,
            "verb": self.verb,
            "config": self.config.model_dump(mode="json"),
            "fingerprint": self.fingerprint,
            "inputs": self.inputs,
            "code_version": alignray.__version__,
            "schema_version": SCHEMA_VERSION,
            "counts": {
                "in": counts.rows_in,
                "ok": counts.ok,
                "unscored": counts.unscored,
                "failed": counts.failed,
            },
            "outputs": _list_outputs(self.path),
            "metrics": dict(metrics or {}),
            "started": _format_time(self.started),
            "finished": _format_time(now),
            "seconds": round(now - self.started, 3),
        }
        write_json(self.path / RECORD_NAME, record)
        return record


def open_stage(config: StageConfig, verb: str) -> Stage:
    """Claims the output directory of a stage, or finds out how far it got.

    Raises:
        ArtifactError: the directory belongs to another configuration, or is not a stage's.
        SourceError, ModelError: an input is missing.
    """
    path = Path(config.output_dir).expanduser()
    inputs = identify_inputs(config)
    fingerprint = compute_fingerprint(config, verb, inputs)
    claim = {
        "verb": verb,
        "fingerprint": fingerprint,
        "config": config.model_dump(mode="json"),
        "inputs": inputs,
    }
    _check_claim(path, claim)
    if not (path / CONFIG_NAME).is_file():
        make_directory(path)
        write_json(path / CONFIG_NAME, claim)
    finished = is_finished(config)
    if not finished:
        (path / RECORD_NAME).unlink(missing_ok=True)
    return Stage(path, verb, config, fingerprint, inputs, finished, time.time())


def is_finished(config: StageConfig) -> bool:
    """Whether nothing is left to do: there is a record, and no failed row is to be tried again."""
    path = Path(config.output_dir).expanduser() / RECORD_NAME
    if not path.is_file():
        return False
    retries = getattr(getattr(config, "pool", None), "retry", "never") == "failed"
    return not (retries and read_json(path)["counts"]["failed"])


def release_claim(output_dir: str | Path) -> None:
    """Gives a directory back whose stage failed before it wrote anything, or only its claim.

    So a missing column or an unknown model leaves nothing behind, and the mended command can use
    the same directory.
    """
    path = Path(output_dir).expanduser()
    claim = path / CONFIG_NAME
    left = [entry for entry in path.rglob("*") if entry.is_file() and entry != claim]
    if path.is_dir() and not left:
        shutil.rmtree(path)


def read_record(stage_dir: Path | str) -> dict[str, Any]:
    """The record of a finished stage.

    Raises:
        ArtifactError: the stage is not finished.
    """
    path = Path(stage_dir) / RECORD_NAME
    if not path.is_file():
        raise ArtifactError(str(stage_dir), "no record.json", "a finished stage", "run it first")
    return read_json(path)


def _check_claim(path: Path, claim: Mapping[str, Any]) -> None:
    if path.is_file():
        raise ArtifactError(str(path), "a file", "a directory for output_dir")
    if not (path / CONFIG_NAME).is_file():
        if path.is_dir() and any(path.iterdir()):
            raise ArtifactError(
                str(path),
                "a directory with other files in it",
                "an empty or new directory, or a stage's own",
                "choose another output_dir",
            )
        return
    claimed = read_json(path / CONFIG_NAME)
    if claimed["fingerprint"] != claim["fingerprint"]:
        raise ArtifactError(
            str(path),
            f"holds the output of another configuration ({describe_difference(claimed, claim)})",
            "",
            "choose another output_dir, or restore these settings",
        )


def describe_difference(claimed: Mapping[str, Any], claim: Mapping[str, Any]) -> str:
    """The fields in which two claims differ, e.g. `sampling.n: 5 there, 3 now`."""
    differences = []
    if claimed.get("verb") != claim["verb"]:
        differences.append(f"verb: {claimed.get('verb')} there, {claim['verb']} now")
    there, now = _flatten(claimed.get("config", {})), _flatten(claim["config"])
    inputs_there, inputs_now = claimed.get("inputs", {}), claim["inputs"]
    for field in sorted(inputs_there.keys() | inputs_now.keys()):
        before, after = inputs_there.get(field, {}), inputs_now.get(field, {})
        names = before.get("name", "none"), after.get("name", "none")
        if before.get("identity") == after.get("identity"):
            continue
        if names[0] == names[1]:
            differences.append(f"content of {field}: {names[0]} has changed")
        else:
            differences.append(f"{field}: {names[0]} there, {names[1]} now")
    for field in sorted(there.keys() | now.keys()):
        ignored = field == "output_dir" or field in inputs_now or field in inputs_there
        if there.get(field) != now.get(field) and not ignored:
            differences.append(f"{field}: {there.get(field)} there, {now.get(field)} now")
    return ", ".join(differences) or "version of alignray"


def _flatten(config: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in config.items():
        if isinstance(value, dict):
            flat |= _flatten(value, f"{prefix}{name}.")
        else:
            flat[f"{prefix}{name}"] = value
    return flat


def _list_outputs(path: Path) -> dict[str, str]:
    """Output files and their SHA-256; not the stage's own books, logs and checkpoints."""
    books = {CONFIG_NAME, RECORD_NAME, "metrics.json"}
    outputs = {}
    for file in sorted(path.rglob("*")):
        name = file.relative_to(path).as_posix()
        top = name.split("/", 1)[0]
        if file.is_file() and name not in books and top not in {"ledger", "logs", "checkpoints"}:
            outputs[name] = compute_file_digest(file)
    return outputs


def _format_time(seconds: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


def counts_from_record(record: Mapping[str, Any]) -> Counts:
    """The counts of a record as `Counts`."""
    counts = record["counts"]
    return Counts(counts["in"], counts["ok"], counts["unscored"], counts["failed"])
