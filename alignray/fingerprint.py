"""What decides the result of a stage, as a hash: verb, settings and the content of its inputs.

Where and how fast a stage ran does not enter it (see `alignray.config.base`).
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from alignray.config.base import StageConfig
from alignray.durable import compute_file_digest, read_json
from alignray.errors import ArtifactError
from alignray.models import compute_model_identity
from alignray.records import SCHEMA_VERSION

_PREFIX = re.compile(r"^[a-z][a-z0-9-]*:(?=.)")
RECORD_NAME = "record.json"
"""The file that completes a stage; written by `alignray.artifacts`."""


def identify_inputs(config: StageConfig) -> dict[str, dict[str, str]]:
    """The named inputs of a configuration with the identity of their content."""
    identified = {}
    for field, (kind, name) in config.inputs().items():
        identity = compute_model_identity(name) if kind == "model" else compute_data_identity(name)
        identified[field] = {"name": name, "identity": identity}
    return identified


def compute_fingerprint(
    config: StageConfig, verb: str, inputs: Mapping[str, Mapping[str, str]]
) -> str:
    """SHA-256 (32 hex digits) of everything that decides the result of a stage."""
    content = {
        "verb": verb,
        "schema_version": SCHEMA_VERSION,
        "config": config.identity(),
        "inputs": {field: entry["identity"] for field, entry in inputs.items()},
    }
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:32]


def compute_data_identity(name: str) -> str:
    """Identity of a data input: a stage's outputs, the files below a path, or a source's name.

    A finished stage is identified by the hashes of its output files, so that a stage run anew
    with the same result leaves what follows valid. `hh-rlhf:PATH` and `PATH@SUBDIR:SPLIT` count by
    both name and content of the path.
    """
    whole = Path(name).expanduser()
    if whole.exists():
        return _digest_path(whole)
    rest = "" if name.startswith("pocket:") else _PREFIX.sub("", name)
    # `folder:train` looks like `prefix:path`, so what stands before the split is tried as well.
    for named in (rest, rest.rpartition(":")[0], name.rpartition(":")[0]):
        folder, _, below = named.rpartition("@")
        for written, path in ((named, Path(named)), (folder, Path(folder, below))):
            if written and path.expanduser().exists():
                content = _digest_path(path.expanduser())
                return _digest_json([name.replace(written, ""), content])
    return f"name:{name}"


def _digest_path(path: Path) -> str:
    record_path = path / RECORD_NAME
    if record_path.is_file():
        outputs = read_json(record_path).get("outputs")
        if outputs is None:
            raise ArtifactError(
                str(path),
                "the directory of a whole run",
                "one of its stages",
                f"such as {path}/rank",
            )
        return _digest_json(outputs)
    if path.is_file():
        return compute_file_digest(path)[:32]
    files = (file for file in sorted(path.rglob("*")) if file.is_file())
    return _digest_json({str(file.relative_to(path)): compute_file_digest(file) for file in files})


def _digest_json(content: Any) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:32]
