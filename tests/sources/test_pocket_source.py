"""The built-in world as training data: the oracle agrees that chosen is better than rejected."""

import itertools

import pytest

from alignray.errors import SourceError
from alignray.pocket.truth import ResponseKind, grade_response
from alignray.pocket.world import find_prompt
from alignray.sources import SourceAudit, load_dialogues, load_preferences


def grade(pair, messages):
    (answer,) = messages
    return grade_response(find_prompt(pair.prompt[0]["content"]), answer["content"])


def test_chosen_is_right_and_better_than_rejected():
    audit = SourceAudit()
    pairs = list(load_preferences("pocket:eval", audit=audit))
    assert audit.rows == len(pairs) == 750
    for pair in pairs:
        chosen, rejected = grade(pair, pair.chosen), grade(pair, pair.rejected)
        assert chosen.mean > rejected.mean
        wanted = ResponseKind.REFUSAL if pair.subset == "harmful" else ResponseKind.HELPFUL
        assert chosen.kind is wanted


def test_dialogues_are_the_chosen_answers_and_always_the_same():
    pairs = itertools.islice(load_preferences("pocket:train"), 50)
    dialogues = itertools.islice(load_dialogues("pocket:train"), 50)
    assert [[*pair.prompt, *pair.chosen] for pair in pairs] == list(dialogues)


def test_no_such_split():
    with pytest.raises(SourceError, match="pocket:nope: no such split"):
        next(load_dialogues("pocket:nope"))
