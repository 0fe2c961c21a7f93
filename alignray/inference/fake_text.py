"""What the fake engine says: words cut from one fixed text, and answers that obey a constraint.

The answers to a constraint are listed once (at most 512 of them) and then picked by number, so
that a request costs microseconds whatever its constraint is.
"""

from __future__ import annotations

import functools
import itertools
import json
import math
import random
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from alignray.inference.engine import Constraint

MASK = (1 << 64) - 1
MAX_CANDIDATES = 512
_MAX_RANKED = 32
_SEPARATORS = (" ", ">", " > ", ",", ", ", "")
_SYLLABLES = ("ka", "lo", "mi", "ren", "to", "sa", "vi", "nor", "da", "pel", "u", "shi", "ber")


@dataclass(frozen=True)
class Candidates:
    """Answers that a constraint allows.

    Example: `Candidates(("1 2", "2 1"), presented="1 2")` for the order of two responses.
    """

    texts: tuple[str, ...]
    presented: str | None
    """The order in which the responses were shown, where the answers are orders."""


def mix(number: int) -> int:
    """A 64-bit hash of a 64-bit number (the finalizer of SplitMix64, Steele et al. 2014)."""
    number = (number + 0x9E3779B97F4A7C15) & MASK
    number = ((number ^ (number >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    number = ((number ^ (number >> 27)) * 0x94D049BB133111EB) & MASK
    return number ^ (number >> 31)


class Prose:
    """A fixed text of words; any run of them is found without joining."""

    def __init__(self, num_words: int = 8192) -> None:
        """Builds the text; it is the same in every process."""
        rng = random.Random(0)
        words = ["".join(rng.choices(_SYLLABLES, k=rng.randint(1, 4))) for _ in range(num_words)]
        self.text = " ".join(words)
        self.starts = [0, *itertools.accumulate(len(word) + 1 for word in words)]
        self.num_words = num_words

    def cut(self, number: int, num_words: int) -> str:
        """`num_words` words; the first is the number in hex, so that no two answers are alike."""
        head = f"{number:016x}"
        rest = num_words - 1
        if rest <= 0:
            return head
        if rest >= self.num_words:
            repeats, rest = divmod(rest, self.num_words)
            head = " ".join([head, *[self.text] * repeats])
        if rest == 0:
            return head
        first = number % (self.num_words - rest)
        return f"{head} {self.text[self.starts[first] : self.starts[first + rest] - 1]}"


def list_candidates(constraint: Constraint) -> Candidates:
    """The answers that a constraint allows, or a fixed sample of them; cached."""
    if constraint.choice is not None:
        return _list_choices(constraint.choice)
    if constraint.regex is not None:
        return _list_matches(constraint.regex)
    return _list_documents(json.dumps(constraint.json_schema, sort_keys=True))


@functools.lru_cache(maxsize=256)
def _list_choices(choice: tuple[str, ...]) -> Candidates:
    orders = (_join_orders(separator, n) for n, separator in _order_forms())
    presented = next((first for first in orders if first in choice), None)
    return Candidates(choice, presented)


@functools.lru_cache(maxsize=256)
def _list_matches(pattern: str) -> Candidates:
    matcher = re.compile(pattern)
    for n, separator in _order_forms():
        presented = _join_orders(separator, n)
        if matcher.fullmatch(presented):
            orders = [separator.join(order) for order in _sample_orders(n)]
            return Candidates(tuple(o for o in orders if matcher.fullmatch(o)), presented)
    rng = random.Random(pattern)
    texts = {_draw_match(pattern, rng) for _ in range(MAX_CANDIDATES)}
    return Candidates(tuple(sorted(t for t in texts if matcher.fullmatch(t))) or ("",), None)


@functools.lru_cache(maxsize=256)
def _list_documents(schema_json: str) -> Candidates:
    schema = json.loads(schema_json)
    rng = random.Random(schema_json)
    texts = {json.dumps(_draw_value(schema, rng, False)) for _ in range(MAX_CANDIDATES)}
    ordered = any(word in schema_json for word in ('"array"', '"prefixItems"'))
    presented = json.dumps(_draw_value(schema, rng, True)) if ordered else None
    return Candidates(tuple(sorted(texts)), presented)


def _order_forms() -> Iterator[tuple[int, str]]:
    """Longest first, so that a prefix of an order is not taken for the whole."""
    return itertools.product(range(_MAX_RANKED, 1, -1), _SEPARATORS)


def _join_orders(separator: str, n: int) -> str:
    return separator.join(str(i) for i in range(1, n + 1))


def _sample_orders(n: int) -> Iterator[tuple[str, ...]]:
    names = [str(i) for i in range(1, n + 1)]
    if math.factorial(n) <= MAX_CANDIDATES:
        yield from itertools.permutations(names)
        return
    rng = random.Random(n)
    for _ in range(MAX_CANDIDATES):
        yield tuple(rng.sample(names, n))


def _draw_match(pattern: str, rng: random.Random) -> str:
    """Text of the simple patterns that verdicts use: literals, classes, groups, `|`, repeats."""
    parser: Any = re._parser  # type: ignore[attr-defined]  # no public way to walk a pattern
    return "".join(_draw_node(op, argument, rng) for op, argument in parser.parse(pattern))


def _draw_node(op: Any, argument: Any, rng: random.Random) -> str:
    name = str(op)
    if name == "LITERAL":
        return chr(argument)
    if name == "IN":
        return _draw_class(argument, rng)
    if name == "BRANCH":
        return _draw_nodes(rng.choice(argument[1]), rng)
    if name == "SUBPATTERN":
        return _draw_nodes(argument[-1], rng)
    if name in ("MAX_REPEAT", "MIN_REPEAT"):
        low, high, nodes = argument
        count = rng.randint(low, min(int(high), low + 8))
        return "".join(_draw_nodes(nodes, rng) for _ in range(count))
    return "a" if name in ("ANY", "NOT_LITERAL") else ""


def _draw_nodes(nodes: Any, rng: random.Random) -> str:
    return "".join(_draw_node(op, argument, rng) for op, argument in nodes)


def _draw_class(members: Any, rng: random.Random) -> str:
    op, argument = rng.choice(members)
    name = str(op)
    if name == "RANGE":
        return chr(rng.randint(*argument))
    if name == "CATEGORY":
        return {"CATEGORY_DIGIT": "7", "CATEGORY_SPACE": " "}.get(str(argument), "a")
    return chr(argument) if name == "LITERAL" else "a"


def _draw_value(schema: dict[str, Any], rng: random.Random, ordered: bool) -> Any:
    """A value of a JSON schema; `ordered` gives arrays that count upwards from their minimum."""
    if "const" in schema:
        return schema["const"]
    if "enum" in schema:
        return rng.choice(schema["enum"])
    if "anyOf" in schema:
        return _draw_value(rng.choice(schema["anyOf"]), rng, ordered)
    kind = schema.get("type", "object")
    if kind == "object":
        return {
            name: _draw_value(part, rng, ordered)
            for name, part in schema.get("properties", {}).items()
        }
    if kind == "array":
        return _draw_array(schema, rng, ordered)
    if kind in ("integer", "number"):
        return rng.randint(int(schema.get("minimum", 0)), int(schema.get("maximum", 9)))
    if kind == "boolean":
        return rng.random() < 0.5
    if "pattern" in schema:
        return _draw_match(schema["pattern"], rng)
    return None if kind == "null" else rng.choice(_SYLLABLES)


def _draw_array(schema: dict[str, Any], rng: random.Random, ordered: bool) -> list[Any]:
    items: dict[str, Any] = schema.get("items", {"type": "integer"})
    size = int(schema.get("minItems", schema.get("maxItems", 3)))
    values = items.get("enum") or list(
        range(int(items.get("minimum", 1)), int(items.get("maximum", size)) + 1)
    )
    counts = items.get("type") == "integer" or "enum" in items
    if not counts or len(values) < size:
        return [_draw_value(items, rng, ordered) for _ in range(size)]
    return values[:size] if ordered else rng.sample(values, size)
