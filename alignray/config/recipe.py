"""Recipes: named stages with their settings, and which stage reads what another one made.

    name: tiny
    vars: {num_prompts: 20}
    stages:
      sample: {prompts: "pocket:train", select: {num_prompts: "${num_prompts}"}}
      rank: {completions: "@sample", judge: {type: fake}}

The verb of a stage is its name, or its `verb`. A text `@stage` or `@stage/sub/path` stands for
`DIR/stage` or `DIR/stage/sub/path`, where DIR is given to `alignray run`; it also says what runs
before what. `@@` at the start is a plain `@`. `${name}` stands for one of `vars`. All other paths
are relative to the current directory, as everywhere. `output_dir` is DIR/stage and is not given.

A file of `--override` has the same form, without a name, and goes over the recipe: sections key by
key (whole where their `type` changes), other values as they are; a stage that is null is left out.
Arguments go over both.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import Any

from pydantic import Field, field_validator

from alignray.config.base import Config
from alignray.config.loading import build_config, suggest
from alignray.config.reading import Origin, Override, apply_override, parse_override, read_yaml
from alignray.config.recipe_override import apply_override_file
from alignray.errors import ConfigError, RecipeError

_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_RESERVED_STAGES = ("logs",)


class RecipeFile(Config):
    """A recipe as it is written."""

    name: str = Field(min_length=1, max_length=64)
    """Name of the recipe: a run directory belongs to one recipe."""
    description: str = ""
    """What the recipe is for."""
    vars: dict[str, Any] = Field(default={})
    """Values that stages use as `${name}`."""
    stages: dict[str, dict[str, Any]] = Field(min_length=1)
    """Stage name -> its verb (the name by default) and the keys of that verb."""

    @field_validator("stages")
    @classmethod
    def _check_stage_names(cls, stages: dict[str, Any]) -> dict[str, Any]:
        for name in stages:
            if not _NAME.fullmatch(name) or name in _RESERVED_STAGES:
                raise ValueError(
                    f"stage name {name!r} must be 1 to 64 of A-Z a-z 0-9 _ - (not logs)"
                )
        return stages


@dataclass(frozen=True)
class RecipeStage:
    """One stage: `fields` are the keys of its verb, with references still as `@stage`."""

    name: str
    verb: str
    fields: dict[str, Any]
    after: tuple[str, ...]
    """Stages whose outputs it reads, in the recipe's order."""
    origin: Origin


@dataclass(frozen=True)
class Recipe:
    """A recipe whose stages are in the order in which they run."""

    name: str
    description: str
    path: str
    stages: tuple[RecipeStage, ...]
    override_file: str | None = None


def load_recipe(
    path: str, overrides: Sequence[str] = (), override_file: str | None = None
) -> Recipe:
    """Loads a recipe.

    Args:
        path: the YAML file.
        overrides: `stage.key=value` and `vars.name=value` arguments.
        override_file: a YAML file over the recipe and under the arguments.

    Raises:
        ConfigError: not a recipe, an unknown stage or variable in an argument or override file.
        RecipeError: references to no stage, or in a circle.
    """
    content, lines = read_yaml(path)
    parsed = [parse_override(text) for text in overrides]
    origin = Origin(path, lines)
    written = build_config(RecipeFile, content, origin)
    if override_file is not None:
        content, origin = apply_override_file(content, origin, override_file)
        written = build_config(RecipeFile, content, origin)
    for override in parsed:
        _check_target(written, override)
    for override in parsed:
        keys = override.keys if override.keys[0] == "vars" else ("stages", *override.keys)
        content = apply_override(content, Override(keys, override.value))
    written = build_config(RecipeFile, content, origin)
    changed = frozenset(f"stages.{override.key}" for override in parsed)
    stages = [
        _build_stage(written, name, replace(origin, arguments=changed, prefix=f"stages.{name}."))
        for name in written.stages
    ]
    ordered = tuple(sort_stages(stages, path))
    return Recipe(written.name, written.description, path, ordered, override_file)


