"""A file of another project on its way to alignray's keys: values, places for errors, notes.

Every key of the file leaves one line behind: what it became, that it is not honoured and why, or
that it changes nothing. What is not in the file but differs from alignray's default leaves one too.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Mapping
from typing import Any

from alignray.config.reading import Override, apply_override
from alignray.errors import ConfigError

_LONGEST_VALUE = 120


class Translation:
    """What the file says so far, in alignray's keys.

    Attributes:
        source: name of the file that is being read, before each note.
        content: values under alignray's keys.
        lines: dotted key of alignray -> line of the key that it came from.
        notes: one line per key of the file.
    """

    def __init__(self, source: str, content: Mapping[str, Any], lines: Mapping[str, int]) -> None:
        """Starts from what is in alignray's keys already: nothing, or a file of its own."""
        self.source = source
        self.content: dict[str, Any] = dict(content)
        self.lines = dict(lines)
        self.notes: list[str] = []

    def map(
        self, key: str, target: str, value: Any, why: str = "", line: int | None = None
    ) -> None:
        """`key` became `target=value`."""
        self.set(target, value)
        if line is not None:
            self.lines[target] = line
        self.note(f"{key} -> {target}={show(value)}", why)

    def assume(self, target: str, value: Any, why: str = "") -> None:
        """Not in the file: what the other project does then, where alignray would not."""
        self.map("not in the file", target, value, why)

    def refuse(self, key: str, why: str) -> None:
        """`key` cannot be honoured."""
        self.note(f"{key}: not honoured: {why}")

    def ignore(self, key: str, why: str) -> None:
        """`key` changes nothing."""
        self.note(f"{key}: ignored: {why}")

    def set(self, target: str, value: Any) -> None:
        """Sets a value without a note."""
        self.content = apply_override(self.content, Override(tuple(target.split(".")), value))

    def has(self, target: str) -> bool:
        """Whether a dotted key of alignray has a value."""
        section: Any = self.content
        for name in target.split("."):
            if not isinstance(section, Mapping) or name not in section:
                return False
            section = section[name]
        return True

    def note(self, text: str, why: str = "") -> None:
        """One line, and its reason."""
        self.notes.append(f"{self.source}: {text} ({why})" if why else f"{self.source}: {text}")


def explain_all(why: str, keys: str) -> dict[str, str]:
    """The same explanation for several keys, for tables: `{"tpu_name": why, "tpu_zone": why}`."""
    return dict.fromkeys(keys.split(), why)


def show(value: Any) -> str:
    """A value for a note: one line, cut where it is long."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    text = " ".join(text.split())
    return text if len(text) <= _LONGEST_VALUE else f"{text[:_LONGEST_VALUE]}..."


def build_unknown_key(where: str, key: str, known: Iterable[str], kind: str) -> ConfigError:
    """`unknown key`, with the nearest known one; `kind` says whose key it is not."""
    near = difflib.get_close_matches(key.rpartition(".")[2], sorted(known), n=1, cutoff=0.6)
    do = f"did you mean `{near[0]}`?" if near else f"not a key of {kind}"
    return ConfigError(where, f"unknown key `{key}`", "", do)


def locate(path: str, lines: Mapping[str, int], key: str) -> str:
    """`FILE:LINE` of a dotted key, or of the section around it."""
    while key:
        if key in lines:
            return f"{path}:{lines[key]}"
        key = key.rpartition(".")[0]
    return path
