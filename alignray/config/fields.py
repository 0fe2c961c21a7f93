"""The fields of a configuration class as a flat list: what `--help` prints and errors suggest.

A configuration is a tree of models, lists, maps and unions on `type`; here it is read from the
annotations into dotted keys such as `engine.resources.num_cpus`. Pydantic alone is needed.
"""

from __future__ import annotations

import types
import typing
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from alignray.config.base import Config, InputMarker, get_input_kind

TYPE_NAMES: dict[Any, str] = {bool: "true | false", int: "int", float: "float", str: "text"}


@dataclass(frozen=True)
class FieldDoc:
    """One key of a configuration.

    Example: `FieldDoc("sampling.n", "", "int", "1 to 1024", 5, False, "Responses per prompt.")`.
    """

    key: str
    """Dotted; `<name>` and `<i>` stand for the names of a map and the positions of a list."""
    variant: str
    """`engine.type=vllm` where the key exists for that choice alone, else empty; choices within
    choices are joined by a comma."""
    type: str
    bounds: str
    default: Any
    required: bool
    doc: str


@dataclass(frozen=True)
class Shape:
    """What an annotation is made of: a leaf, a model, a union of models, a list or a map."""

    kind: Literal["leaf", "model", "union", "list", "map"]
    models: dict[str, type[Config]] = field(default_factory=dict)
    """The model under "", or the models of a union by their `type`."""
    item: Any = None
    """Annotation of the items of a list or of the values of a map."""


def parse_shape(annotation: Any) -> Shape:
    """The shape of an annotation; `| None` and `Annotated` make no difference."""
    annotation = _peel(annotation)
    origin, arguments = get_origin(annotation), get_args(annotation)
    if _is_config(annotation):
        return Shape("model", {"": annotation})
    if _is_union(origin):
        members = [_peel(argument) for argument in arguments]
        if members and all(_is_config(member) for member in members):
            return Shape("union", {_tag_of(member): member for member in members})
        return Shape("leaf")
    if origin in (list, tuple) and arguments:
        return Shape("list", item=arguments[0])
    if origin is dict:
        return Shape("map", item=arguments[1])
    return Shape("leaf")


def list_fields(cls: type[Config], values: Config | None = None) -> list[FieldDoc]:
    """All keys of a configuration class in the order of its definition.

    Args:
        cls: the configuration class.
        values: an instance whose values are the defaults; the class's own otherwise.
    """
    return list(_walk(cls, values, "", ""))


def describe_type(info: FieldInfo) -> str:
    """The type of a field in a user's words, e.g. `"score" | "rank"` or `map of model path`."""
    kind = get_input_kind(info)
    text = _describe(info.annotation)
    return text.replace("text", f"{kind} path", 1) if kind else text


def describe_bounds(info: FieldInfo) -> str:
    """The bounds of a field, e.g. `1 to 64`, `above 0`, `at least 1 character`; empty without."""
    bounds = _collect_bounds(info)
    low, high = bounds.get("ge"), bounds.get("le")
    if low is not None and high is not None:
        return f"{low:g} to {high:g}" if max(abs(low), abs(high)) < 1e6 else f"{low} to {high}"
    words = {"gt": "above {}", "ge": "at least {}", "lt": "below {}", "le": "at most {}"}
    parts = [text.format(bounds[name]) for name, text in words.items() if name in bounds]
    if bounds.get("min_length"):
        parts.append("not empty")
    if bounds.get("pattern"):
        parts.append(f"matching {bounds['pattern']}")
    return ", ".join(parts)


def _walk(
    cls: type[Config], values: Config | None, prefix: str, variant: str
) -> Iterator[FieldDoc]:
    for name, info in cls.model_fields.items():
        key = f"{prefix}{name}"
        default = _default_of(info) if values is None else getattr(values, name)
        shape = parse_shape(info.annotation)
        if name == "type" and variant.rpartition(", ")[2].startswith(f"{prefix}type="):
            continue  # listed with the union itself
        if shape.kind in ("model", "union") and default is not None:
            yield from _walk_models(shape, default, key, variant, info)
            continue
        required = values is None and info.is_required()
        documented = FieldDoc(
            key,
            variant,
            describe_type(info),
            describe_bounds(info),
            default,
            required,
            info.description or "",
        )
        yield documented
        yield from _walk_items(shape, key, variant, info)


