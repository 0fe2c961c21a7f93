"""Where every number comes from: stages, settings, seeds, inputs and outputs with their hashes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from alignray.reports.page import Block, Fold, Table
from alignray.reports.text import hide_secrets
from alignray.reports.values import show_value

Record = Mapping[str, Any]
_MAX_OUTPUTS = 200


def build_lineage_blocks(records: Sequence[Record]) -> list[Block]:
    """One closed fold with all of it."""
    blocks = [_build_stage_table(records), _build_input_table(records), _build_seed_table(records)]
    settings = [_build_settings_table(record) for record in records]
    outputs = [_build_output_table(record) for record in records]
    shown = [table for table in (*blocks, *settings, *outputs) if table.rows]
    return [Fold("Stages, inputs, seeds, settings and outputs", shown)]


def _build_stage_table(records: Sequence[Record]) -> Table:
    rows = [
        [
            record["stage"],
            record["verb"],
            str(record.get("fingerprint", "–")),
            str(record["code_version"]),
            str(record.get("schema_version", "–")),
            str(record["started"]),
            str(record.get("finished", "–")),
        ]
        for record in records
    ]
    header = ["stage", "verb", "fingerprint", "alignray", "schema", "started", "finished"]
    caption = "Fingerprint: hash of the settings that decide the result and of the inputs' content."
    return Table("Stages", header, rows, caption, text_columns=range(1, 7))


def _build_input_table(records: Sequence[Record]) -> Table:
    rows = [
        [record["stage"], name, hide_secrets(str(found["name"])), str(found["identity"])]
        for record in records
        for name, found in record.get("inputs", {}).items()
    ]
    caption = "Models, adapters, data and rubrics with the hash of their content."
    header = ["stage", "input", "name", "content"]
    return Table("Inputs", header, rows, caption, text_columns=range(1, 4))


def _build_seed_table(records: Sequence[Record]) -> Table:
    rows = [
        [record["stage"], name, show_value(value)]
        for record in records
        for name, value in _flatten(record.get("config", {}))
        if name == "seed" or name.endswith(".seed")
    ]
    return Table("Seeds", ["stage", "setting", "seed"], rows, text_columns=(1,))


def _build_settings_table(record: Record) -> Table:
    rows = [
        [name, hide_secrets(show_value(value))]
        for name, value in _flatten(record.get("config", {}))
    ]
    title = f"Settings of {record['stage']}"
    return Table(title, ["setting", "value"], rows, folded=True, text_columns=(1,))


def _build_output_table(record: Record) -> Table:
    found = list(record.get("outputs", {}).items())
    rows = [[name, str(digest)] for name, digest in found[:_MAX_OUTPUTS]]
    caption = "SHA-256 of each file as it was when the stage was finished."
    if len(found) > _MAX_OUTPUTS:
        caption += f" The first {_MAX_OUTPUTS} of {len(found)}."
    title = f"Outputs of {record['stage']}"
    return Table(title, ["file", "sha-256"], rows, caption, True, text_columns=(1,))


def _flatten(config: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in config.items():
        if isinstance(value, Mapping) and value:
            yield from _flatten(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value
