"""`alignray benchmarks [NAME] [--json]`: the table, or all that one row says."""

from __future__ import annotations

import json
from typing import Any

import yaml

from alignray.config.benchmark_spec import BenchmarkSpec
from alignray.config.benchmarks import FOLDER_VARIABLE, TableRow, find_row, list_rows
from alignray.reports.table import format_table


def run_benchmarks(name: str | None, as_json: bool) -> str:
    """The text that `alignray benchmarks` prints.

    Args:
        name: one row or YAML file; None: all.
        as_json: one JSON value in place of text.

    Raises:
        ConfigError: no such benchmark, or a YAML file that is none.
    """
    if name is not None:
        row = find_row(name)
        return _dump(describe_row(row)) if as_json else render_row(row)
    rows = [find_row(str(file)) for file in list_rows().values()]
    return _dump([describe_row(row) for row in rows]) if as_json else render_table(rows)


def describe_row(row: TableRow) -> dict[str, Any]:
    """A row as JSON-ready values, with its file and the local copy that would be read."""
    spec, copy = row.spec, row.find_copy()
    head = {"name": spec.name, "kind": spec.kind, "n": spec.expected.rows}
    places = {
        "source_name": name_source(spec),
        "local_copy": None if copy is None else str(copy),
        "how_to_get": row.describe_copy() if spec.source.builtin is None else "",
        "file": str(row.file),
    }
    return head | spec.model_dump(mode="json") | places


def render_table(rows: list[TableRow]) -> str:
    """A line for each benchmark: name, kind, prompts, licence, source, caveat."""
    header = ["name", "kind", "n", "licence", "source", "caveat"]
    table = format_table(header, [_list_cells(row.spec) for row in rows])
    return (
        f"{table}\nalignray benchmarks NAME says more; copies are looked for in ${FOLDER_VARIABLE}"
    )


def render_row(row: TableRow) -> str:
    """All that a row says, in the words of its YAML file, and where its prompts are."""
    copy, builtin = row.find_copy(), row.spec.source.builtin
    dump = row.spec.model_dump(mode="json", exclude_defaults=True)
    text = yaml.safe_dump(dump, sort_keys=False, allow_unicode=True, width=100)
    if builtin is not None:
        place = "built in"
    else:
        place = (
            f"local copy: {copy}" if copy is not None else f"no local copy: {row.describe_copy()}"
        )
    return f"{text}\n{place}\n{row.file}"


def name_source(spec: BenchmarkSpec) -> str:
    """Where a benchmark comes from, in one word: hub id, address, or built-in source."""
    source = spec.source
    if source.builtin is not None:
        return source.builtin
    if source.hub is not None and (source.loads or source.url is None):
        return f"{source.hub}{' (gated)' if source.gated else ''}"
    return source.url or "local file"


def _list_cells(spec: BenchmarkSpec) -> list[str]:
    count = "?" if spec.expected.rows is None else str(spec.expected.rows)
    source = name_source(spec).removeprefix("https://").removeprefix("raw.githubusercontent.com/")
    cells = [_shorten(spec.licence, 14), _shorten(source, 44), _shorten(spec.caveat, 60)]
    return [spec.name, spec.kind, count, *cells]


def _shorten(text: str, length: int) -> str:
    words = " ".join(text.split())
    return words if len(words) <= length else words[: length - 3].rstrip() + "..."


def _dump(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False)
