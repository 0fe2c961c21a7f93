"""Rows as a trainer takes them -> an Arrow table with a schema that is stated, not guessed."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa

from alignray.training.rows.encoding import Row

_TOKENS = pa.list_(pa.int32())
_TYPES: dict[str, pa.DataType] = {
    "input_ids": _TOKENS,
    "labels": _TOKENS,
    "lengths": _TOKENS,
    "weights": pa.list_(pa.float64()),
    "prompt_ids": _TOKENS,
    "chosen_ids": _TOKENS,
    "rejected_ids": _TOKENS,
    "ref_chosen_logps": pa.float64(),
    "ref_rejected_logps": pa.float64(),
    "names": pa.list_(pa.string()),
    "length": pa.int64(),
    "row": pa.int64(),
}


def build_table(rows: Sequence[Row]) -> pa.Table:
    """The rows as a table, with their positions as `row`."""
    numbered = [{**row, "row": position} for position, row in enumerate(rows)]
    schema = pa.schema([(name, _TYPES[name]) for name in numbered[0]])
    return pa.Table.from_pylist(numbered, schema=schema)
