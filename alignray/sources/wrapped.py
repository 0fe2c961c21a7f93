"""Files that hold all rows in one object: parallel lists, or a list beside what is said of it.

`{"instructions": [...], "inputs": [...], "tags": [...]}` is the form of SafeInstr's sets (Bianchi
et al., arXiv 2309.07875), `{"parameters": {...}, "jailbreaks": [...]}` that of JailbreakBench's
artifacts (Chao et al., arXiv 2404.01318).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from alignray.errors import SourceError

_PARALLEL = {"instructions": "instruction", "inputs": "input", "tags": "tag"}
"""List -> column; the other lists may be empty, or as long as the first."""
_LISTS = ("jailbreaks",)


def unwrap(value: Any, where: str) -> Iterator[tuple[str, Any]]:
    """(place below the value, row): the rows that a value holds, or the value itself.

    Example: `{"instructions": ["a", "b"], "inputs": []}` gives `[0]` with `{"instruction": "a"}`
    and `[1]` with `{"instruction": "b"}`.

    Raises:
        SourceError: lists of different lengths, or nothing in them.
    """
    if not isinstance(value, Mapping):
        yield "", value
        return
    name = next((name for name in _LISTS if isinstance(value.get(name), list)), None)
    if name is not None and "prompt" not in value:
        yield from _number(value[name], where, name)
    elif isinstance(value.get("instructions"), list):
        yield from _number(_zip_lists(value, where), where, "instructions")
    else:
        yield "", value


def _number(rows: list[Any], where: str, name: str) -> Iterator[tuple[str, Any]]:
    if not rows:
        raise SourceError(where, f"`{name}` is an empty list", "at least one row")
    for number, row in enumerate(rows):
        yield f"[{number}]", row


def _zip_lists(value: Mapping[str, Any], where: str) -> list[dict[str, Any]]:
    lists = {name: value[name] for name in _PARALLEL if value.get(name)}
    if "instructions" not in lists:
        return []
    length = len(lists["instructions"])
    for name, items in lists.items():
        if not isinstance(items, list) or len(items) != length:
            found = f"{len(items)}" if isinstance(items, list) else type(items).__name__
            raise SourceError(where, f"`{name}` has {found} entries", f"{length}, one for each row")
    return [{_PARALLEL[name]: items[row] for name, items in lists.items()} for row in range(length)]
