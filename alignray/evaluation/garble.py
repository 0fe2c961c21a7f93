"""A rule that finds text which has fallen apart: empty, without words, or caught in a loop; pure.

It needs no judge, and so it shows a model that broke even where broken text fools the judge. It
does not see fluent nonsense, answers off the topic, or loops in languages without spaces.
"""

from __future__ import annotations

from collections import Counter

_CODE_SIGNS = frozenset("+-*/=<>()[]{}.,:;%$_|#`\"'\\")

LOOP_MIN_WORDS = 12
"""Shorter texts are not tested for loops."""
LOOP_SHARE = 0.5
"""Share of a text that one word, or its repeated trigrams, must fill to count as a loop."""


def is_garbled(text: str) -> bool:
    """Whether a response is empty, is mostly signs, holds broken bytes, or repeats without end."""
    visible = [char for char in text if not char.isspace()]
    said = sum(char.isalnum() for char in visible)
    if said == 0 or "\ufffd" in text:
        return True
    return _is_noise(visible, said) or _is_loop(text.lower().split())


def _is_noise(visible: list[str], said: int) -> bool:
    """Mostly signs, and not those of formulas or code."""
    signs = [char for char in visible if not char.isalnum()]
    usual = sum(char in _CODE_SIGNS for char in signs)
    return said < len(visible) / 2 and usual < len(signs) / 2


def _is_loop(words: list[str]) -> bool:
    if len(words) < LOOP_MIN_WORDS:
        return False
    if Counter(words).most_common(1)[0][1] >= LOOP_SHARE * len(words):
        return True
    trigrams = Counter(zip(words, words[1:], words[2:], strict=False))
    repeated = sum(count - 1 for count in trigrams.values())
    return repeated >= LOOP_SHARE * sum(trigrams.values())
