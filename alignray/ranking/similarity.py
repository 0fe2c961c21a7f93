"""When two responses are the same, or nearly so; pure.

Two texts are identical if they differ at most in case and white space. They are near duplicates if
they share most of their word triples, whatever the punctuation (resemblance of shingles: Broder,
SEQUENCES 1997). One word changed in the middle of eight leaves 3 triples of 9, so a "can" that
becomes a "can't" keeps two texts apart.
"""

from __future__ import annotations

import re

_WORD = re.compile(r"\w+(?:['\u2019]\w+)?")

Shingles = frozenset[tuple[str, ...]]
"""The word triples of a text."""


def normalize_text(text: str) -> str:
    """The text in lower case with one space for all white space.

    Example: `" Sure!  Here it is. "` -> `"sure! here it is."`.
    """
    return " ".join(text.lower().replace("\u2019", "'").split())


def build_shingles(normalized: str) -> Shingles:
    """The word triples of a normalised text; a text of fewer words, or of none, is one shingle."""
    words = _WORD.findall(normalized)
    if len(words) <= 3:
        return frozenset([tuple(words) or (normalized,)])
    return frozenset(zip(words, words[1:], words[2:], strict=False))


def compute_resemblance(a: Shingles, b: Shingles) -> float:
    """Jaccard resemblance of two shingle sets, 0 to 1."""
    shared = len(a & b)
    return shared / (len(a) + len(b) - shared)
