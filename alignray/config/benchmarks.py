"""The table of benchmarks: names -> rows, and where the prompts of a row are on this machine.

A name is a row of the table, `NAME.yaml` in `$ALIGNRAY_BENCHMARKS`, or the path of a YAML file. The
prompts are taken from a local copy if there is one (that folder, or beside the user's YAML file),
else from the hub.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from alignray.config.benchmark_spec import BenchmarkSpec
from alignray.config.loading import build_config, suggest
from alignray.config.reading import Origin, read_yaml
from alignray.errors import ConfigError

TABLE_DIR = Path(__file__).parent.parent / "evaluation" / "benchmarks"
FOLDER_VARIABLE = "ALIGNRAY_BENCHMARKS"
_SUFFIXES = (".yaml", ".yml")


@dataclass(frozen=True)
class TableRow:
    """One benchmark and the file that says it.

    Example: `TableRow(spec, Path("alignray/evaluation/benchmarks/xstest.yaml"))`.
    """

    spec: BenchmarkSpec
    file: Path

    def locate(self) -> str:
        """The prompts: a local copy, a built-in source, or the hub's id.

        Raises:
            ConfigError: no local copy, and nothing on the hub that can be read as it is.
        """
        local = self.find_copy()
        if local is not None:
            return str(local)
        source = self.spec.source
        if source.builtin is not None:
            return source.builtin
        if source.hub is not None and source.loads:
            return source.hub
        raise ConfigError(
            f"benchmark {self.spec.name}", "no copy here", "a local one", self.describe_copy()
        )

    def find_copy(self) -> Path | None:
        """The local copy: a file, or the folder of several; None where there is none.

        Raises:
            ConfigError: two files could be it.
        """
        for folder in self._list_folders():
            for pattern in self.spec.files.patterns:
                found = sorted(folder.glob(pattern)) if folder.is_dir() else []
                if found and self.spec.files.many:
                    return folder
                if len(found) > 1:
                    names = " or ".join(str(path) for path in found[:4])
                    where = f"benchmark {self.spec.name}"
                    raise ConfigError(where, "two local copies", f"one of {names}", "give prompts=")
                if found:
                    return found[0]
        return None

    def describe_copy(self) -> str:
        """Where to get the files, and what to call them."""
        source, name = self.spec.source, next(iter(self.spec.files.patterns), "it")
        place = source.url or "its publisher"
        if source.url is None and source.hub is not None:
            repository = source.hub.split("@")[0].split(":")[0]
            gate = " (accept its terms first)" if source.gated else ""
            place = f"https://huggingface.co/datasets/{repository}{gate}"
        folder = f"${FOLDER_VARIABLE}/{self.spec.name}/"
        return f"get it from {place} and put {name} in {folder}, or give prompts=PATH"

    def _list_folders(self) -> Iterator[Path]:
        """Places of a local copy, the most particular first."""
        if self.file.parent != TABLE_DIR:
            yield self.file.parent
        root = find_folder()
        if root is None:
            return
        yield root / self.spec.name
        if not self.spec.files.many:
            yield root
        yield from sorted(path for path in root.iterdir() if path.is_dir())


def find_folder() -> Path | None:
    """The user's folder of benchmarks, `$ALIGNRAY_BENCHMARKS`; None where it is not set.

    Raises:
        ConfigError: it is set and is no folder.
    """
    name = os.environ.get(FOLDER_VARIABLE, "")
    if not name:
        return None
    folder = Path(name).expanduser()
    if not folder.is_dir():
        raise ConfigError(f"${FOLDER_VARIABLE}", f"no folder {name}", "a folder of benchmarks")
    return folder


def list_rows() -> dict[str, Path]:
    """Name -> YAML file of the table and of the user's folder, whose own names win."""
    folder = find_folder()
    own = [] if folder is None else sorted(folder.iterdir())
    files = [*sorted(TABLE_DIR.iterdir()), *own]
    rows = {file.stem: file for file in files if file.suffix in _SUFFIXES}
    return dict(sorted(rows.items()))


