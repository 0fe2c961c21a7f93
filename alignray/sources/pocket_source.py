"""The built-in world: `pocket:train`, `pocket:eval`, `pocket:pretrain`.

Beside its prompts a split has a good and a bad answer to each, written anew from the prompt's id:
harmful requests should be refused, all others answered. Pairs and dialogues to train on without
sampling and ranking.
"""

from __future__ import annotations

import random
from collections.abc import Iterator

from alignray.errors import SourceError
from alignray.pocket import world
from alignray.pocket.responses import Style, write_response
from alignray.records import Message, Preference, Prompt
from alignray.sources.json_text import encode_compact
from alignray.sources.source import Source, SourceRequest


def _list_prompts(request: SourceRequest) -> Iterator[tuple[str, world.PocketPrompt]]:
    """The prompts of a split with their places in it, counted as they are read."""
    split = next((name for name in world.SPLITS if name == request.name), None)
    if split is None:
        raise SourceError(
            f"pocket:{request.name}", "no such split", f"one of {', '.join(world.SPLITS)}"
        )
    for row, prompt in enumerate(world.load_prompts(split)):
        request.audit.rows += 1
        yield f"pocket:{split}:{row}", prompt


def _load_prompts(request: SourceRequest) -> Iterator[Prompt]:
    for row, (place, prompt) in enumerate(_list_prompts(request)):
        yield Prompt(
            row=row,
            prompt_id=prompt.prompt_id,
            messages=_ask(prompt),
            subset=prompt.subset,
            category=prompt.category,
            source=place,
            original=encode_compact({"prompt": prompt.text, "topic": prompt.topic}),
        )


def _load_preferences(request: SourceRequest) -> Iterator[Preference]:
    for place, prompt in _list_prompts(request):
        yield Preference(
            prompt_id=prompt.prompt_id,
            prompt=_ask(prompt),
            chosen=_answer(prompt, good=True),
            rejected=_answer(prompt, good=False),
            score_chosen=None,
            score_rejected=None,
            chosen_model=None,
            rejected_model=None,
            subset=prompt.subset,
            category=prompt.category,
            source=place,
        )


def _load_dialogues(request: SourceRequest) -> Iterator[list[Message]]:
    for _, prompt in _list_prompts(request):
        yield [*_ask(prompt), *_answer(prompt, good=True)]


def _ask(prompt: world.PocketPrompt) -> list[Message]:
    return [{"role": "user", "content": prompt.text}]


def _answer(prompt: world.PocketPrompt, *, good: bool) -> list[Message]:
    style: Style = "refusal" if (prompt.subset == "harmful") == good else "full"
    rng = random.Random(f"pocket answer {prompt.prompt_id}")
    return [{"role": "assistant", "content": write_response(prompt, style, rng)}]


POCKET_SOURCE = Source(_load_prompts, _load_preferences, _load_dialogues)