def resolve_fields(stage: RecipeStage, out_dir: str) -> dict[str, Any]:
    """The keys of a stage's configuration in a run directory: no references, with `output_dir`."""

    def locate(reference: str) -> str:
        return f"{out_dir}/{reference}"

    fields: dict[str, Any] = _map_texts(stage.fields, lambda text: _resolve(text, locate))
    return {**fields, "output_dir": locate(stage.name)}


def find_references(value: Any) -> list[str]:
    """All references below a value, e.g. `["pairs/data/train.parquet"]`."""
    return [text[1:] for text in _texts(value) if _is_reference(text)]


def sort_stages(stages: Sequence[RecipeStage], path: str) -> list[RecipeStage]:
    """Stages after those they read from; where it is free, in the order of the file.

    Raises:
        RecipeError: the references go in a circle.
    """
    ordered: list[RecipeStage] = []
    waiting = list(stages)
    while waiting:
        done = {stage.name for stage in ordered}
        ready = next((stage for stage in waiting if done.issuperset(stage.after)), None)
        if ready is None:
            names = ", ".join(stage.name for stage in waiting)
            raise RecipeError(
                path, f"stages wait for each other: {names}", "references without a circle"
            )
        ordered.append(ready)
        waiting.remove(ready)
    return ordered


def _check_target(written: RecipeFile, override: Override) -> None:
    head, *rest = override.keys
    if head == "vars" and rest:
        known, what, name = list(written.vars), "variable", rest[0]
    else:
        known, what, name = list(written.stages), "stage", head
    if name not in known or not rest:
        hint = suggest(name, known) or f"{what}s: {', '.join(known) or 'none'}"
        raise ConfigError(
            "arguments", f"no {what} `{name}` in `{override.key}`", "stage.key=value", hint
        )


def _build_stage(written: RecipeFile, name: str, origin: Origin) -> RecipeStage:
    fields = _map_texts(written.stages[name], lambda text: _insert(text, written.vars, origin))
    verb = fields.pop("verb", name)
    if not isinstance(verb, str):
        raise RecipeError(origin.locate("verb"), f"`{name}.verb` is {verb!r}", "a verb")
    if "output_dir" in fields:
        raise RecipeError(
            origin.locate("output_dir"), f"`{name}.output_dir`", "none: it is DIR/stage"
        )
    used = {_check_reference(text, written, origin) for text in find_references(fields)}
    after = tuple(other for other in written.stages if other in used)
    return RecipeStage(name, verb, fields, after, origin)


def _check_reference(reference: str, written: RecipeFile, origin: Origin) -> str:
    name = reference.split("/")[0]
    if name not in written.stages:
        hint = suggest(name, written.stages) or f"stages: {', '.join(written.stages)}"
        raise RecipeError(origin.locate(""), f"`@{reference}`: no stage `{name}`", "", hint)
    if ".." in PurePosixPath(reference).parts:
        raise RecipeError(
            origin.locate(""), f"`@{reference}`", "a path inside the stage's directory"
        )
    return name


def _insert(text: str, variables: Mapping[str, Any], origin: Origin) -> Any:
    for name in _VARIABLE.findall(text):
        if name not in variables:
            hint = suggest(name, variables) or f"vars: {', '.join(variables) or 'none'}"
            raise RecipeError(origin.locate(""), f"no variable `{name}` in {text!r}", "", hint)
    whole = _VARIABLE.fullmatch(text)
    if whole:
        return variables[whole[1]]
    return _VARIABLE.sub(lambda match: str(variables[match[1]]), text)


def _resolve(text: str, locate: Callable[[str], str]) -> str:
    if text.startswith("@@"):
        return text[1:]
    return locate(text[1:]) if _is_reference(text) else text


def _is_reference(text: str) -> bool:
    return text.startswith("@") and not text.startswith("@@")


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, (Mapping, list)):
        for item in value.values() if isinstance(value, Mapping) else value:
            yield from _texts(item)


def _map_texts(value: Any, change: Callable[[str], Any]) -> Any:
    if isinstance(value, str):
        return change(value)
    if isinstance(value, Mapping):
        return {name: _map_texts(item, change) for name, item in value.items()}
    return [_map_texts(item, change) for item in value] if isinstance(value, list) else value
