"""A row of a benchmark's file -> prompt, category, subset and gold, by the benchmark's YAML; pure.

Templates are Jinja in its sandbox: columns are values in it, never templates, and a template that
asks for a column that is not there is an error.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import cache
from typing import Any

from jinja2 import StrictUndefined, Template, TemplateError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from alignray.config.benchmark_spec import BenchmarkSpec, GoldSpec, LabelSpec
from alignray.errors import ConfigError, SourceError
from alignray.sources.messages import check_text, describe_columns

_ENVIRONMENT = ImmutableSandboxedEnvironment(
    undefined=StrictUndefined, autoescape=False, keep_trailing_newline=True
)


@dataclass(frozen=True)
class FormedRow:
    """What a row says.

    Example: `FormedRow("Where ...?", "definitions", "safe", None, {"type": "definitions", ...})`.
    """

    prompt: str
    """Before the template."""
    category: str | None
    subset: str | None
    gold: str | None
    row: Mapping[str, Any] = field(default_factory=dict)


def form_row(spec: BenchmarkSpec, values: Mapping[str, Any], where: str) -> FormedRow | None:
    """What a row says by the benchmark's columns; None where its prompt is null.

    Raises:
        SourceError: no column of the prompt or of the gold, or no text in it.
    """
    column = find_column(values, spec.prompt.column)
    if column is None:
        expected = f"one of {', '.join(spec.prompt.column)}"
        raise SourceError(where, describe_columns(values), expected, f"see {spec.name}'s YAML")
    value = values[column]
    if isinstance(value, list) and value:
        value = value[0]
    if value is None:
        return None
    return FormedRow(
        check_text(value, where, column),
        read_label(spec.category, values),
        read_label(spec.subset, values),
        read_gold(spec.gold, values, where) if spec.gold is not None else None,
        values,
    )


def find_column(values: Mapping[str, Any], names: Sequence[str]) -> str | None:
    """The first of the named columns that a row has, as it is spelt there; None without."""
    for name in names:
        if name in values:
            return name
    spelt = {str(name).strip().lower(): name for name in values}
    return next((spelt[name.lower()] for name in names if name.lower() in spelt), None)


def read_label(spec: LabelSpec | None, values: Mapping[str, Any]) -> str | None:
    """The label of a row: its column's value, or the name that the first pattern gives it."""
    column = find_column(values, spec.column) if spec is not None else None
    if spec is None or column is None or values[column] in (None, ""):
        return None
    value = str(values[column])
    for pattern, name in spec.names.items():
        if fnmatchcase(value, pattern):
            return name
    return value


def read_gold(spec: GoldSpec, values: Mapping[str, Any], where: str) -> str:
    """The right answer of a row: a label where there are labels, else the column's text.

    Raises:
        SourceError: no such column, or none of the labels.
    """
    column = find_column(values, spec.column)
    if column is None or values[column] is None:
        raise SourceError(where, "no right answer", f"one of {', '.join(spec.column)}")
    value = values[column]
    text = str(value).strip()
    if not spec.labels:
        return text
    if not isinstance(value, bool) and text.isdecimal() and int(text) < len(spec.labels):
        return spec.labels[int(text)]
    if text.upper() not in spec.labels:
        raise SourceError(where, f"`{column}` is no label", f"one of {', '.join(spec.labels)}")
    return text.upper()


def render_prompt(
    spec: BenchmarkSpec, row: FormedRow, shots: Sequence[FormedRow], where: str
) -> str:
    """The text that the model is asked.

    Raises:
        ConfigError: the template is not Jinja.
        SourceError: it asks for what the row has not.
    """
    template = _compile(spec.prompt.template, spec.name)
    try:
        return template.render(
            prompt=row.prompt, row=row.row, category=row.category, shots=list(shots)
        )
    except (TemplateError, ArithmeticError, TypeError, ValueError, LookupError) as error:
        reason = str(error).split("\n", 1)[0][:120]
        raise SourceError(where, f"the template of {spec.name} fails ({reason})") from error


@cache
def _compile(text: str, name: str) -> Template:
    try:
        return _ENVIRONMENT.from_string(text)
    except TemplateError as error:
        raise ConfigError(f"benchmark {name}", f"`prompt.template`: {error}", "Jinja") from error
