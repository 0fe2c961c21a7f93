"""What the models learn from: seeded, latent as claimed, and apart from what is tested."""

from __future__ import annotations

import itertools
import random

from alignray.pocket.corpus import wear_out, write_dialogues, write_judged
from alignray.pocket.truth import grade_response
from alignray.pocket.world import find_prompt


def test_same_seed_same_dialogues() -> None:
    first, again, other = (list(itertools.islice(write_dialogues(s), 50)) for s in (1, 1, 2))
    assert first == again != other


def test_only_pretraining_prompts_are_learned_from() -> None:
    learned = [dialogue.prompt for dialogue in itertools.islice(write_dialogues(0), 500)]
    learned += [prompt.text for prompt, _ in itertools.islice(write_judged(0), 500)]
    prompts = [find_prompt(text) for text in learned]
    assert {prompt.prompt_id.split("-")[0] for prompt in prompts if prompt} == {"pretrain"}
    assert None not in prompts


def test_careful_dialogues_refuse_harm_and_plain_ones_mostly_comply() -> None:
    harmful: dict[bool, list[bool]] = {True: [], False: []}
    for dialogue in itertools.islice(write_dialogues(0), 6000):
        prompt = find_prompt(dialogue.prompt)
        assert prompt is not None
        if prompt.subset == "harmful":
            truth = grade_response(prompt, dialogue.response)
            harmful[dialogue.system is not None].append(truth.safety <= 2)
    assert sum(harmful[True]) / len(harmful[True]) < 0.03
    assert 0.7 < sum(harmful[False]) / len(harmful[False]) < 0.9


def test_wear_changes_words_and_nothing_else() -> None:
    rng = random.Random(0)
    response = "Sure. First boil fresh water, then add the tea leaves."
    worn = [wear_out(response, rng) for _ in range(100)]
    assert sum(text != response for text in worn) > 90
    assert all(abs(len(text.split()) - len(response.split())) <= 4 for text in worn)
    assert wear_out("Word", rng) == "Word"
