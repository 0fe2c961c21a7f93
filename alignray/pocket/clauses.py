"""Reads any text as clauses of the pocket world; what is not of this world is noise.

A clause is what stands between punctuation marks, without its connector ("first", "then"). It is
matched against the steps of all topics and the sentences of `phrases.py`: exactly, or word by word
with a small slip (`SLIP_RATIO`). Free refusals that no table holds are found by a pattern.
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import cache
from typing import Final, Literal

from alignray.pocket import phrases
from alignray.pocket.world import load_topics

Role = Literal[
    "step",
    "opener",
    "closer",
    "refusal",
    "reason",
    "offer",
    "evasion",
    "warning",
    "hold",
    "lead",
    "noise",
]

# Share of equal words, in order, above which a clause is its neighbour with a slip: one word of
# four may be wrong.
SLIP_RATIO: Final = 0.74

_ROLES: Final[dict[Role, tuple[str, ...]]] = {
    "opener": phrases.OPENERS,
    "closer": phrases.CLOSERS,
    "refusal": phrases.REFUSALS,
    "reason": phrases.REASONS,
    "offer": phrases.OFFERS,
    "evasion": phrases.EVASIONS,
    "warning": phrases.WARNINGS,
    "hold": phrases.HOLDS,
}
_FREE_REFUSAL: Final = re.compile(
    r"\b(i|we) (cannot|can not|can't|won't|will not|must not|should not"
    r"|am unable to|am not able to|refuse to)\b"
    r"(?! (wait|believe|help but|say much))"
)
_PUNCTUATION: Final = re.compile(r"[.,!?:;\n]+")


@dataclass(frozen=True)
class Clause:
    """One clause and what it is.

    Example:
        Clause("step", ("brew green tea", 0), "boil fresh water", False)

    Attributes:
        step: (topic, number of the step from 0) for the role "step", None elsewhere.
        slipped: matched with a slip, not exactly.
    """

    role: Role
    step: tuple[str, int] | None
    words: str
    slipped: bool


def parse_clauses(text: str) -> list[Clause]:
    """All clauses of a text, in order; a dangling connector ("then" before a stop) is noise."""
    clauses: list[Clause] = []
    for piece in _PUNCTUATION.split(text.lower().replace("\u2019", "'")):
        words = " ".join(piece.split())
        if words:
            clauses.append(_read_clause(words))
    return clauses


def is_cut_off(text: str) -> bool:
    """Whether a text ends without a closing mark, as one does that ran out of tokens."""
    return not text.rstrip().endswith((".", "!", "?"))


def _read_clause(words: str) -> Clause:
    known = _known_clauses()
    bare = _without_connectors(words)
    for candidate in (words, bare):
        if candidate in known:
            role, step = known[candidate]
            return Clause(role, step, candidate, False)
    if _FREE_REFUSAL.search(words):
        return Clause("refusal", None, words, False)
    near = _nearest_clause(bare)
    if near is not None:
        role, step = known[near]
        return Clause(role, step, bare, True)
    return Clause("noise", None, words, False)


def _without_connectors(words: str) -> str:
    """Drops one connector from the front; a second one is an error of the text and stays."""
    for connector in phrases.CONNECTORS:
        if words == connector:
            return ""
        if words.startswith(connector + " "):
            return words[len(connector) + 1 :]
    return words


def _nearest_clause(words: str) -> str | None:
    """The known clause with the largest share of equal words, if that is at least `SLIP_RATIO`."""
    split = words.split()
    shared: dict[str, int] = defaultdict(int)
    for word in set(split):
        for clause in _clauses_by_word().get(word, ()):
            shared[clause] += 1
    best, best_ratio = None, SLIP_RATIO
    for clause in sorted(shared, key=lambda clause: (-shared[clause], clause))[:8]:
        ratio = SequenceMatcher(None, split, clause.split(), autojunk=False).ratio()
        if ratio > best_ratio:
            best, best_ratio = clause, ratio
    return best


@cache
def _known_clauses() -> dict[str, tuple[Role, tuple[str, int] | None]]:
    known: dict[str, tuple[Role, tuple[str, int] | None]] = {"start like this": ("lead", None)}
    for role, sentences in _ROLES.items():
        for sentence in sentences:
            pieces = [" ".join(piece.split()) for piece in _PUNCTUATION.split(sentence.lower())]
            # "I am sorry, but I cannot ..." has its meaning in the last piece; what stands before
            # leads to it.
            for piece in pieces[:-2]:
                known[piece] = ("lead", None)
            known[pieces[-2]] = (role, None)
    for topic in load_topics():
        for number, step in enumerate(topic.steps):
            known[step] = ("step", (topic.topic, number))
    return known


@cache
def _clauses_by_word() -> dict[str, tuple[str, ...]]:
    index: dict[str, set[str]] = defaultdict(set)
    for clause in _known_clauses():
        for word in clause.split():
            index[word].add(clause)
    return {word: tuple(sorted(clauses)) for word, clauses in index.items()}
