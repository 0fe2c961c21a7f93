"""Two small stages without Ray to try pipelines with: `make` writes lines, `join` reads them."""

from pathlib import Path

from alignray.artifacts import Counts, open_stage, read_record
from alignray.config.base import DataPath, StageConfig
from alignray.durable import write_text
from alignray.verbs import Verb

CALLS: list[str] = []


class MakeConfig(StageConfig):
    text: str = "a"
    failed: int = 0


class JoinConfig(StageConfig):
    source: DataPath
    other: DataPath | None = None
    upper: bool = False
    crash: str | None = None


def run_make(config: MakeConfig):
    stage = open_stage(config, "make")
    if stage.finished:
        return read_record(stage.path)
    CALLS.append(stage.path.name)
    (stage.path / "data").mkdir(exist_ok=True)
    write_text(stage.path / "data" / "lines.txt", config.text)
    return stage.write_record(
        Counts(len(config.text) + config.failed, len(config.text), 0, config.failed)
    )


def run_join(config: JoinConfig, reuse_from: tuple[Path, ...] = ()):
    stage = open_stage(config, "join")
    if stage.finished:
        return read_record(stage.path)
    CALLS.append(stage.path.name)
    if reuse_from:
        CALLS.append(f"reuse {len(reuse_from)}")
    if config.crash and not Path(config.crash).exists():
        raise KeyboardInterrupt if config.crash.endswith("int") else ZeroDivisionError("boom")
    (stage.path / "data").mkdir(exist_ok=True)
    text = (Path(config.source) / "data" / "lines.txt").read_text()
    write_text(stage.path / "data" / "lines.txt", text.upper() if config.upper else text)
    return stage.write_record(Counts(len(text), len(text)))


VERBS = {
    name: Verb(name, f"{__name__}:{cls}", f"{__name__}:run_{name}", "toy", uses_ray=False)
    for name, cls in (("make", "MakeConfig"), ("join", "JoinConfig"))
}
RECIPE = """\
name: toy
stages:
  make: {text: abc}
  side: {verb: make, text: xy}
  join: {source: "@make"}
  last: {verb: join, source: "@join", upper: true}
"""
