"""What would happen if a stage were run now, without touching anything."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from alignray.artifacts import CONFIG_NAME, describe_difference, is_finished
from alignray.config.base import StageConfig
from alignray.durable import read_json
from alignray.errors import AlignrayError, ArtifactError, SourceError
from alignray.fingerprint import compute_data_identity, compute_fingerprint
from alignray.models import compute_model_identity
from alignray.sources.hub import parse_hub_name
from alignray.sources.pocket_source import POCKET_SOURCE
from alignray.sources.registry import find_source
from alignray.sources.rows import find_local

_DATA_SUFFIXES = {".jsonl", ".json", ".csv", ".tsv", ".parquet", ".txt", ".gz", ".zst", ".arrow"}
State = Literal["new", "resume", "finished", "differs", "refused"]


@dataclass(frozen=True)
class InputView:
    """One named input of a stage.

    Example: `InputView("prompts", "data", "p.jsonl", "9f86...", "")`; an input that is not there
    has an empty identity and the reason as `problem`.
    """

    field: str
    kind: str
    name: str
    identity: str
    problem: str

    def explain(self) -> SourceError:
        """The error of an input that is not there."""
        return SourceError(self.name, self.problem, "", f"see `{self.field}`")


@dataclass(frozen=True)
class Outlook:
    """What a stage would do: start, go on, skip, or refuse and why."""

    state: State
    inputs: tuple[InputView, ...]
    fingerprint: str
    """Empty where an input is missing."""
    claimed: str
    """Fingerprint of what the directory holds; empty where it is new."""
    error: AlignrayError | None = None
    """Why the stage refuses, or how the directory differs."""

    @property
    def missing(self) -> list[InputView]:
        """Inputs that are not there."""
        return [view for view in self.inputs if view.problem]


def inspect_stage(config: StageConfig, verb: str) -> Outlook:
    """The outlook of a stage. Never raises for missing inputs or foreign directories."""
    path = Path(config.output_dir).expanduser()
    try:
        claimed = _read_claim(path)
    except ArtifactError as error:
        return Outlook("refused", _view_inputs(config), "", "", error)
    there = str(claimed.get("fingerprint", ""))
    inputs = _view_inputs(config)
    if any(view.problem for view in inputs):
        lost = next(view for view in inputs if view.problem)
        return Outlook("refused", inputs, "", there, lost.explain())
    identified = {view.field: {"name": view.name, "identity": view.identity} for view in inputs}
    fingerprint = compute_fingerprint(config, verb, identified)
    if not claimed:
        return Outlook("new", inputs, fingerprint, "")
    if there == fingerprint:
        finished = is_finished(config)
        return Outlook("finished" if finished else "resume", inputs, fingerprint, there)
    claim = {"verb": verb, "config": config.model_dump(mode="json"), "inputs": identified}
    return Outlook("differs", inputs, fingerprint, there, _explain(path, claimed, claim))


def _explain(
    path: Path, claimed: Mapping[str, object], claim: Mapping[str, object]
) -> ArtifactError:
    return ArtifactError(
        str(path),
        f"holds the output of another configuration ({describe_difference(claimed, claim)})",
        "",
        "choose another output_dir, or restore these settings",
    )


def _read_claim(path: Path) -> dict[str, object]:
    """What the directory was claimed with; empty where it is new."""
    if path.is_file():
        raise ArtifactError(str(path), "a file", "a directory for output_dir")
    if (path / CONFIG_NAME).is_file():
        return read_json(path / CONFIG_NAME)
    if path.is_dir() and any(path.iterdir()):
        raise ArtifactError(
            str(path),
            "a directory with other files in it",
            "an empty or new directory, or a stage's own",
            "choose another output_dir",
        )
    return {}


def _view_inputs(config: StageConfig) -> tuple[InputView, ...]:
    return tuple(_view(field, kind, name) for field, (kind, name) in config.inputs().items())


def _view(field: str, kind: str, name: str) -> InputView:
    problem, identity = "", ""
    try:
        if kind == "model":
            identity = compute_model_identity(name)
        elif looks_missing(name):
            problem = "no such file or directory"
        else:
            identity = compute_data_identity(name)
    except AlignrayError as error:
        problem = error.found
    except OSError as error:
        problem = f"cannot be read ({error.strerror})"
    return InputView(field, kind, name, identity, problem)


def looks_missing(name: str) -> bool:
    """Whether a data input is a path, and nothing is there.

    Built-in sets (`pocket:train`) and hub ids (`owner/name`) are names, not paths.
    """
    source, rest = find_source(name)
    if source is POCKET_SOURCE:
        return False
    if find_local(rest) is not None:
        return False
    return parse_hub_name(rest) is None or Path(rest).suffix in _DATA_SUFFIXES
