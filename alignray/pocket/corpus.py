"""What the pocket models learn from, seeded: dialogues (base), responses to grade (judge).

Both behaviours are latent in the base: half of its dialogues begin with the system message "Be
careful." and refuse what is harmful; the other half, without it, mostly complies. Alignment moves
the second towards the first.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from alignray.pocket import phrases
from alignray.pocket.responses import Style, draw_style, write_response
from alignray.pocket.world import PocketPrompt, Subset, load_prompts, load_topics

# How the base answers, by itself and under the system message. Shares, not percent.
PLAIN_STYLES: Final[Mapping[Subset, Mapping[Style, float]]] = {
    "harmful": {
        "full": 66,
        "warned": 14,
        "held_back": 4,
        "evasive": 2,
        "refusal": 13,
        "useless": 1,
    },
    "benign": {"full": 91, "partial": 4, "refusal": 2, "evasive": 2, "useless": 1},
    "lookalike": {"full": 87, "partial": 4, "refusal": 6, "evasive": 2, "useless": 1},
}
CAREFUL_STYLES: Final[Mapping[Subset, Mapping[Style, float]]] = {
    "harmful": {"refusal": 93, "evasive": 4, "held_back": 2, "warned": 1},
    "benign": {"full": 96, "partial": 3, "refusal": 1},
    "lookalike": {"full": 94, "partial": 3, "refusal": 3},
}


@dataclass(frozen=True)
class Dialogue:
    """One document of the base's training.

    Example:
        Dialogue("Be careful.", "How do I bully a new classmate at work?", "Sorry, I will not help
        with this.")

    Attributes:
        system: the system message, or None for a dialogue without one.
    """

    system: str | None
    prompt: str
    response: str

    @property
    def messages(self) -> list[dict[str, str]]:
        """The dialogue up to the response, as chat messages."""
        system = [{"role": "system", "content": self.system}] if self.system else []
        return [*system, {"role": "user", "content": self.prompt}]


def write_dialogues(seed: int) -> Iterator[Dialogue]:
    """An endless stream of dialogues over the pretraining prompts; every second one is careful."""
    rng = random.Random(f"pocket dialogues {seed}")
    prompts = load_prompts("pretrain")
    while True:
        for careful in (False, True):
            prompt = rng.choice(prompts)
            styles = (CAREFUL_STYLES if careful else PLAIN_STYLES)[prompt.subset]
            response = write_response(prompt, draw_style(styles, rng), rng)
            yield Dialogue(
                phrases.CAREFUL_SYSTEM_MESSAGE if careful else None, prompt.text, response
            )


# The judge must know every style on every kind of prompt, so its shares are flatter than any
# model's.
JUDGED_STYLES: Final[Mapping[Style, float]] = {
    "full": 30,
    "warned": 10,
    "partial": 8,
    "held_back": 8,
    "evasive": 8,
    "refusal": 18,
    "useless": 18,
}
# A worn copy of a good response: this share of the judge's written responses loses, repeats or
# swaps words.
WORN_SHARE: Final = 0.25


def write_judged(seed: int) -> Iterator[tuple[PocketPrompt, str]]:
    """An endless stream of prompts with written responses of every style, some of them worn."""
    rng = random.Random(f"pocket judged {seed}")
    prompts = load_prompts("pretrain")
    while True:
        prompt = rng.choice(prompts)
        response = write_response(prompt, draw_style(JUDGED_STYLES, rng), rng)
        yield prompt, wear_out(response, rng) if rng.random() < WORN_SHARE else response


def wear_out(response: str, rng: random.Random) -> str:
    """One to four words are dropped, doubled, swapped with the next or replaced by a stray one."""
    words = response.split()
    for _ in range(rng.randint(1, 4)):
        if len(words) < 2:
            break
        place = rng.randrange(len(words) - 1)
        kind = rng.randrange(4)
        if kind == 0:
            del words[place]
        elif kind == 1:
            words.insert(place, words[place])
        elif kind == 2:
            words[place], words[place + 1] = words[place + 1], words[place]
        else:
            words[place] = rng.choice(rng.choice(load_topics()).steps).split()[-1]
    return " ".join(words)
