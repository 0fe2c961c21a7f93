"""YAML files and `key=value` arguments -> plain values, with the place of each key for messages.

YAML is read by the rules of YAML 1.2 where 1.1 surprises: `no`, `on` and `2024-01-01` are text,
`1e-4` is a number, and a key given twice is an error.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from alignray.errors import ConfigError

_FLOAT = (
    r"^(?:[-+]?[0-9][0-9_]*(?:\.[0-9]*)?(?:[eE][-+]?[0-9]+)?"
    r"|[-+]?\.[0-9]+(?:[eE][-+]?[0-9]+)?"
    r"|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$"
)
_PLAIN_STARTS = ("@", "`", "%")


@dataclass(frozen=True)
class Origin:
    """Where the keys of a configuration were given, for messages.

    Example: `Origin("rank.yaml", {"mode": 4}, frozenset({"seed"}))`: `mode` stands on line 4 of
    the file, `seed` was an argument.
    """

    path: str | None = None
    lines: dict[str, int] = field(default_factory=dict)
    arguments: frozenset[str] = frozenset()
    prefix: str = ""
    """Dotted place of the configuration in its file, e.g. `stages.rank.`."""
    above: tuple[str, dict[str, int]] | None = None
    """A file that goes over `path`, and the line of each key in it."""

    def locate(self, key: str) -> str:
        """The place of a dotted key: `argument seed`, `rank.yaml:4`, or the file's name."""
        full = f"{self.prefix}{key}"
        if any(_covers(argument, full) for argument in self.arguments):
            return "arguments"
        if self.path is None:
            return "configuration"
        files = [(self.path, self.lines)]
        if self.above is not None:
            files.insert(0, self.above)
        while full:
            for path, lines in files:
                if full in lines:
                    return f"{path}:{lines[full]}"
            full = full.rpartition(".")[0]
        return self.path


@dataclass(frozen=True)
class Override:
    """One `key=value` argument, e.g. `Override(("sampling", "n"), 3)`."""

    keys: tuple[str, ...]
    value: Any

    @property
    def key(self) -> str:
        """The dotted key."""
        return ".".join(self.keys)


def read_yaml(path: str) -> tuple[dict[str, Any], dict[str, int]]:
    """A YAML file as a map, and the line of each dotted key (from 1).

    Raises:
        ConfigError: no such file, not YAML, a key given twice, or not a map.
    """
    try:
        text = Path(path).expanduser().read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ConfigError(path, "no such file", "a YAML file") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(path, f"cannot be read ({error})", "a YAML file in UTF-8") from error
    return parse_yaml(text, path)


def parse_yaml(text: str, name: str) -> tuple[dict[str, Any], dict[str, int]]:
    """As `read_yaml`, from text.

    Raises:
        ConfigError: as `read_yaml`.
    """
    loader = _Loader(text)
    try:
        node = loader.get_single_node()
        lines = dict(_walk_keys(node, "", name))
        content = loader.construct_document(node) if node is not None else {}
    except yaml.YAMLError as error:
        raise _explain(error, name) from None
    finally:
        loader.dispose()
    if not isinstance(content, dict):
        raise ConfigError(name, f"a {type(content).__name__}", "keys and values (a YAML map)")
    return content, lines


def parse_override(text: str) -> Override:
    """One argument `key=value`; the value is YAML, and empty is null.

    Raises:
        ConfigError: no key, no `=`, or a value that is not YAML.
    """
    key, equals, value = text.partition("=")
    keys = tuple(key.split("."))
    if not equals or not all(keys):
        raise ConfigError(f"argument {text!r}", "not of the form key=value", "e.g. sampling.n=3")
    if value.startswith(_PLAIN_STARTS):
        return Override(keys, value)
    try:
        return Override(keys, yaml.load(value, _Loader))
    except yaml.YAMLError:
        raise ConfigError(
            f"argument {key}", "value is not YAML", "e.g. key=3, key='some text', key='[a, b]'"
        ) from None


def apply_override(content: dict[str, Any], override: Override) -> dict[str, Any]:
    """The content with one value set, as a new map; sections on the way are made where missing.

    Raises:
        ConfigError: the key leads through a value that has no keys.
    """
    changed: dict[str, Any] = _set(content, override.keys, override)
    return changed


def _set(content: Any, keys: Sequence[str], override: Override) -> Any:
    if not keys:
        return override.value
    name, rest = keys[0], keys[1:]
    if isinstance(content, list) and name.isdigit() and int(name) < len(content):
        at = int(name)
        return [*content[:at], _set(content[at], rest, override), *content[at + 1 :]]
    if content is None:
        content = {}
    if not isinstance(content, dict):
        raise ConfigError(
            "arguments", f"key `{override.key}`: there is no `{name}` in a {type(content).__name__}"
        )
    return {**content, name: _set(content.get(name), rest, override)}


class _Loader(yaml.SafeLoader):
    """SafeLoader with the scalars of YAML 1.2."""


_Loader.yaml_implicit_resolvers = {
    start: [
        (tag, pattern)
        for tag, pattern in resolvers
        if tag.rpartition(":")[2] in ("null", "merge", "value")
    ]
    for start, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:bool", re.compile(r"^(?:true|True|TRUE|false|False|FALSE)$"), list("tTfF")
)
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:int", re.compile(r"^[-+]?(?:0|[1-9][0-9_]*)$"), list("-+0123456789")
)
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(_FLOAT),
    list("-+0123456789."),
)


def _walk_keys(node: yaml.Node | None, prefix: str, name: str) -> Iterator[tuple[str, int]]:
    """Dotted keys with their lines; complains of a key given twice."""
    if isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            yield f"{prefix}{index}", item.start_mark.line + 1
            yield from _walk_keys(item, f"{prefix}{index}.", name)
    if not isinstance(node, yaml.MappingNode):
        return
    seen: dict[str, int] = {}
    for key_node, value_node in node.value:
        key, line = str(key_node.value), key_node.start_mark.line + 1
        if key in seen and key != "<<":
            raise ConfigError(
                f"{name}:{line}", f"key `{prefix}{key}` is given twice (first on line {seen[key]})"
            )
        seen[key] = line
        yield f"{prefix}{key}", line
        yield from _walk_keys(value_node, f"{prefix}{key}.", name)


def _explain(error: yaml.YAMLError, name: str) -> ConfigError:
    mark = getattr(error, "problem_mark", None)
    where = f"{name}:{mark.line + 1}" if mark is not None else name
    problem = str(getattr(error, "problem", None) or error)
    do = 'quote a value that begins with @: "@stage"' if "'@'" in problem else ""
    return ConfigError(where, f"not YAML ({problem})", "", do)


def _covers(argument: str, key: str) -> bool:
    return argument == key or key.startswith(f"{argument}.") or argument.startswith(f"{key}.")
