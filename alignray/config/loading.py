"""YAML file + `key=value` arguments -> a frozen configuration, or one line that says what is wrong.

Arguments override the file. A section given in part keeps the defaults of its stage for the rest
(`sampling: {temperature: 0.7}` in a sampling stage still means n = 5).
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar

from pydantic import ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from alignray.config.base import Config
from alignray.config.fields import Shape, describe_bounds, describe_type, list_fields, parse_shape
from alignray.config.reading import Origin, apply_override, parse_override, read_yaml
from alignray.errors import ConfigError

C = TypeVar("C", bound=Config)

_BOUND_WORDS = {"gt": "above", "ge": "at least", "lt": "below", "le": "at most"}
_LONGEST_VALUE = 80
_MOST_LISTED = 6
"""Keys that an error lists; of more, it points to the help."""


def load_config(cls: type[C], path: str | None, overrides: Sequence[str]) -> C:
    """Loads a stage's configuration.

    Args:
        cls: the configuration class.
        path: a YAML file, or None where arguments say it all.
        overrides: `key=value` arguments, dotted keys, values in YAML.

    Raises:
        ConfigError: an unreadable file, an unknown key, a missing one, a value out of its bounds.
    """
    content, lines = read_yaml(path) if path is not None else ({}, {})
    return build_overridden(cls, content, (path, lines), overrides)


def build_overridden(
    cls: type[C],
    content: Mapping[str, Any],
    place: tuple[str | None, Mapping[str, int]],
    overrides: Sequence[str],
) -> C:
    """Builds a configuration from a file's values and arguments over them.

    Args:
        cls: the configuration class.
        content: what the file says.
        place: the file's name, and the line of each key in it.
        overrides: as in `load_config`.

    Raises:
        ConfigError: as `load_config`.
    """
    content, (path, lines) = dict(content), place
    parsed = [parse_override(text) for text in overrides]
    for override in parsed:
        content = apply_override(content, override)
    origin = Origin(path, dict(lines), frozenset(override.key for override in parsed))
    return build_config(cls, content, origin)


def build_config(cls: type[C], content: Mapping[str, Any], origin: Origin) -> C:
    """Builds a configuration from plain values.

    Raises:
        ConfigError: as `load_config`; the message names the place in `origin`.
    """
    try:
        return cls.model_validate(merge_defaults(cls, content))
    except ValidationError as error:
        raise explain_validation(cls, content, error, origin) from None


def merge_defaults(cls: type[Config], content: Mapping[str, Any]) -> dict[str, Any]:
    """The content with the stage's own defaults in sections that are given in part."""
    merged = dict(content)
    for name, info in cls.model_fields.items():
        default = info.default
        if not isinstance(default, Config) or not isinstance(merged.get(name), Mapping):
            continue
        section = merged[name]
        if "type" not in section or section["type"] == getattr(default, "type", None):
            section = _merge(default.model_dump(exclude_unset=True), section)
        merged[name] = merge_defaults(type(default), section)
    return merged


