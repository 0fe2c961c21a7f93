"""`alignray <verb> --help`: every key with type, bounds, default and documentation.

Read from the configuration class alone, so that help needs neither Ray nor an engine.
"""

from __future__ import annotations

import inspect
import json
import textwrap
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

from alignray.config.base import Config
from alignray.config.fields import FieldDoc, list_fields

WIDTH = 100


def render_help(cls: type[Config], usage: str) -> str:
    """The help page of one verb.

    Args:
        cls: the verb's configuration class.
        usage: the lines above the keys.
    """
    parts = [usage, "", inspect.cleandoc(cls.__doc__ or ""), "", "Keys (file or key=value):"]
    variant = ""
    for entry in _fold_repeats(list_fields(cls)):
        if entry.variant and entry.variant != variant:
            parts.append(f"\n  With {entry.variant}:")
        variant = entry.variant
        parts.append(render_field(entry))
    return "\n".join(parts) + "\n"


def _fold_repeats(entries: Iterable[FieldDoc]) -> Iterator[FieldDoc]:
    """The keys, where a choice among the same sections as an earlier one refers to that."""
    first: dict[str, str] = {}
    folded = None
    for entry in entries:
        if folded is not None and f"{folded}=" in entry.variant:
            continue
        folded = None
        if entry.key.endswith(".type"):
            place = entry.key.removesuffix(".type")
            if entry.type in first:
                folded = entry.key
                entry = replace(entry, doc=f"{entry.doc} Keys as of {first[entry.type]}.")
            first.setdefault(entry.type, place)
        yield entry


def render_field(entry: FieldDoc) -> str:
    """One key: a head line and its documentation below, e.g. `seed  int, at least 0, default 0`."""
    default = "required" if entry.required else f"default {show_value(entry.default)}"
    facts = ", ".join(part for part in (entry.type, entry.bounds, default) if part)
    indent = "    " if entry.variant else "  "
    lines = [f"{indent}{entry.key}  ({facts})"]
    body = " ".join(entry.doc.split())
    if body:
        lines += textwrap.wrap(
            body, WIDTH, initial_indent=f"{indent}    ", subsequent_indent=f"{indent}    "
        )
    return "\n".join(lines)


def show_value(value: Any) -> str:
    """A default as it would be written in YAML."""
    if isinstance(value, Config):
        return json.dumps(value.model_dump(mode="json", exclude_unset=True))
    if isinstance(value, dict):
        return json.dumps({name: _plain(item) for name, item in value.items()})
    if isinstance(value, (list, tuple)):
        return json.dumps([_plain(item) for item in value])
    return value if isinstance(value, str) and value else json.dumps(_plain(value))


def _plain(value: Any) -> Any:
    return value.model_dump(mode="json") if isinstance(value, Config) else value