def _walk_models(
    shape: Shape, default: Any, key: str, variant: str, info: FieldInfo
) -> Iterator[FieldDoc]:
    values = default if isinstance(default, Config) else None
    if shape.kind == "model":
        yield from _walk(shape.models[""], values, f"{key}.", variant)
        return
    tags = list(shape.models)
    chosen = getattr(values, "type", PydanticUndefined)
    kinds = " | ".join(tags)
    doc = info.description or ""
    yield FieldDoc(f"{key}.type", variant, kinds, "", chosen, values is None, doc)
    for tag, model in shape.models.items():
        own = values if isinstance(values, model) else None
        inner = f"{key}.type={tag}"
        yield from _walk(model, own, f"{key}.", f"{variant}, {inner}" if variant else inner)


def _walk_items(shape: Shape, key: str, variant: str, info: FieldInfo) -> Iterator[FieldDoc]:
    if shape.kind in ("model", "union"):
        yield from _walk_models(shape, PydanticUndefined, key, variant, info)
        return
    if shape.kind not in ("list", "map"):
        return
    inner = parse_shape(shape.item)
    if inner.kind in ("model", "union"):
        place = "<name>" if shape.kind == "map" else "<i>"
        yield from _walk_models(inner, PydanticUndefined, f"{key}.{place}", variant, info)


def _default_of(info: FieldInfo) -> Any:
    if info.is_required():
        return PydanticUndefined
    return info.get_default(call_default_factory=True)


def _peel(annotation: Any) -> Any:
    """The annotation without `Annotated[...]` and `| None`."""
    while True:
        if get_origin(annotation) is Annotated:
            annotation = get_args(annotation)[0]
        elif _is_union(get_origin(annotation)):
            members = [a for a in get_args(annotation) if a is not type(None)]
            if len(members) != 1:
                return Union[tuple(members)]  # noqa: UP007 (built at run time)
            annotation = members[0]
        else:
            return annotation


def _is_union(origin: Any) -> bool:
    return origin in (Union, types.UnionType)


def _is_config(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, Config)


def _tag_of(cls: type[Config]) -> str:
    return str(get_args(cls.model_fields["type"].annotation)[0])


def _describe(annotation: Any) -> str:
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        kinds = [m.kind for m in annotation.__metadata__ if isinstance(m, InputMarker)]
        return f"{kinds[0]} path" if kinds else _describe(arguments[0])
    if _is_union(origin):
        return " | ".join("null" if a is type(None) else _describe(a) for a in arguments)
    if origin is Literal:
        return " | ".join(_show(choice) for choice in arguments)
    if origin in (list, tuple):
        return f"list of {_describe(arguments[0])}"
    if origin is dict:
        return f"map of {_describe(arguments[1])}"
    if _is_config(annotation):
        return "section"
    return TYPE_NAMES.get(annotation, "any" if annotation is typing.Any else str(annotation))


def _show(choice: Any) -> str:
    return str(choice).lower() if isinstance(choice, bool) else str(choice)


def _collect_bounds(info: FieldInfo) -> dict[str, Any]:
    """Bounds by name; those of `int | None` and the like sit inside the annotation."""
    names = ("gt", "ge", "lt", "le", "min_length", "pattern")
    bounds: dict[str, Any] = {}
    for part in (*info.metadata, *_inner_metadata(info.annotation)):
        for name in names:
            if getattr(part, name, None) is not None:
                bounds[name] = getattr(part, name)
    return bounds


def _inner_metadata(annotation: Any) -> Iterator[Any]:
    if get_origin(annotation) is Annotated:
        yield from annotation.__metadata__
    elif _is_union(get_origin(annotation)):
        for argument in get_args(annotation):
            yield from _inner_metadata(argument)