def find_row(name: str) -> TableRow:
    """The row of a name or of a YAML file.

    Raises:
        ConfigError: no such row (with the nearest name), or a file that is no benchmark.
    """
    if name.endswith(_SUFFIXES):
        return read_row(Path(name).expanduser())
    rows = list_rows()
    plain = {row.lower().replace("_", "-"): row for row in rows}
    found = name if name in rows else plain.get(name.lower().replace("_", "-"))
    if found is None:
        known = ", ".join(rows)
        do = suggest(name.lower(), rows) or "a benchmark of yours is one YAML file: name its path"
        raise ConfigError("benchmarks", f"no benchmark `{name}`", f"one of {known}", do)
    return read_row(rows[found])


def read_row(file: Path) -> TableRow:
    """The row that a YAML file holds.

    Raises:
        ConfigError: no such file, not YAML, an unknown key, a missing one, another name inside.
    """
    content, lines = read_yaml(str(file))
    spec = build_config(BenchmarkSpec, content, Origin(str(file), lines, frozenset()))
    return TableRow(spec, file.resolve())


def complete_benchmark(value: Any) -> Any:
    """A benchmark of a recipe with what its row says: prompts and kind where they are not given.

    Args:
        value: as the recipe has it: a name, or keys.

    Raises:
        ConfigError: an unknown row, or no copy of it.
    """
    content = {"name": value} if isinstance(value, str) else value
    if not isinstance(content, Mapping) or not isinstance(content.get("name"), str):
        return content
    row = find_row(content["name"])
    completed = dict(content)
    if completed["name"].endswith(_SUFFIXES):
        completed["name"] = str(row.file)
    if completed.get("prompts") is None:
        completed["prompts"] = row.locate()
    kind = row.spec.kind if row.spec.kind != "mixed" else _kind_of(row.spec, content)
    if completed.get("kind") is None and kind is not None:
        completed["kind"] = kind
    return completed


def expand_benchmarks(value: Any) -> Any:
    """The benchmarks of a recipe by name; a mixed one becomes one for each of its subsets.

    Args:
        value: a map of names, a list of rows (`[advbench, xstest]`), or one row.

    Raises:
        ConfigError: as `complete_benchmark`.
    """
    if isinstance(value, str):
        value = [value]
    if not value:
        raise ConfigError("benchmarks", "none", "one at least", "alignray benchmarks lists them")
    if isinstance(value, list | tuple) and all(isinstance(item, str) for item in value):
        twice = next((item for item in value if list(value).count(item) > 1), None)
        if twice is not None:
            raise ConfigError("benchmarks", f"`{twice}` twice", "each benchmark once")
        value = {Path(item).stem if item.endswith(_SUFFIXES) else item: item for item in value}
    if not isinstance(value, Mapping):
        return value
    expanded: dict[Any, Any] = {}
    for name, item in value.items():
        content = complete_benchmark(item)
        if not isinstance(content, Mapping) or "name" not in content or content.get("kind"):
            expanded[name] = content
            continue
        spec, select = find_row(content["name"]).spec, dict(content.get("select") or {})
        for subset, kind in spec.kinds.items():
            if not select.get("subsets") or subset in select["subsets"]:
                part = {"kind": kind, "select": select | {"subsets": [subset]}}
                expanded[f"{name}-{subset}"] = dict(content) | part
    return expanded


def _kind_of(spec: BenchmarkSpec, content: Mapping[str, Any]) -> str | None:
    """The kind of a mixed benchmark of which subsets of one kind are chosen, else None."""
    select = content.get("select")
    subsets = select.get("subsets") if isinstance(select, Mapping) else None
    if not isinstance(subsets, list | tuple) or not subsets:
        return None
    unknown = [name for name in subsets if name not in spec.kinds]
    if unknown:
        known = ", ".join(spec.kinds)
        where = f"benchmark {spec.name}"
        raise ConfigError(where, f"no subset `{unknown[0]}`", f"some of {known}")
    kinds = {spec.kinds[name] for name in subsets}
    return kinds.pop() if len(kinds) == 1 else None