def _merge(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(below)
    for name, value in above.items():
        nested = isinstance(value, Mapping) and isinstance(merged.get(name), Mapping)
        merged[name] = _merge(merged[name], value) if nested else value
    return merged


def explain_validation(
    cls: type[Config], content: Mapping[str, Any], error: ValidationError, origin: Origin
) -> ConfigError:
    """The first fault as one line; unknown keys come first, they explain missing ones."""
    details = sorted(error.errors(), key=lambda detail: detail["type"] != "extra_forbidden")
    found: dict[str, ErrorDetails] = {}
    for detail in details:
        found.setdefault(_place(cls, detail["loc"]).key, detail)
    detail, *others = found.values()
    first = _explain_detail(cls, content, detail, origin)
    if not others:
        return first
    names = ", ".join(f"`{name}`" for name in list(found)[1:6])
    do = f"{first.do}; see also {names}".removeprefix("; ")
    return ConfigError(first.where, first.found, first.expected, do)


class _Place:
    """Where an error points to: the dotted key, the model around it and the field's definition.

    `listed` is the key as `list_fields` has it: `benchmarks.<name>.kind`.
    """

    def __init__(self, cls: type[Config]) -> None:
        self.key, self.listed, self.model, self.info = "", "", cls, None
        self.variant = ""
        self.shape = Shape("model", {"": cls})

    model: type[Config]
    info: FieldInfo | None

    def step(self, part: int | str) -> bool:
        """Follows one part of pydantic's location; False where it leaves the configuration."""
        if self.shape.kind == "union":
            if part not in self.shape.models:
                return False
            self.variant = f"{self.listed}.type={part}"
            self.shape = Shape("model", {"": self.shape.models[str(part)]})
            return True
        if self.shape.kind == "leaf":
            return False
        self.key = f"{self.key}.{part}".strip(".")
        named = {"map": "<name>", "list": "<i>"}.get(self.shape.kind, part)
        self.listed = f"{self.listed}.{named}".strip(".")
        if self.shape.kind == "model":
            self.model = self.shape.models[""]
            self.info = self.model.model_fields.get(str(part))
            self.shape = parse_shape(self.info.annotation) if self.info else Shape("leaf")
        else:
            self.shape = parse_shape(self.shape.item)
        return True


def _place(cls: type[Config], location: Sequence[int | str]) -> _Place:
    place = _Place(cls)
    for part in location:
        if not place.step(part):
            break
    return place


def _explain_detail(
    cls: type[Config], content: Mapping[str, Any], detail: ErrorDetails, origin: Origin
) -> ConfigError:
    place = _place(cls, detail["loc"])
    where, kind = origin.locate(place.key), detail["type"]
    if kind == "extra_forbidden":
        return explain_unknown_key(cls, place, where)
    if kind == "missing":
        doc = " ".join(((place.info and place.info.description) or "").split())
        gist = re.split(r"[.;:](?:\s|$)", doc)[0]
        return ConfigError(where, f"missing `{place.key}` ({gist[:1].lower()}{gist[1:]})")
    if kind in ("union_tag_not_found", "union_tag_invalid"):
        return _explain_tag(place, detail, where)
    if kind == "value_error":
        prefix = f"`{place.key}`: " if place.key else ""
        return ConfigError(where, prefix + detail["msg"].removeprefix("Value error, "))
    found = f"`{place.key}` is {_show(detail['input'])}"
    return ConfigError(where, found, _expectation(place, detail))


def _explain_tag(place: _Place, detail: ErrorDetails, where: str) -> ConfigError:
    choices = ", ".join(place.shape.models)
    key = f"{place.key}.type"
    if detail["type"] == "union_tag_not_found":
        return ConfigError(where, f"missing `{key}`", f"one of {choices}")
    tag = str(detail.get("ctx", {}).get("tag", ""))
    do = suggest(tag, place.shape.models)
    return ConfigError(where, f"`{key}` is {_show(tag)}", f"one of {choices}", do)


def explain_unknown_key(cls: type[Config], place: _Place, where: str) -> ConfigError:
    """`unknown key ...; did you mean ...?`: the same name elsewhere, or a near one here."""
    keys = sorted(
        {f.key for f in list_fields(cls) if _last_choice(f.variant) in ("", place.variant)}
    )
    parent, _, leaf = place.listed.rpartition(".")
    beside = {k.rpartition(".")[2]: k for k in _sections(keys) if k.rpartition(".")[0] == parent}
    elsewhere = [key for key in keys if key.rpartition(".")[2] == leaf]
    lower = {name.lower(): name for name in beside}
    near = difflib.get_close_matches(leaf.lower(), lower, n=1, cutoff=0.6)
    if elsewhere:
        hint = f"did you mean {' or '.join(f'`{key}`' for key in elsewhere[:3])}?"
    elif near:
        above = place.key.rpartition(".")[0]
        hint = f"did you mean `{f'{above}.{lower[near[0]]}'.strip('.')}`?"
    elif place.variant:
        hint = f"not a key of {place.variant}"
    elif len(beside) <= _MOST_LISTED:
        hint = f"known here: {', '.join(beside)}"
    else:
        nearest = difflib.get_close_matches(leaf.lower(), lower, n=1, cutoff=0.3)
        first = "".join(f"the nearest key is `{beside[lower[name]]}`; " for name in nearest)
        hint = f"{first}--help of the verb lists all"
    return ConfigError(where, f"unknown key `{place.key}`", "", hint)


def _last_choice(variant: str) -> str:
    return variant.rpartition(", ")[2]


def suggest(word: str, choices: Iterable[str]) -> str:
    """`did you mean ...?` with the nearest choice, or nothing where none is near."""
    near = difflib.get_close_matches(word, list(choices), n=1, cutoff=0.6)
    return f"did you mean `{near[0]}`?" if near else ""


def _sections(keys: Sequence[str]) -> list[str]:
    """The keys and the sections above them."""
    parts = [key.split(".") for key in keys]
    return sorted({".".join(p[:i]) for p in parts for i in range(1, len(p) + 1)})


def _expectation(place: _Place, detail: ErrorDetails) -> str:
    for name, word in _BOUND_WORDS.items():
        if name in detail.get("ctx", {}):
            return f"{word} {detail['ctx'][name]}"
    if place.info is None:
        return detail["msg"]
    if place.shape.kind in ("model", "union"):
        return "a section with keys"
    inside = place.shape.kind == "leaf" and place.key.endswith(tuple("0123456789"))
    bounds = describe_bounds(place.info)
    text = describe_type(place.info) + (f", {bounds}" if bounds else "")
    return f"an item of {text}" if inside else text


def _show(value: Any) -> str:
    if isinstance(value, (dict, list)):
        kind = "map" if isinstance(value, dict) else "list"
        return f"a {kind}" if value else f"an empty {kind}"
    text = repr(value)
    return text if len(text) <= _LONGEST_VALUE else f"{text[:_LONGEST_VALUE]}..."
