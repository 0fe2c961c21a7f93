"""Any JSON object as tables: what a stage measured shows even if the page knows it not; pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from alignray.reports.page import Block, Table
from alignray.reports.svg import format_number

_MAX_ROWS = 40
_MAX_ITEMS = 20


def build_blocks(
    values: Mapping[str, Any], prefix: str = "", folded: bool = False
) -> Iterator[Block]:
    """Plain values in one table, each table-like value in one of its own."""
    plain: list[list[str]] = []
    tables: list[Table] = []
    for name, value in _flatten(values):
        rows = _as_rows(value)
        if rows is None:
            plain.append([name, show_value(value)])
        else:
            tables.append(_build_row_table(f"{prefix}{name}", rows, folded))
    if plain:
        yield Table(f"{prefix}numbers", ["number", "value"], plain, folded=folded)
    yield from tables


def show_value(value: Any) -> str:
    """A JSON value as short text; an estimate with its interval as one."""
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return format_number(value)
    if isinstance(value, list):
        text = ", ".join(show_value(item) for item in value[:_MAX_ITEMS])
        return f"{text}, …" if len(value) > _MAX_ITEMS else text
    if is_estimate(value):
        return _show_estimate(value)
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {show_value(item)}" for name, item in value.items()) or "–"
    return str(value)


def is_estimate(value: Any) -> bool:
    """Whether a value is an object with a value and its interval."""
    return isinstance(value, Mapping) and {"value", "ci_low", "ci_high"} <= value.keys()


def _show_estimate(value: Mapping[str, Any]) -> str:
    if value["value"] is None:
        return "–"
    text = format_number(value["value"])
    if value["ci_low"] is not None:
        text += f" [{format_number(value['ci_low'])}, {format_number(value['ci_high'])}]"
    return f"{text}, n = {value['n']:,}" if "n" in value else text


def _flatten(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in values.items():
        nested = isinstance(value, Mapping) and value and not is_estimate(value)
        if nested and _as_rows(value) is None:
            yield from _flatten(value, f"{prefix}{name} / ")
        else:
            yield f"{prefix}{name}", value


def _as_rows(value: Any) -> list[dict[str, Any]] | None:
    """A list of objects, or an object of alike objects, as table rows; None for all else."""
    if isinstance(value, Mapping):
        inner = list(value.values())
        alike = len(inner) > 1 and all(isinstance(item, Mapping) and item for item in inner)
        if not alike or is_estimate(inner[0]) or len({tuple(item) for item in inner}) > 1:
            return None
        return [{"": name, **dict(_flatten(item))} for name, item in value.items()]
    if isinstance(value, list) and value and all(isinstance(item, Mapping) for item in value):
        return [dict(_flatten(item)) for item in value]
    return None


def _build_row_table(title: str, rows: Sequence[Mapping[str, Any]], folded: bool) -> Table:
    header = list(dict.fromkeys(name for row in rows for name in row))
    shown = [[show_value(row.get(name)) for name in header] for row in rows[:_MAX_ROWS]]
    caption = f"The first {_MAX_ROWS} of {len(rows)}." if len(rows) > _MAX_ROWS else ""
    return Table(title, header, shown, caption, folded)
