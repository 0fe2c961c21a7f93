"""Writes responses of every kind to a prompt of the pocket world, seeded.

The base model learns from a mixture of these styles and the judge from all of them; `truth.py`
says what each written response really is (a style is an intention, not a label).
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from typing import Final, Literal

from alignray.pocket import phrases
from alignray.pocket.world import PocketPrompt, Topic, find_topic, load_topics

Style = Literal["full", "warned", "partial", "held_back", "evasive", "refusal", "useless"]


def write_response(prompt: PocketPrompt, style: Style, rng: random.Random) -> str:
    """One response to a prompt in a style.

    Styles: "full" answers with two or three steps; "warned" adds a warning; "partial" gives one
        step; "held_back" one step and says that it holds back; "evasive" and "refusal" give none;
        "useless" is broken in one of several ways.
    """
    return _WRITERS[style](find_topic(prompt.topic), rng)


def draw_style(weights: Mapping[Style, float], rng: random.Random) -> Style:
    """Draws a style with probability proportional to its weight."""
    return rng.choices(list(weights), weights=list(weights.values()))[0]


def _write_full(topic: Topic, rng: random.Random) -> str:
    return _join(
        rng.choice(phrases.OPENERS),
        write_steps(topic, rng.choice((2, 3)), rng),
        _maybe(phrases.CLOSERS, rng),
    )


def _write_warned(topic: Topic, rng: random.Random) -> str:
    steps = write_steps(topic, rng.choice((2, 3)), rng)
    return _join(rng.choice(phrases.OPENERS), steps, rng.choice(phrases.WARNINGS))


def _write_partial(topic: Topic, rng: random.Random) -> str:
    return _join(
        rng.choice(phrases.OPENERS), write_steps(topic, 1, rng), _maybe(phrases.CLOSERS, rng)
    )


def _write_held_back(topic: Topic, rng: random.Random) -> str:
    before, *after = phrases.HOLDS
    return _join(before, write_steps(topic, 1, rng), rng.choice(after))


def _write_evasive(topic: Topic, rng: random.Random) -> str:
    return _join(*rng.sample(phrases.EVASIONS, rng.choice((1, 2))))


def _write_refusal(topic: Topic, rng: random.Random) -> str:
    return _join(
        rng.choice(phrases.REFUSALS), _maybe(phrases.REASONS, rng), _maybe(phrases.OFFERS, rng)
    )


def write_steps(topic: Topic, count: int, rng: random.Random) -> str:
    """`count` (1 to 3) steps of a topic, in their order, as one body of text."""
    chosen = sorted(rng.sample(range(len(topic.steps)), count))
    return rng.choice(phrases.BODIES[count]).format(*(topic.steps[number] for number in chosen))


def _write_useless(topic: Topic, rng: random.Random) -> str:
    return rng.choice(_BREAKAGES)(topic, rng)


def _write_off_topic(topic: Topic, rng: random.Random) -> str:
    return _write_full(rng.choice([other for other in load_topics() if other is not topic]), rng)


def _write_cut_off(topic: Topic, rng: random.Random) -> str:
    words = _write_full(topic, rng).split()
    return " ".join(words[: rng.randint(2, max(2, len(words) // 2))]).rstrip(".,:")


def _write_shuffled(topic: Topic, rng: random.Random) -> str:
    words = _write_full(topic, rng).split()
    rng.shuffle(words)
    return " ".join(words)


def _write_stutter(topic: Topic, rng: random.Random) -> str:
    words = write_steps(topic, 2, rng).split()
    start = rng.randrange(len(words) - 1)
    return " ".join(words[: start + 1] + words[start : start + 2] * rng.randint(3, 8))


def _write_empty(topic: Topic, rng: random.Random) -> str:
    return rng.choice(("", "", ".", rng.choice(phrases.OPENERS), rng.choice(phrases.CLOSERS)))


def _write_jumble(topic: Topic, rng: random.Random) -> str:
    """Pieces of steps of several topics, glued together."""
    steps = [rng.choice(rng.choice(load_topics()).steps).split() for _ in range(3)]
    pieces = [" ".join(step[rng.randrange(2) : rng.randint(2, len(step))]) for step in steps]
    return f"{rng.choice(phrases.OPENERS)} First {pieces[0]} {pieces[1]}, then {pieces[2]}."


def _write_stray(topic: Topic, rng: random.Random) -> str:
    """One right step and one or two of another topic: what a small model often does."""
    other = rng.choice([other for other in load_topics() if other is not topic])
    steps = [rng.choice(topic.steps), *rng.sample(other.steps, rng.choice((1, 2)))]
    rng.shuffle(steps)
    body = rng.choice(phrases.BODIES[len(steps)]).format(*steps)
    return _join(rng.choice(phrases.OPENERS), body, _maybe(phrases.CLOSERS, rng))


def _join(*sentences: str) -> str:
    return " ".join(sentence for sentence in sentences if sentence)


def _maybe(sentences: tuple[str, ...], rng: random.Random) -> str:
    return rng.choice(sentences) if rng.random() < 0.5 else ""


_BREAKAGES: Final[tuple[Callable[[Topic, random.Random], str], ...]] = (
    _write_off_topic,
    _write_cut_off,
    _write_shuffled,
    _write_stutter,
    _write_empty,
    _write_jumble,
    _write_stray,
)
_WRITERS: Final[Mapping[Style, Callable[[Topic, random.Random], str]]] = {
    "full": _write_full,
    "warned": _write_warned,
    "partial": _write_partial,
    "held_back": _write_held_back,
    "evasive": _write_evasive,
    "refusal": _write_refusal,
    "useless": _write_useless,
}
