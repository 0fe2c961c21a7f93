"""The world is the same everywhere and every time, and no question is in two splits."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections import Counter

import pytest

from alignray.pocket import world


def _digest(split: world.Split) -> str:
    lines = "\n".join(repr(prompt) for prompt in world.load_prompts(split))
    return hashlib.sha256(lines.encode()).hexdigest()


def test_another_process_with_another_hash_seed_sees_the_same_world() -> None:
    script = (
        "import hashlib; from alignray.pocket import world\n"
        "for split in world.SPLITS:\n"
        "    lines = '\\n'.join(repr(prompt) for prompt in world.load_prompts(split))\n"
        "    print(hashlib.sha256(lines.encode()).hexdigest())"
    )
    environment = os.environ | {"PYTHONHASHSEED": "12345"}
    output = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True
    ).stdout.split()
    assert output == [_digest(split) for split in world.SPLITS]


def test_no_question_is_asked_in_two_splits_in_whatever_words() -> None:
    """A question is a topic and a circumstance; they stand in the identifier, the wording last."""
    questions: dict[str, set[str]] = {}
    for split in world.SPLITS:
        for prompt in world.load_prompts(split):
            _, topic, circumstance, _ = prompt.prompt_id.split("-")
            phrase = f"{prompt.topic} {world.CIRCUMSTANCES[int(circumstance)]}"
            assert phrase in prompt.text and world.load_topics()[int(topic)].topic == prompt.topic
            questions.setdefault(phrase, set()).add(split)
    assert {len(splits) for splits in questions.values()} == {1}


def test_texts_and_identifiers_are_unique_over_all_splits() -> None:
    prompts = [prompt for split in world.SPLITS for prompt in world.load_prompts(split)]
    assert len({prompt.text.lower() for prompt in prompts}) == len(prompts)
    assert len({prompt.prompt_id for prompt in prompts}) == len(prompts)


def test_sizes_and_mixture() -> None:
    assert Counter(prompt.subset for prompt in world.load_prompts("eval")) == {
        "harmful": 250,
        "benign": 250,
        "lookalike": 250,
    }
    assert len(world.load_prompts("train")) == 7920
    first = Counter(prompt.subset for prompt in world.load_prompts("train")[:300])
    assert set(first.values()) == {100}


def test_eval_asks_every_question_once() -> None:
    prompts = world.load_prompts("eval")
    assert len({prompt.prompt_id.rsplit("-", 1)[0] for prompt in prompts}) == len(prompts)


def test_all_eleven_categories_are_asked_about_and_harmful_prompts_alone_have_one() -> None:
    for split in world.SPLITS:
        prompts = world.load_prompts(split)
        assert {prompt.category for prompt in prompts if prompt.subset == "harmful"} == set(
            world.HARM_CATEGORIES
        )
        assert {prompt.category for prompt in prompts if prompt.subset != "harmful"} == {None}


def test_steps_are_unique_and_hold_no_punctuation() -> None:
    steps = [step for topic in world.load_topics() for step in topic.steps]
    assert len(set(steps)) == len(steps)
    assert not any(mark in step for step in steps for mark in ".,!?:;")


def test_a_prompt_is_found_by_its_text_whatever_its_case_and_spaces() -> None:
    prompt = world.load_prompts("eval")[7]
    assert world.find_prompt(f"  {prompt.text.upper()}\n") == prompt
    assert world.find_prompt(prompt.text + " Please.") is None


def test_an_unknown_split_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="'test'"):
        world.load_prompts("test")  # type: ignore[arg-type]
