"""What every configuration class shares.

A field says *what* is computed and enters the fingerprint of its stage, with two exceptions:

- Classes derived from `Where` say only where and how fast the same result is made (workers, GPUs,
  batch limits, commit intervals). They never change a key or a fingerprint.
- Fields of type `DataPath` and `ModelPath` name inputs. Their *content* enters the fingerprint
  (see `alignray.artifacts`), not their spelling, so a moved file is still the same input.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.fields import FieldInfo


@dataclass(frozen=True)
class InputMarker:
    """Marks a field as the name of an input; `kind` says how its content is identified."""

    kind: Literal["data", "model"]


DataPath = Annotated[str, InputMarker("data")]
"""A file, a directory, a stage's output, a hub id, or a built-in source such as `pocket:train`."""

ModelPath = Annotated[str, InputMarker("model")]
"""A model or adapter directory, a hub id, or a built-in model such as `pocket-base`."""


class Config(BaseModel):
    """Base of all configuration: frozen, no unknown keys, the text under a field is its help."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        use_attribute_docstrings=True,
        validate_default=True,
        protected_namespaces=(),
        allow_inf_nan=False,
    )

    def identity(self) -> dict[str, Any]:
        """The fields that decide the result, as JSON-ready values: no inputs, no `Where` parts."""
        identity = {}
        for name, info in type(self).model_fields.items():
            value = getattr(self, name)
            if not isinstance(value, Where) and get_input_kind(info) is None:
                identity[name] = _identity_of(value)
        return identity

    def inputs(self) -> dict[str, tuple[str, str]]:
        """The named inputs below this configuration: dotted field -> (kind, name)."""
        return dict(_walk_inputs(self, ""))


class Where(Config):
    """Base of settings that say where and how fast, and never what."""


class StageConfig(Config):
    """Base of the configuration of one stage."""

    output_dir: str = Field(min_length=1)
    """Directory that the stage owns; its data, metrics.json and record.json go there."""

    def identity(self) -> dict[str, Any]:
        """As `Config.identity`; the place of the output does not change what it is."""
        identity = super().identity()
        del identity["output_dir"]
        return identity


def as_list(value: Any) -> Any:
    """One item as a list of one: `loss_type=sigmoid` means `loss_type=[sigmoid]`."""
    return (value,) if isinstance(value, str | int | float) else value


def get_input_kind(info: FieldInfo) -> str | None:
    """`data` or `model` for a field that names an input, else None."""
    for marker in (*info.metadata, *getattr(_inner_annotation(info), "__metadata__", ())):
        if isinstance(marker, InputMarker):
            return marker.kind
    return None


def _inner_annotation(info: FieldInfo) -> Any:
    """The annotation itself, or the part of `X | None`, `list[X]`, `dict[str, X]` marked."""
    for argument in getattr(info.annotation, "__args__", ()):
        if hasattr(argument, "__metadata__"):
            return argument
    return info.annotation


def _identity_of(value: Any) -> Any:
    if isinstance(value, Config):
        return value.identity()
    if isinstance(value, (list, tuple)):
        return [_identity_of(item) for item in value]
    if isinstance(value, dict):
        return {str(name): _identity_of(item) for name, item in value.items()}
    return value


def _walk_inputs(config: Config, prefix: str) -> Iterator[tuple[str, tuple[str, str]]]:
    for name, info in type(config).model_fields.items():
        kind = get_input_kind(info)
        for path, value in _leaves(getattr(config, name), f"{prefix}{name}"):
            if isinstance(value, Config):
                yield from _walk_inputs(value, f"{path}.")
            elif kind is not None and value is not None:
                yield path, (kind, str(value))


def _leaves(value: Any, path: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for name, item in value.items():
            yield from _leaves(item, f"{path}.{name}")
    elif isinstance(value, (list, tuple)):
        for index, item in enumerate(value):
            yield from _leaves(item, f"{path}.{index}")
    else:
        yield path, value
