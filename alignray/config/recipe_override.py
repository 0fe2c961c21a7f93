"""A file whose values go over those of a recipe: the same recipe on other models or data.

    vars: {base: pocket-base}
    stages:
      sample: {engine: {type: fake}}
      dpo: null

It has the form of a recipe, and names variables and stages that the recipe has. Sections are
merged key by key; a section that names another `type` replaces the one below it, as do lists and
all other values. A stage that is null is left out. Arguments go over the file.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from pydantic import Field

from alignray.config.base import Config
from alignray.config.loading import build_config, suggest
from alignray.config.reading import Origin, read_yaml
from alignray.errors import ConfigError


class RecipeOverride(Config):
    """An override file as it is written."""

    vars: dict[str, Any] = Field(default={})
    """Variables of the recipe and their values here."""
    stages: dict[str, dict[str, Any] | None] = Field(default={})
    """Stages of the recipe and the keys that change; null leaves a stage out."""


def apply_override_file(
    content: Mapping[str, Any], origin: Origin, path: str
) -> tuple[dict[str, Any], Origin]:
    """A recipe's content with an override file over it, and where the keys of both stand.

    Raises:
        ConfigError: not an override file, or a variable or stage that the recipe does not have.
    """
    raw, lines = read_yaml(path)
    above = build_config(RecipeOverride, raw, Origin(path, lines))
    for section, what in (("vars", "variable"), ("stages", "stage")):
        known = content.get(section) or {}
        for name in getattr(above, section):
            if name not in known:
                where = Origin(path, lines).locate(f"{section}.{name}")
                raise ConfigError(
                    where, f"the recipe has no {what} `{name}`", "", _hint(name, known)
                )
    merged = {**content, "vars": {**(content.get("vars") or {}), **above.vars}}
    stages = merge_over(content["stages"], above.stages)
    merged["stages"] = {name: keys for name, keys in stages.items() if keys is not None}
    return merged, replace(origin, above=(path, lines))


def merge_over(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """The values below with those above over them, section by section.

    Example: `merge_over({"a": {"x": 1, "y": 2}}, {"a": {"x": 3}})` is `{"a": {"x": 3, "y": 2}}`.
    """
    merged = dict(below)
    for name, value in above.items():
        there = merged.get(name)
        if (
            isinstance(value, Mapping)
            and isinstance(there, Mapping)
            and _is_same_type(there, value)
        ):
            value = merge_over(there, value)
        merged[name] = value
    return merged


def _is_same_type(below: Mapping[str, Any], above: Mapping[str, Any]) -> bool:
    return "type" not in above or above["type"] == below.get("type")


def _hint(name: str, known: Iterable[str]) -> str:
    return suggest(name, known) or f"it has {', '.join(known) or 'none'}"
